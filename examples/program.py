"""What the programs share: how they log, how they end, and how a client waits for its server."""
# ruff: noqa: G004 - a SimpleLogger formats nothing

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import prompts
from login import add_login, server_url, token_of

import sig_core as sig

__all__ = ["client_parser", "joined", "logger", "run"]

RETRY = 5.0  # seconds between two attempts to connect

logger = sig.SimpleLogger(tag="[sig]", level=sig.LOG_LEVELS.LEVEL_INFO)


def run(main: Callable[[], None]) -> NoReturn:
    """Run a program to its end: status 0 by SIGINT or SIGTERM, 2 for what can't be meant or had, 1 for what failed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started it in the background
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout = _Output(sys.stdout.buffer, errors="backslashreplace", line_buffering=True)
    sig.setup_logger(logger)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
    except sig.SigError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, sig.ConfigError | sig.PluginError | sig.CodecError) else 1)
    sys.exit(0)


class _Output(io.TextIOWrapper):
    """Standard output; ends the program when nobody reads it any more."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is still to be written until the end
            os.kill(os.getpid(), signal.SIGTERM)  # not raise_signal: the main thread waits, and is to wake
            return len(text)


def client_parser(about: str | None) -> argparse.ArgumentParser:
    """Give a parser of what every client can be told, but is never asked for."""
    parser = argparse.ArgumentParser(description=f"{about} Without any option it asks.", allow_abbrev=False)
    parser.add_argument("--url", type=prompts.url, help="address of the server, for any carrier: unix:///run/sig.sock")
    parser.add_argument("--codec", default="json", help="codec to speak: json, msgpack, cbor (default: json)")
    add_login(parser)
    text = f"seconds between two attempts to connect (default: {RETRY:g})"
    parser.add_argument("--retry", type=prompts.seconds, default=RETRY, metavar="SECONDS", help=text)
    return parser


@contextmanager
def joined(answers: Any) -> Iterator[sig.ClientRouter]:
    """Give a client that is connected; waits for the server until there is one.

    Args:
        answers: to the questions `prompts.SERVER` and of the options of `client_parser`.
    """
    client = connect(server_url(answers), answers.codec, answers.retry, token_of(answers))
    try:
        yield client
    finally:
        client.stop()


def connect(url: str, codec: str, retry: float, token: Callable[[], str] | None) -> sig.ClientRouter:
    """Connect, again and again until somebody is there."""
    carrier, _, place = url.partition("?")[0].partition("://")
    tag = f"[{carrier.upper()}_CL]"
    while True:
        logger.info(f"{tag} Connecting to {place}")
        try:
            client = sig.ClientRouter(url, codec, token=token).start()
        except sig.ConnectFailed as error:
            logger.warning(f"{tag} {error} (trying again in {retry:g} s)")
            time.sleep(retry)
        else:
            logger.info(f"{tag} Started receive thread for {place}")
            return client
