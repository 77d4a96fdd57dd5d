"""Which bytes or packets meet with a fault: decided by a seed and a count, and by nothing else."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

__all__ = ["KINDS", "Faults", "Places"]

KINDS = ("dropped", "flipped", "doubled")
NOWHERE = 2**62  # a count that no link reaches


class Places:
    """The counts at which a fault of one kind happens, ascending.

    Args:
        share: of all counts, 0 .. 1.
        seed: the same gives the same places.
    """

    def __init__(self, share: float, seed: str) -> None:
        self._dice = Random(seed)
        self._share = share
        self._next = self._gap()

    def before(self, end: int) -> dict[int, float]:
        """Return the places below `end` that were not given yet, each with a number by chance, 0 <= number < 1."""
        found = {}
        while self._next < end:
            found[self._next] = self._dice.random()
            self._next += 1 + self._gap()
        return found

    def _gap(self) -> int:
        """Return how many are spared before the next one is struck: by the geometric distribution, in one step."""
        if self._share <= 0:
            return NOWHERE
        if self._share >= 1:
            return 0
        return int(min(NOWHERE, math.log(1.0 - self._dice.random()) / math.log1p(-self._share)))


class Faults:
    """What happens to one direction of a link. It counts units: bytes of a stream, or packets.

    How a stream is cut into pieces changes nothing.

    Args:
        seed: the same gives the same faults.
        shares: of the units, 0 .. 1, by what is done to them: "dropped", "flipped" (one bit), "doubled".

    Attributes:
        seen: units.
        counts: units that were dropped, flipped and doubled.
    """

    def __init__(self, seed: str, shares: dict[str, float]) -> None:
        self.seen = 0
        self.counts: Counter[str] = Counter()
        self._places = {kind: Places(shares[kind], f"{seed} {kind}") for kind in KINDS}

    def stream(self, data: bytes) -> bytes:
        """Return what becomes of bytes of a stream."""
        parts, at = [], 0
        for place, strike in self._strikes(len(data)):
            parts += [data[at:place], *self._struck(data[place : place + 1], strike)]
            at = place + 1
        return b"".join([*parts, data[at:]])

    def packet(self, data: bytes) -> list[bytes]:
        """Return what becomes of a packet: nothing, itself, one that is damaged, or two."""
        found = self._strikes(1)
        return self._struck(data, found[0][1]) if found else [data]

    def _strikes(self, units: int) -> list[tuple[int, dict[str, float]]]:
        """Return which of the next units are struck, ascending, and by what."""
        begin, self.seen = self.seen, self.seen + units
        found: dict[int, dict[str, float]] = {}
        for kind, places in self._places.items():
            for place, number in places.before(self.seen).items():
                found.setdefault(place - begin, {})[kind] = number
        return sorted(found.items())

    def _struck(self, unit: bytes, strike: dict[str, float]) -> list[bytes]:
        if "dropped" in strike:
            self.counts["dropped"] += 1
            return []
        self.counts.update(strike.keys())
        if "flipped" in strike:
            unit = _flipped(unit, strike["flipped"])
        return [unit, unit] if "doubled" in strike else [unit]


def _flipped(unit: bytes, number: float) -> bytes:
    """Invert the bit of a unit that a number from 0 to 1 falls on."""
    bit = int(number * 8 * len(unit))
    return (int.from_bytes(unit, "little") ^ (1 << bit)).to_bytes(len(unit), "little") if unit else unit
