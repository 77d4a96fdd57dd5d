"""`python -m tests.hostile.victim LOG`: the server that is attacked; it ends when its input does."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time

import sig_core as sig
from sig_core import aio

__all__: list[str] = []

NO_BUDGET = 1 << 50  # bytes


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
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        server.add_sender("slow", [], {"slow": slow})
        tell(server.addresses)
        sys.stdin.read()


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
