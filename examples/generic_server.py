"""A server, with a sender of its own that fires one event again and again."""

from __future__ import annotations

import argparse
import time
from typing import Any

import prompts
from program import logger, run
from prompts import Question

import sig_core as sig

QUESTIONS = (
    Question("Log level", "log-level", "info", prompts.level, f"least that is logged: {', '.join(prompts.LEVELS)}"),
    Question("Server bind", "bind", "0.0.0.0", prompts.host, "address to listen on; 127.0.0.1: for this machine alone"),
    Question("Server port", "port", "3000", prompts.any_port, "port to listen on; 0: a free one"),
    Question("Sender", "sender", "timer", prompts.name, "name of the sender"),
    *prompts.FIRED,
)


def read_answers() -> Any:
    parser = argparse.ArgumentParser(description=f"{__doc__} Without any option it asks.", allow_abbrev=False)
    text = "address to listen on, for any carrier: unix:///run/sig.sock; may be given several times"
    parser.add_argument("--url", type=prompts.url, action="append", help=text)
    text = "codec that clients may speak, may be given several times (default: all that are installed)"
    parser.add_argument("--codec", action="append", help=text)
    return prompts.ask(parser, QUESTIONS)


def main() -> None:
    answers = read_answers()
    logger.level = answers.log_level
    urls = answers.url or [prompts.tcp_url(answers.bind, answers.port)]
    for url in urls:
        carrier, _, place = url.partition("://")
        logger.info(f"[{carrier.upper()}_SRV] Starting to listen on {place}")
    with sig.ServerRouter(*urls, codecs=answers.codec, open=True) as server:
        signal = server.add_sender(answers.sender, [answers.event]).get_signal(answers.event)
        while True:
            logger.info(f"[{answers.sender}] Triggering event {answers.event} with data '{answers.data}'")
            signal.trigger(answers.data)
            time.sleep(answers.delay)


if __name__ == "__main__":
    run(main)
