"""How targets read what a fuzzer gives them: some choices first, then parts, then bytes as they come on a link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from tests.support.sessions import pieces_of

__all__ = ["as_parts", "choose", "parts_of", "pieces"]

T = TypeVar("T")

PIECES = (0, 1, 3, 16, 100)  # bytes; 0: all at once
MOST_PIECES = 40  # more would only take longer


def choose(data: bytes, at: int, among: Sequence[T]) -> T:
    """Return what byte `at` stands for; the first where there is none."""
    return among[data[at] % len(among) if at < len(data) else 0]


def pieces(data: bytes, at: int) -> list[bytes]:
    """Return what is behind byte `at`, cut into pieces of the size that it stands for."""
    size = choose(data, at, PIECES)
    return pieces_of(data[at + 1 :], size and max(size, len(data) // MOST_PIECES))


def parts_of(data: bytes) -> Iterator[bytes]:
    """Return parts, each behind one byte that is its length."""
    at = 0
    while at < len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def as_parts(*parts: bytes) -> bytes:
    """Return what `parts_of` cuts into these."""
    return b"".join(bytes((len(part),)) + part for part in parts)
