"""A clock that stands still until a test turns it."""

from __future__ import annotations

import threading

__all__ = ["FakeClock"]


class FakeClock:
    """Put it where code takes a clock: call it for the time in seconds, as `time.monotonic` is called.

    Args:
        now: seconds that it shows at first.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._turned = threading.Condition()

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Turn it forward, and wake whose sleep is over.

        Raises:
            ValueError: `seconds` is negative; a monotonic clock does not go back.
        """
        if seconds < 0:
            raise ValueError(f"{seconds} s: a monotonic clock does not go back")
        with self._turned:
            self.now += seconds
            self._turned.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait until another thread has turned the clock so far."""
        with self._turned:
            end = self.now + seconds
            self._turned.wait_for(lambda: self.now >= end)
