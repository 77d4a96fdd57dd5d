"""So many a second, on average: who takes more owes it, and waits until it is paid."""

from __future__ import annotations

__all__ = ["Rate"]


class Rate:
    """A second's worth may be taken at once; what is taken beyond that is owed.

    Args:
        per_second: how many.
        now: monotonic seconds.
    """

    __slots__ = ("_at", "_left", "_per_second")

    def __init__(self, per_second: int, now: float) -> None:
        self._per_second = per_second
        self._left = float(per_second)
        self._at = now

    def take(self, count: int, now: float) -> float:
        """Take so many, and return the seconds until nothing is owed any more; 0: go on."""
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second) - count
        self._at = now
        return max(0.0, -self._left / self._per_second)
