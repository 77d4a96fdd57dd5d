"""A worker process: takes jobs by requests, and tells how far it is by events. `ipc_main.py` starts it."""

from __future__ import annotations

import argparse
import math
import signal
import threading
from contextlib import suppress
from typing import Any

import sig_core as sig

STEP = 20_000  # numbers between two progress events


class Worker:
    """Its public methods are the jobs that it can do."""

    def __init__(self, client: sig.ClientRouter, name: str) -> None:
        self._sender = client.add_remote_sender(name, ["#ready", "#progress"], self)
        self._sender.get_signal("#ready").trigger()  # #connect comes earlier: before there is a sender here

    def count_primes(self, below: int) -> int:
        """Count the primes below a number, the slow way, and tell of it; a trigger fails when the parent is gone."""
        progress = self._sender.get_signal("#progress")
        found = 0
        for number in range(below):
            found += is_prime(number)
            if (number + 1) % STEP == 0:
                progress.trigger({"below": below, "percent": 100 * (number + 1) // below})
        return found


def is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def work(url: str, name: str) -> None:
    """Be a worker until the parent has left."""
    left = threading.Event()

    def parent_left(state: str, error: Any) -> None:
        left.set()

    client = sig.ClientRouter(url, reconnect=None)
    client.on("disconnected", parent_left)
    with client:
        Worker(client, name)
        left.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the server in the parent process")
    parser.add_argument("--name", default="worker", help="of the sender (default: %(default)s)")
    options = parser.parse_args()

    with suppress(KeyboardInterrupt):
        for number in (signal.SIGINT, signal.SIGTERM):  # both end it as Ctrl-C does: by a KeyboardInterrupt
            signal.signal(number, signal.default_int_handler)
        work(options.url, options.name)


if __name__ == "__main__":
    main()
