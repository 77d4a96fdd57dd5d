"""A client with a sender that fires one event again and again, also to servers that come and go."""

from __future__ import annotations

import time

import prompts
from program import client_parser, joined, logger, run
from prompts import Question

import sig_core as sig

QUESTIONS = (
    *prompts.SERVER,
    Question("Sender", "sender", "timer_client", prompts.name, "name of the sender"),
    *prompts.FIRED,
)


def main() -> None:
    answers = prompts.ask(client_parser(__doc__), QUESTIONS)
    name, event = answers.sender, answers.event
    with joined(answers) as client:
        signal = client.add_remote_sender(name, [event]).get_signal(event)
        while True:
            logger.info(f"[{name}] Triggering event {event} with data '{answers.data}'")
            try:
                signal.trigger(answers.data)
            except sig.LinkClosed as error:  # the client comes back by itself
                logger.warning(f"[{name}] Event {event} was not sent: {error}")
            time.sleep(answers.delay)


if __name__ == "__main__":
    run(main)
