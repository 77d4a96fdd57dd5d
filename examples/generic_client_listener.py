"""A client that listens: to an event of a sender, to all of a sender, to a channel, or to everything."""

from __future__ import annotations

import threading
from typing import Any

import prompts
from names import as_json, write_name
from program import client_parser, joined, logger, run
from prompts import Question

import sig_core as sig

QUESTIONS = (
    *prompts.SERVER,
    Question("Sender", "sender", "None", prompts.any_name, "whose events; None: of all senders"),
    Question("Event", "event", "None", prompts.any_name, "which; None: all; a channel (#changed) if of all senders"),
)


def listener_connect(info: sig.Info, data: Any) -> None:
    state = "connected" if info["event"] == sig.EVENT_CONNECT else "disconnected"
    logger.info(f"Sender {write_name(info['sender'])} is now {state}")


def listener(info: sig.Info, data: Any) -> None:
    sender, event = write_name(info["sender"]), write_name(info["event"])
    logger.info(f"[{sender}] Event {event} received with data '{as_json(data)}'")


def main() -> None:
    answers = prompts.ask(client_parser(__doc__), QUESTIONS)
    with joined(answers) as client:
        client.add_remote_listener(listener_connect, answers.sender, sig.EVENT_CONNECT)
        client.add_remote_listener(listener_connect, answers.sender, sig.EVENT_DISCONNECT)
        client.add_remote_listener(listener, answers.sender, answers.event)
        threading.Event().wait()


if __name__ == "__main__":
    run(main)
