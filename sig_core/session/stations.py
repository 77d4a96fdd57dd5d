"""All stations of a server: those that a link leads to, and those whose session waits for the next link."""

from __future__ import annotations

from collections.abc import Callable

from sig_core.line.line import NEVER
from sig_core.session.station import Station

__all__ = ["Stations"]


class Stations:
    """Finds the station that a new link leads to; `make` gives a new one where there is none."""

    def __init__(self) -> None:
        self._all: dict[Station, None] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def of_line(self, peer: str, make: Callable[[], Station]) -> Station:
        """Give the station of a line that has a name of its own, such as a serial port."""
        for station in self._all:
            if station.peer == peer:
                return station
        return self._add(make())

    def of_session(self, sid: int, make: Callable[[], Station]) -> Station:
        """Give the station that has a session, or a new one."""
        for station in self._all:
            if sid and station.line.has_session and station.line.sid == sid:
                return station
        return self._add(make())

    def _add(self, station: Station) -> Station:
        self._all[station] = None
        return station

    def tick(self, now: float) -> float:
        """Do what is due, and forget who does not matter any more; give the time of the next call."""
        due = NEVER
        for station in list(self._all):
            if station.due <= now:
                station.tick(now)
            if station.is_kept:
                due = min(due, station.due)
            else:
                del self._all[station]
        return due

    def close(self) -> None:
        """End all in order."""
        for station in self._all:
            station.end()
