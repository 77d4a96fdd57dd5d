"""`python -m tests.hostile.crowd URL ...`: many hostile links at once, each at one attack after the other."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections import Counter
from contextlib import suppress

from tests.hostile.attacks import ATTACKS, Malice
from tests.hostile.hostile_link import HostileLink

__all__ = ["Crowd"]

LONGEST = 30.0  # seconds of one attack


class Crowd:
    """Attacks a server, from as many addresses as it likes.

    Args:
        url: of the server.
        names: of the attacks.
        sources: addresses that it comes from.
        seed: of its choices.

    Attributes:
        done: attacks, by name.
    """

    def __init__(self, url: str, names: list[str], sources: int, seed: int = 1) -> None:
        self.done: Counter[str] = Counter()
        self._url = url
        self._names = names
        self._sources = sources
        self._seed = seed
        self._attacks: list[asyncio.Task[None]] = []

    async def attack(self, links: int, seconds: float) -> None:
        """Attack on so many links for so long."""
        self._attacks = [asyncio.create_task(self._keep_on(number)) for number in range(links)]
        await asyncio.wait(self._attacks, timeout=seconds)

    async def _keep_on(self, number: int) -> None:
        malice = Malice(random.Random(self._seed * 100_000 + number), name=f"hostile {number}")
        source = f"127.1.{number % self._sources // 250}.{1 + number % self._sources % 250}"
        turn = number
        while True:
            name = self._names[turn % len(self._names)]
            turn += 1
            began = time.monotonic()
            with suppress(OSError, EOFError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                async with asyncio.timeout(LONGEST), HostileLink(self._url, source) as link:
                    await ATTACKS[name](link, malice)
            self.done[name] += 1
            await asyncio.sleep(max(0.01, 0.05 - (time.monotonic() - began)))


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--links", type=int, default=60)
    parser.add_argument("--sources", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--attack", action="append", choices=list(ATTACKS))
    options = parser.parse_args()
    crowd = Crowd(options.url, options.attack or list(ATTACKS), options.sources)

    async def attack_and_vanish() -> None:
        await crowd.attack(options.links, options.seconds)
        for name, count in sorted(crowd.done.items()):
            print(f"{count:6} {name}", flush=True)
        os._exit(0)  # all links end at one moment, in the midst of what they do

    asyncio.run(attack_and_vanish())


if __name__ == "__main__":
    main()
