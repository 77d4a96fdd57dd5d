"""Memory that links held is given back to the system once it is free, not only to the allocator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sig_core.clock import NEVER

__all__ = ["GiveBack"]

MUCH = 32 << 20  # bytes that are worth the time that it takes: 2 ms, rarely 15
PERIOD = 0.1  # seconds between two times, at least
DELAY = 3.0  # seconds, after which links that have ended are gone

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # options of `mallopt`, see mallopt(3)
LARGE = 128 << 10  # bytes; blocks from there on are mapped one by one while much is held
USUAL = 4 << 20  # bytes from which on they are else: mapping costs two fifths of the rate of messages of a megabyte


class GiveBack:
    """Gives back what is free again and again while much is held, and a while after.

    glibc keeps what was freed between others: of 150 MiB of input that had come and gone it kept 130; and while many
    links took memory and left it, the process had 450 MiB of which 310 were in use. Large blocks leave holes that
    others do not fit into, so while much is held they are mapped by themselves, and go at once.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._until = -NEVER
        self._is_much = self._closed = False

    def note(self, held: int, now: float) -> None:
        """Note the bytes that are held now; `now`: monotonic seconds."""
        if self._closed:
            return
        if held >= MUCH:
            self._until = now + DELAY + PERIOD
            if not self._is_much:
                self._is_much = True
                _map_from(LARGE)
        if now >= self._until:
            self._calm_down()
        elif now >= self._next:
            self._next = now + PERIOD
            _trim()

    def close(self) -> None:
        """Leave the program as it was, for good: the server ends, and what is free is the program's."""
        self._closed = True
        self._calm_down()

    def _calm_down(self) -> None:
        if self._is_much:
            self._is_much = False
            _map_from(USUAL)


@cache
def _c_function(name: str) -> Callable[..., Any]:
    """Return a function of the C library; one that does nothing, where it has no such thing."""
    try:
        import ctypes

        function: Callable[..., Any] = getattr(ctypes.CDLL(None), name)
    except (ImportError, OSError, AttributeError, TypeError):
        return lambda *args: None
    return function


def _trim() -> None:
    _c_function("malloc_trim")(0)


def _map_from(size: int) -> None:
    """Let blocks of so many bytes and more be mapped by themselves; up to twice that stays for what is smaller."""
    _c_function("mallopt")(MMAP_THRESHOLD, size)
    _c_function("mallopt")(TRIM_THRESHOLD, 2 * size)
