"""Memory that links held is given back to the system once it is free, not only to the allocator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

__all__ = ["GiveBack"]

MUCH = 16 << 20  # bytes that are worth the milliseconds that it takes


class GiveBack:
    """Watches how much is held, and gives back what is free when it has become much less.

    glibc keeps what was freed between other things: of 150 MiB of input that had come and gone it kept 130.
    """

    def __init__(self) -> None:
        self._most = 0

    def note(self, held: int) -> None:
        """Note the bytes that are held now."""
        if held > self._most:
            self._most = held
        elif held < self._most - MUCH:
            self._most = held
            _trim()()


@cache
def _trim() -> Callable[[], object]:
    """Return what gives back the free memory of this process; nothing, where the C library has no such thing."""
    try:
        import ctypes

        trim = ctypes.CDLL(None).malloc_trim
    except (ImportError, OSError, AttributeError, TypeError):
        return lambda: None
    return lambda: trim(0)
