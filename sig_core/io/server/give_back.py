"""Memory that links held is given back to the system once it is free, not only to the allocator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sig_core.clock import NEVER

__all__ = ["GiveBack"]

MUCH = 32 << 20  # bytes that are worth the time that it takes: some milliseconds, rarely 30
PERIOD = 0.5  # seconds between two times
DELAY = 3.0  # seconds, after which links that have ended are gone


class GiveBack:
    """Gives back what is free again and again while much is held, and a while after.

    glibc keeps what was freed between others: of 150 MiB of input that had come and gone it kept 130; and while many
    links took memory and left it, the process had 450 MiB of which 310 were in use.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._until = -NEVER

    def note(self, held: int, now: float) -> None:
        """Note the bytes that are held now; `now`: monotonic seconds."""
        if held >= MUCH:
            self._until = now + DELAY + PERIOD
        if self._next <= now < self._until:
            self._next = now + PERIOD
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
