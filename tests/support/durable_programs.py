"""The programs of the crash test of durable listeners: `python -m tests.support.durable_programs ROLE URL FILE`."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import sig_core as sig

T = TypeVar("T")
NAME, EVENT = "billing", "#order"


class Journal:
    """Lines that outlive this process, once they are written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


def connected(url: str) -> sig.ClientRouter:
    """Give a client; the server may be killed just now, and is back soon."""
    while True:
        with suppress(sig.SigError):
            return sig.ClientRouter(url).start()
        time.sleep(0.05)


def within_reach(begin: Callable[[], T]) -> T:
    """Begin, and once more where the server was killed meanwhile."""
    while True:
        with suppress(sig.SigError):
            return begin()
        time.sleep(0.05)


def serve(url: str, store: str) -> None:
    """Serve with a store, until killed."""
    with sig.ServerRouter(url, store=store):
        print("up", flush=True)
        threading.Event().wait()


def send(url: str, journal: str) -> None:
    """Fire numbers, and write down those that were confirmed, until killed."""
    path = Path(journal)
    before = [int(line.split()[1]) for line in path.read_text().splitlines()] if path.exists() else []
    log, number = Journal(path), max(before, default=0)
    order = within_reach(lambda: connected(url).add_remote_sender("shop", [EVENT])).get_signal(EVENT)
    while True:
        number += 1
        log.write("try", number)
        try:
            order.trigger(number, confirm=5)
        except sig.SigError:
            time.sleep(0.02)  # there is no server just now
        else:
            log.write("sure", number)


def listen(url: str, journal: str) -> None:
    """Write down what comes, and what is acknowledged for good, until killed."""
    log = Journal(Path(journal))

    def hear(info: sig.Info, data: int) -> None:
        log.write("heard", info["position"], data, int("repeated" in info))

    def begin() -> sig.ClientRouter:
        client = connected(url)
        client.add_remote_listener(hear, event=EVENT, durable=NAME)
        return client

    settled, listener = -1, within_reach(begin)._state.registrations._durables[NAME]
    while True:
        if listener.settled > settled:
            settled = listener.settled
            log.write("settled", settled)
        time.sleep(0.005)


if __name__ == "__main__":
    {"serve": serve, "send": send, "listen": listen}[sys.argv[1]](*sys.argv[2:])
