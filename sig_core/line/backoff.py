"""Doing something again and again without doing it ever more often."""

from __future__ import annotations

from typing import Final

from sig_core.clock import NEVER

__all__ = ["Backoff"]

PAUSE: Final = 0.001  # seconds between two times, at first
MOST: Final = 0.03  # or what four packets take, if that is more


class Backoff:
    """Whether it is time to ask the peer again, or to answer that it asks again.

    Several NAK may be due for one flight of packets. Were each of them sent, and each answered by a whole flight, what
    lies in the buffers between the two ends would grow without end where the line, or one of them, is slower than the
    other. So the pauses double each time, up to a bound, and become an eighth with each packet that gets through.

    Args:
        packet: seconds that the longest packet takes on the line; 0: not known.
    """

    def __init__(self, packet: float = 0.0) -> None:
        self._most = max(MOST, 4 * packet)
        self._wanted = False
        self._last, self._pause = -NEVER, PAUSE

    @property
    def due(self) -> float:
        """When `take` will say yes; never if nothing is wanted."""
        return self._last + self._pause if self._wanted else NEVER

    def want(self) -> None:
        """Note that it is to be done."""
        self._wanted = True

    def take(self, now: float) -> bool:
        """Return whether to do it now; then it is done."""
        if now < self.due:
            return False
        self._wanted, self._last = False, now
        self._pause = min(self._most, 2 * self._pause)
        return True

    def relax(self) -> None:
        """Note that something got through: what was wanted is not needed any more."""
        self._wanted = False
        self._pause = max(PAUSE, self._pause / 8)
