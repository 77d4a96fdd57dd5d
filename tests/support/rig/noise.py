"""Noise on a line: which bytes are lost, damaged, doubled and made up; a seed and the count of bytes decide."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from dataclasses import asdict, astuple, dataclass

__all__ = ["LONGEST_BURST", "Mangler", "Noise"]

LONGEST_BURST = 200
_BETWEEN_PACKETS = re.compile(rb"\0(?=\0)")


@dataclass(frozen=True)
class Noise:
    """What happens to the bytes of one direction. Each is a probability, 0 .. 1; those for a byte add up to 1 at most.

    Attributes:
        drop: for each byte, that it is lost.
        flip: that one of its bits changes.
        double: that it comes twice.
        insert: that a random byte comes before it.
        burst: that 1 .. 200 random bytes come before it, wherever it is.
        between: for each place between two packets (two zero bytes in a row), that 1 .. 200 random bytes come there.
    """

    drop: float = 0.0
    flip: float = 0.0
    double: float = 0.0
    insert: float = 0.0
    burst: float = 0.0
    between: float = 0.0

    def __post_init__(self) -> None:
        shares = astuple(self)
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) - self.between > 1 + 1e-9:
            raise ValueError(f"{self}: probabilities are 0 .. 1, and those for a byte add up to 1 at most")

    @classmethod
    def even(cls, share: float, burst: float = 0.0, between: float = 0.0) -> Noise:
        """Spread a probability for a byte evenly over drop, flip, double and insert."""
        return cls(share / 4, share / 4, share / 4, share / 4, burst, between)


class Mangler:
    """Noise applied to a stream. The same seed, noise and bytes give the same stream, however the bytes are cut.

    Attributes:
        counts: how often each kind of noise (named as in `Noise`) came, and under "garbage" the bytes of the bursts.
    """

    def __init__(self, noise: Noise, seed: int | str) -> None:
        self.counts: Counter[str] = Counter()
        self._bytes, self._places = random.Random(f"{seed} bytes"), random.Random(f"{seed} places")
        self._last = b""
        self.change(noise)

    def change(self, noise: Noise) -> None:
        """Go on with other noise from here."""
        shares = asdict(noise)
        self._between = shares.pop("between")
        self._kinds, self._weights = list(shares), list(shares.values())
        self._share = sum(self._weights)
        self._clean_bytes = _gap(self._bytes, self._share)
        self._clean_places = _gap(self._places, self._between)

    def pass_on(self, data: bytes) -> bytes:
        """Return what of `data` comes out, and what comes with it."""
        if self._between:
            data = self._between_packets(data)
        return self._each_byte(data) if self._share else data

    def _between_packets(self, data: bytes) -> bytes:
        """Draw how many places remain clean, not one number a place: so quiet lines stay fast."""
        out, done, joined = bytearray(), 0, self._last + data
        for place in _BETWEEN_PACKETS.finditer(joined):
            if self._clean_places:
                self._clean_places -= 1
                continue
            at = place.end() - len(self._last)
            out += data[done:at]
            out += self._garbage(self._places, "between")
            done, self._clean_places = at, _gap(self._places, self._between)
        self._last = data[-1:] or self._last
        return bytes(out + data[done:])

    def _each_byte(self, data: bytes) -> bytes:
        out, at = bytearray(), 0
        while at + self._clean_bytes < len(data):
            hit = at + self._clean_bytes
            out += data[at:hit]
            out += self._instead_of(data[hit])
            at, self._clean_bytes = hit + 1, _gap(self._bytes, self._share)
        self._clean_bytes -= len(data) - at
        return bytes(out + data[at:])

    def _instead_of(self, byte: int) -> bytes:
        kind = self._bytes.choices(self._kinds, self._weights)[0]
        if kind == "burst":
            return self._garbage(self._bytes, kind) + bytes([byte])
        self.counts[kind] += 1
        if kind == "drop":
            return b""
        if kind == "flip":
            return bytes([byte ^ 1 << self._bytes.randrange(8)])
        return bytes([byte if kind == "double" else self._bytes.randrange(256), byte])

    def _garbage(self, chance: random.Random, kind: str) -> bytes:
        garbage = chance.randbytes(chance.randint(1, LONGEST_BURST))
        self.counts[kind] += 1
        self.counts["garbage"] += len(garbage)
        return garbage


def _gap(chance: random.Random, share: float) -> int:
    """Draw how many go unharmed before the next one that is hit with this probability."""
    if share <= 0 or share >= 1:
        return 0
    return int(math.log(1 - chance.random()) / math.log1p(-share))
