"""Backpressure: which ports are paused because a port that they feed is slow."""

from __future__ import annotations

import math

from sig_core.routing.ports import Port

__all__ = ["FlowControl"]

BEFORE_ALL = -math.inf  # a time at which no stall is over
REST = 1.0  # seconds for which a port that was held back in vain is read: else many slow ones could hold it one by one


class FlowControl:
    """Pauses the feeders of a slow port; each is read again when no port that it feeds is slow any more.

    A port that takes more than it may is held for a time, whoever is slow.
    """

    def __init__(self) -> None:
        self._feeders: dict[Port, set[Port]] = {}
        self._held: dict[Port, float] = {}  # until when, monotonic seconds
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

    def hold(self, port: Port, until: float) -> bool:
        """Do not read a port for a time; returns whether it was read.

        Args:
            port: that has said too much.
            until: monotonic seconds.
        """
        fresh = port not in self._held
        self._held[port] = until
        if fresh:
            port.set_reading_paused(True)
        return fresh

    def note_taken(self, slow: Port) -> None:
        """Note that something was taken from a slow port: once it has drained, its feeders go on at once."""
        if slow.recovers(BEFORE_ALL):
            self._release(slow)

    def tick(self, now: float) -> None:
        """Let go on who was held long enough, and the feeders whose slow ports have drained, or were slow too long."""
        for port in [port for port, until in self._held.items() if until <= now]:
            del self._held[port]
            self._go_on(port)
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
        self._held.pop(port, None)
        for feeders in self._feeders.values():
            feeders.discard(port)

    def __bool__(self) -> bool:
        return bool(self._feeders or self._resting or self._held)

    def _release(self, slow: Port) -> None:
        for feeder in self._feeders.pop(slow, ()):
            self._go_on(feeder)

    def _go_on(self, port: Port) -> None:
        """Read a port again, unless there is another reason not to."""
        if port not in self._held and not any(port in feeders for feeders in self._feeders.values()):
            port.set_reading_paused(False)
