"""All stations of a server: those that a link leads to, and those whose session waits for the next link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sig_core.clock import NEVER
from sig_core.protocol.source import source_of
from sig_core.session.line.station import Station

__all__ = ["Stations"]


class Stations:
    """Finds the station at the other end of a new link. Not thread-safe."""

    def __init__(self) -> None:
        self._all: dict[Station, object] = {}  # and its line; None: it is known by the number of its session

    def __bool__(self) -> bool:
        return bool(self._all)

    def of_line(self, line: object, make: Callable[[], Station]) -> Station:
        """Return the station at the end of a line that stays the same over all its links, such as a serial port.

        Args:
            line: identifies the line.
            make: returns a new station, for a line that has none yet.
        """
        for station, known in self._all.items():
            if known == line:
                return station
        return self._add(make(), line)

    def of_session(self, sid: int, peer: str, make: Callable[[], Station]) -> Station:
        """Return the station that has the session with this number, if that is where the peer comes from.

        Args:
            sid: the number; 0: of none.
            peer: who says it, printable: a number of 32 bits is no proof, and others may have overheard it.
            make: returns a new station, where there is none.
        """
        source = source_of(peer)
        for station in self._all:
            if sid and station.line.has_session and station.line.sid == sid and source_of(station.peer) == source:
                return station
        return self._add(make(), None)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def waiting(self) -> list[Station]:
        """Those that have no link, but for lines: it may come by any acceptor. The oldest first."""
        return [station for station, line in self._all.items() if line is None and not station.has_link]

    def drop_waiting(self) -> bool:
        """End the oldest session that waits, of the source that has most of them; false: none does."""
        waiting = {station: source_of(station.peer) for station in self.waiting}
        if not waiting:
            return False
        ((busiest, _),) = Counter(waiting.values()).most_common(1)
        oldest = next(station for station, source in waiting.items() if source == busiest)
        oldest.end()
        del self._all[oldest]
        return True

    def _add(self, station: Station, line: object) -> Station:
        self._all[station] = line
        return station

    def tick(self, now: float) -> float:
        """Do what is due, and drop stations that are not needed; return when to call again, monotonic seconds."""
        due = NEVER
        for station in list(self._all):
            if station.due <= now:
                station.tick(now)
            if station.is_needed:
                due = min(due, station.due)
            else:
                del self._all[station]
        return due

    def close(self) -> None:
        """End the sessions of all stations in order."""
        for station in self._all:
            station.end()
