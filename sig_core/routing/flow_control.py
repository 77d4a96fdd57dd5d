"""Who is held back because of whom: slow ports, and the ports that feed them."""

from __future__ import annotations

from sig_core.routing.ports import Port

__all__ = ["FlowControl"]

NOT_YET = float("-inf")  # a time at which no stall is over


class FlowControl:
    """Keeps each feeder of a slow port from sending until every port that it waits for goes on."""

    def __init__(self) -> None:
        self._feeders: dict[Port, set[Port]] = {}

    def add(self, slow: Port, feeder: Port) -> None:
        """Hold a feeder back because of a slow port; a port is never held because of itself."""
        if slow is feeder:
            return
        feeders = self._feeders.setdefault(slow, set())
        if feeder not in feeders:
            feeders.add(feeder)
            feeder.set_reading_paused(True)

    def taken(self, slow: Port) -> None:
        """Note that something left a slow port: once it has drained, its feeders go on at once."""
        if slow.recovers(NOT_YET):
            self._release(slow)

    def tick(self, now: float) -> None:
        """Let the feeders go on whose slow ports have had their time, or have drained."""
        for slow in [slow for slow in self._feeders if slow.recovers(now)]:
            self._release(slow)

    def forget(self, port: Port) -> None:
        """Drop a port that is gone, as slow one and as feeder."""
        self._release(port)
        for feeders in self._feeders.values():
            feeders.discard(port)

    def __bool__(self) -> bool:
        return bool(self._feeders)

    def _release(self, slow: Port) -> None:
        for feeder in self._feeders.pop(slow, ()):
            if not any(feeder in feeders for feeders in self._feeders.values()):
                feeder.set_reading_paused(False)
