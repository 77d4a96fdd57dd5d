"""The requests that a plain peer has open: its own id of each, and the deadline."""

from __future__ import annotations

from typing import Any

from sig_core.clock import NEVER

__all__ = ["OpenRequests"]


class OpenRequests:
    """Numbers requests, since a peer's ids may be anything, and the same twice.

    Args:
        seconds: after which a request fails, the same for all: so the oldest is always the next.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = 0
        self._open: dict[int, tuple[Any, float]] = {}  # by number: the peer's id, and the end

    def __len__(self) -> int:
        return len(self._open)

    def add(self, ident: Any, now: float) -> int:
        """Add a request and return its number.

        Args:
            ident: the peer's id of it.
            now: monotonic seconds.
        """
        self._last += 1
        self._open[self._last] = ident, now + self._seconds
        return self._last

    def pop(self, number: int) -> Any:
        """Remove a request and return the peer's id of it."""
        ident, _ = self._open.pop(number)
        return ident

    @property
    def deadline(self) -> float:
        """When the next one fails, monotonic seconds."""
        for _, deadline in self._open.values():
            return deadline
        return NEVER

    def overdue(self, now: float) -> int | None:
        """Return the number of a request whose deadline is over, or None."""
        return next(iter(self._open)) if self.deadline <= now else None
