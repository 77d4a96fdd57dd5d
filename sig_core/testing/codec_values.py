"""Values of the portable model, by chance from a seed, and an equality that minds types."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any

__all__ = ["EDGES", "NONFINITE", "Values", "arrived", "nested", "same", "similar"]

EDGES: list[Any] = [
    *(None, True, False, 0, 1, -1, 127, 128, 255, 256, -128, -129, 2**15, 2**16, 2**31, 2**32, -(2**31), -(2**32)),
    *(2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 10**18 + 1),
    *(0.0, -0.0, 1.0, -1.0, 0.1, 1e15, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 2.0**53, 3.4028234663852886e38),
    *("", "\0", "\x7f", "\x1f\n\r\t", '"\\/', "é", "\u2028", "\ufeff", "\uffff", "\U0001f600", "e\u0301", "null", "1"),
    *([], {}, [[]], [{}], {"": ""}, {"": None}, {"1": 1, "null": None}, [1, 1.0, True], [0, 0.0, -0.0, False]),
    *(list(range(1000)), [0.5] * 1000, [None] * 300, "x" * 70_000, {f"k{number}": number for number in range(1000)}),
]
"""Values at the limits of the model and of common encodings."""

NONFINITE = [math.nan, math.inf, -math.inf]
"""What the extra "nonfinite" adds."""

_BY_SIZE = [8, 16, 31, 32, 33, 53, 62, 63]  # bits of an integer


class Values:
    """Makes values: the same ones for the same seed.

    Args:
        seed: any number.
        extras: of the codec they are for.
    """

    def __init__(self, seed: int, extras: frozenset[str] = frozenset()) -> None:
        self._chance = random.Random(seed)
        self._extras = extras

    def value(self, depth: int = 4) -> Any:
        """Return a value nested at most `depth` deep."""
        kind = self._chance.random()
        if not depth or kind < 0.4:
            return self.scalar()
        size = self._chance.choice([0, 1, 2, 3, 5, 17])
        if kind < 0.6:
            return [self.value(depth - 1) for _ in range(size)]
        if kind < 0.7:
            return tuple(self.value(depth - 1) for _ in range(size % 4))
        return {self.text(): self.value(depth - 1) for _ in range(size)}

    def container(self) -> Any:
        """Return a list or a dict with something in it."""
        return [self.value(2), self.value(3)] if self._bool() else {"a": self.value(3), "b": 1}

    def scalar(self) -> Any:
        """Return a value without parts."""
        makers: list[Callable[[], Any]] = [lambda: None, self._bool, self._integer, self._float, self.text]
        if "bytes" in self._extras:
            makers.append(lambda: self._chance.randbytes(self._chance.choice([0, 1, 7, 40])))
        if "nonfinite" in self._extras:
            makers.append(lambda: self._chance.choice(NONFINITE))
        return self._chance.choice(makers)()

    def text(self) -> str:
        """Return text of a few characters, from all of Unicode but surrogates."""
        return "".join(self._character() for _ in range(self._chance.choice([0, 1, 2, 5, 12])))

    def _character(self) -> str:
        low, high = self._chance.choice([(0x20, 0x7E), (0x61, 0x63), (0, 0x7FF), (0x800, 0xD7FF), (0xE000, 0x10FFFF)])
        return chr(self._chance.randint(low, high))

    def _bool(self) -> bool:
        return self._chance.random() < 0.5

    def _integer(self) -> int:
        number = self._chance.getrandbits(self._chance.choice(_BY_SIZE))
        return -number if self._bool() else number

    def _float(self) -> float:
        if self._bool():
            return self._chance.choice([0.0, -0.0, 21.5, 1e300, -2.0, 100.0])
        number: float = struct.unpack("<d", self._chance.randbytes(8))[0]
        return number if math.isfinite(number) else 0.25


def nested(depth: int, inner: Any = None, *, maps: bool = False) -> Any:
    """Return `inner` inside `depth` containers; a depth that Python's recursion could not follow is no trouble."""
    value = inner
    for _ in range(depth):
        value = {"k": value} if maps else [value]
    return value


def arrived(value: Any) -> Any:
    """Return what a receiver must get: lists for tuples, and bytes for what is like them."""
    if isinstance(value, dict):
        return {key: arrived(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [arrived(item) for item in value]
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def same(left: Any, right: Any) -> bool:
    """Compare with types: 1 is neither 1.0 nor True, -0.0 is not 0.0, NaN is NaN, and dicts keep their order."""
    return _alike(left, right, lambda one, other: one == other and math.copysign(1, one) == math.copysign(1, other))


def similar(left: Any, right: Any) -> bool:
    """Compare what a codec narrows: all is the same but that a float may have become the nearest narrow one."""
    return _alike(left, right, lambda one, other: math.isclose(one, other, rel_tol=1e-2, abs_tol=1e-2))


def _alike(left: Any, right: Any, floats: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or bool(floats(left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(_alike(left[key], right[key], floats) for key in left)
    if isinstance(left, list | tuple):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(_alike(one, other, floats) for one, other in pairs)
    return bool(left == right)
