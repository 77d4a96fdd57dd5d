"""Memory for the time of one call: big pieces that were allocated anew each time would be mapped anew, too."""

from __future__ import annotations

from functools import cache
from typing import Final

__all__ = ["Scratch", "keep_freed_memory"]

KEPT: Final = 4  # pieces that are not in use: threads that read at one time are few
USUAL: Final = 1024 * 1024  # bytes


class Scratch:
    """Pieces of one size that are used again. Any thread may take one, also in the midst of another call that has one.

    Args:
        size: bytes of a piece.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[memoryview] = []

    def take(self) -> memoryview:
        """Return a piece that nobody else uses; what is in it means nothing."""
        try:
            return self._free.pop()
        except IndexError:
            return memoryview(bytearray(self._size))

    def give_back(self, piece: memoryview) -> None:
        """Take back a piece; who had it uses it no more."""
        if len(self._free) < KEPT:
            self._free.append(piece)


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what is freed, up to 2 MiB, for what is allocated next: once for this process.

    Some records, and what they are joined to, are more than glibc keeps by default (128 KiB), so that it gave them back
    to the system, and took them from it again, page by page, for each event of 64 KiB: a third of a server's time for
    it. Its bound follows the biggest piece that was ever given back, as this one is here.
    """
    bytearray(USUAL)
