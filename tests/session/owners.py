"""Whoever keeps stations, played by the test: what `sig_core.io.server.session_factory` is in a server."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from sig_core.line.handshake import BINARY, SynAck
from sig_core.line.upper_layer import Terms
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BoardSession
from sig_core.session.line.station import Station
from sig_core.session.line.stations import Stations
from sig_core.session.line.stream_on_line import StreamOnLine
from tests.session.boards import CODEC
from tests.support.sessions import Net


class StationOwner:
    """Keeps stations.

    Attributes:
        log: what was told of them: text, and whether it is a warning.
        begun, over: sessions.
        when: the next tick that a station asked for.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self.stations = Stations()
        self.log: list[tuple[str, bool]] = []
        self.begun: list[Any] = []
        self.over: list[Any] = []
        self.when = float("inf")
        self._sids = itertools.count(1001)

    def station(self, peer: str = "port", **terms: Any) -> Station:
        return Station(peer, self, lambda: next(self._sids), Terms(**terms), lambda: self.net.now)

    def of_line(self, line: str = "port", peer: str = "port") -> Station:
        return self.stations.of_line(line, lambda: self.station(peer))

    def find(self, peer: str = "tcp") -> Callable[[int], Station]:
        return lambda sid: self.stations.of_session(sid, peer, lambda: self.station(peer))

    # -- what a station asks

    def make_session(self, station: Station, terms: SynAck) -> BoardSession | StreamOnLine:
        made: BoardSession | StreamOnLine
        if terms.dialect == BINARY:
            program = self.net.server_session()
            program.on_change = station.changed
            made = StreamOnLine(program)
        else:
            net = self.net
            made = BoardSession(
                net.exchange, CODEC, net.limits, Renaming(), peer=station.peer, terms=terms, line_counts=station.counts
            )
            made.on_change = station.changed
        self.begun.append(made)
        return made

    def session_ended(self, session: BoardSession | StreamOnLine) -> None:
        self.over.append(session)
        self.net.exchange.leave(session.port)

    def tick_at(self, when: float) -> None:
        self.when = when

    def report(self, station: Station, text: str, *, warning: bool) -> None:
        self.log.append((text, warning))
