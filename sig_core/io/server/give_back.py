"""Memory that links held is given back to the system once it is free, not only to the allocator."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cache

from sig_core.clock import NEVER

__all__ = ["GiveBack"]

MUCH = 16 << 20  # bytes that are worth the time that it takes, some 50 ms
DELAY = 3.0  # seconds, after which links that have ended are gone


class GiveBack:
    """Watches how much is held, and gives back what is free some time after it has become much less.

    What links leave behind points to itself, so that it is found late; and glibc keeps what was freed between others:
    of 150 MiB of input that had come and gone it kept 130.
    """

    def __init__(self) -> None:
        self._most = 0
        self._due = NEVER

    def note(self, held: int, now: float) -> None:
        """Note the bytes that are held now; `now`: monotonic seconds."""
        self._most = max(self._most, held)
        if now >= self._due:
            self._most, self._due = held, NEVER
            gc.collect()
            _trim()()
        elif held < self._most - MUCH and self._due == NEVER:
            self._due = now + DELAY


@cache
def _trim() -> Callable[[], object]:
    """Return what gives back the free memory of this process; nothing, where the C library has no such thing."""
    try:
        import ctypes

        trim = ctypes.CDLL(None).malloc_trim
    except (ImportError, OSError, AttributeError, TypeError):
        return lambda: None
    return lambda: trim(0)
