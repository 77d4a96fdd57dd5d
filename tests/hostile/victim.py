"""`python -m tests.hostile.victim LOG`: the server that is attacked; it ends when its input does."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable

import sig_core as sig
from sig_core import aio
from sig_core.io.server.io_thread import IoThread

__all__: list[str] = []

NO_BUDGET = 1 << 50  # bytes


class LongestTurn:
    """The most that the thread which serves the links did between two looks at who is ready: of the processor's time.

    What others wait for beside that is that their own processes, or the server, have no processor.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began: float | None = None

    def poll_ends(self, served: Callable[[IoThread], None]) -> Callable[[IoThread], None]:
        """Return what polls and serves, and is measured: from one poll to the next."""

        def poll(thread: IoThread) -> None:
            now = time.thread_time()
            if self._began is not None:
                self.seconds = max(self.seconds, now - self._began)
            self._began = now
            served(thread)

        return poll


def slow(params: object) -> object:
    """Answer late."""
    time.sleep(0.002)
    return params


def tell(addresses: list[str]) -> None:
    print(*addresses, flush=True)


async def on_asyncio(limits: sig.Limits) -> None:
    async with aio.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        server.add_sender("slow", [], {"slow": slow})
        tell(server.addresses)
        await asyncio.to_thread(sys.stdin.read)


def on_threads(limits: sig.Limits) -> None:
    longest = LongestTurn()
    IoThread._poll = longest.poll_ends(IoThread._poll)  # type: ignore[method-assign]
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        server.add_sender("slow", [], {"slow": slow})
        tell(server.addresses)
        sys.stdin.read()
    print(f"{longest.seconds:.3f}", flush=True)


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log")
    parser.add_argument("--face", choices=["threads", "asyncio"], default="threads")
    parser.add_argument("--unbounded", action="store_true", help="without a budget of memory")
    options = parser.parse_args()
    logging.basicConfig(filename=options.log, level=logging.INFO)
    limits = sig.Limits(max_memory=NO_BUDGET, max_source=NO_BUDGET) if options.unbounded else sig.Limits()
    if options.face == "asyncio":
        asyncio.run(on_asyncio(limits))
    else:
        on_threads(limits)


if __name__ == "__main__":
    main()
