"""Backpressure: which ports are paused because a port that they feed is slow."""

from __future__ import annotations

import math

from sig_core.routing.ports import Port

__all__ = ["FlowControl"]

BEFORE_ALL = -math.inf  # a time at which no stall is over
REST = 1.0  # seconds for which a port that was held back in vain is read: else many slow ones could hold it one by one


class FlowControl:
    """Pauses the feeders of a slow port; each is read again when no port that it feeds is slow any more."""

    def __init__(self) -> None:
        self._feeders: dict[Port, set[Port]] = {}
        self._resting: dict[Port, float] = {}  # those that were held back in vain: until when they are read

    def pause_feeder(self, slow: Port, feeder: Port) -> None:
        """Pause a port because of a slow one that it feeds; a port is never paused because of itself.

        Args:
            slow: takes what it gets too slowly.
            feeder: is not read until `slow` recovers.
        """
        if slow is feeder or feeder in self._resting:
            return
        feeders = self._feeders.setdefault(slow, set())
        if feeder not in feeders:
            feeders.add(feeder)
            feeder.set_reading_paused(True)

    def note_taken(self, slow: Port) -> None:
        """Note that something was taken from a slow port: once it has drained, its feeders go on at once."""
        if slow.recovers(BEFORE_ALL):
            self._release(slow)

    def tick(self, now: float) -> None:
        """Let the feeders go on whose slow ports have drained, or have been slow for as long as they may."""
        self._resting = {port: until for port, until in self._resting.items() if until > now}
        for slow in list(self._feeders):
            if slow.recovers(BEFORE_ALL):
                self._release(slow)
            elif slow.recovers(now):
                self._resting.update(dict.fromkeys(self._feeders[slow], now + REST))
                self._release(slow)

    def forget(self, port: Port) -> None:
        """Drop a port that is gone, as a slow one and as a feeder."""
        self._release(port)
        self._resting.pop(port, None)
        for feeders in self._feeders.values():
            feeders.discard(port)

    def __bool__(self) -> bool:
        return bool(self._feeders or self._resting)

    def _release(self, slow: Port) -> None:
        for feeder in self._feeders.pop(slow, ()):
            if not any(feeder in feeders for feeders in self._feeders.values()):
                feeder.set_reading_paused(False)
