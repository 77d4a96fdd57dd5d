"""Which session a new link gets: by what its carrier states, and by the first byte."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from sig_core.contract import Acceptor, Codec, HasOnePeer, Link
from sig_core.errors import LimitError, ProtocolError
from sig_core.line.handshake import BINARY, SynAck
from sig_core.line.upper_layer import Terms
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import Exchange
from sig_core.session.binary.server import ServerSession
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BOARD_CODEC, BoardSession
from sig_core.session.dialect_detector import DialectDetector, Make
from sig_core.session.dialects import Dialect
from sig_core.session.identity import Identities
from sig_core.session.line.line_session import LineSession
from sig_core.session.line.station import Station
from sig_core.session.line.stations import Stations
from sig_core.session.line.stream_on_line import StreamOnLine
from sig_core.session.link_session import LinkSession
from sig_core.session.plain.session import PLAIN_CODEC, PlainSession

__all__ = ["PeerSession", "ServerContext", "SessionFactory", "log_end"]

Become = Callable[[LinkSession], None]
PeerSession: TypeAlias = ServerSession | BoardSession | PlainSession
"""Who is taken in, and told of to hooks."""


class ServerContext(Protocol):
    """What the receptions of a server share."""

    exchange: Exchange
    identities: Identities
    stations: Stations
    limits: Limits
    codec: Callable[[str], Codec]

    def opened(self, session: PeerSession, keepalive: float) -> None:
        """A client was taken in; it wants to hear something every `keepalive` seconds."""

    def ended(self, session: PeerSession) -> None:
        """A client that was taken in has left."""

    def due(self, when: float) -> None:
        """A station needs a tick at `when`."""

    def look_at(self, when: float) -> None:
        """A session needs a tick at `when`."""

    def behind(self, session: PlainSession) -> None:
        """A session has more input than one turn takes, and goes on in the next one."""


class SessionFactory:
    """Takes in whoever comes to one address. It keeps the stations that it meets there.

    Args:
        house: see there.
        codecs: that clients may use here, by name.
        rename: what boards are called that come here.
        acceptor: of the address.
    """

    def __init__(
        self, context: ServerContext, codecs: Mapping[str, Codec], rename: Renaming, acceptor: Acceptor
    ) -> None:
        self._context = context
        self._codecs = codecs
        self._rename = rename
        self._one_line = acceptor if isinstance(acceptor, HasOnePeer) else None

    def refusal(self, link: Link) -> str | None:
        """Return why a link can't be served, or None."""
        if not link.traits.reliable:
            try:
                self._context.codec(BOARD_CODEC)
            except Exception as error:
                return f"boards can't be served: {error}"
        return None

    def session_of(self, link: Link, become: Become) -> LinkSession:
        """Return a link its session. `become`: told if that is replaced by another one, once the dialect is known."""
        now, packets = time.monotonic(), link.traits.packets
        deadline = now + self._context.limits.handshake
        if not link.traits.reliable:
            return self._line(link, deadline)
        others: dict[Dialect, Make] = {}
        if PLAIN_CODEC in self._codecs:
            others[Dialect.PLAIN] = lambda: self._plain(link.peer, packets, deadline)
        if not packets:
            others[Dialect.BOARD] = lambda: LineSession(link.peer, self._find(link), deadline)
        def binary() -> ServerSession:
            return self._binary(link.peer, now, packets=packets)

        return DialectDetector(link.peer, deadline, binary, others, become)

    def _line(self, link: Link, deadline: float) -> LineSession:
        """Lead to the one station that is there, or wait for the first word of one of many."""
        session = LineSession(link.peer, self._find(link), deadline, reliable=False)
        if self._one_line is None or self._one_line.one_peer:
            session.lead_to(self._context.stations.of_line(self, lambda: self._station(link)))
        return session

    def _plain(self, peer: str, packets: bool, deadline: float) -> PlainSession:
        context = self._context
        codec = self._codecs[PLAIN_CODEC]
        session = PlainSession(
            *(context.exchange, codec, context.limits),
            peer=peer,
            packets=packets,
            deadline=deadline,
            due=context.look_at,
            behind=context.behind,
        )
        context.opened(session, context.limits.keepalive)
        return session

    def _binary(self, peer: str, now: float, *, packets: bool = False) -> ServerSession:
        context = self._context
        session = ServerSession(
            context.exchange, context.identities, self._codecs, context.limits, peer=peer, packets=packets, now=now
        )
        session.on_open = lambda keepalive: context.opened(session, keepalive)
        return session

    def _find(self, link: Link) -> Callable[[int], Station]:
        return lambda sid: self._context.stations.of_session(sid, lambda: self._station(link))

    def _station(self, link: Link) -> Station:
        return Station(link.peer, self, _random, Terms(bitrate=link.traits.bitrate), time.monotonic)

    # -- what stations ask of their keeper

    def session_for(self, station: Station, terms: SynAck) -> BoardSession | StreamOnLine:
        """See `StationOwner`."""
        if terms.dialect == BINARY:
            program = self._binary(station.peer, time.monotonic())
            program.on_change = station.changed
            return StreamOnLine(program)
        context = self._context
        codec = context.codec(BOARD_CODEC)
        board = BoardSession(
            context.exchange, codec, context.limits, self._rename, peer=station.peer, terms=terms, line=station.counts
        )
        board.on_change = station.changed
        context.opened(board, context.limits.keepalive)
        return board

    def ended(self, session: BoardSession | StreamOnLine) -> None:
        """See `StationOwner`."""
        port = session.port
        self._context.exchange.leave(port)
        log_end(port, "session ended")
        if isinstance(port, BoardSession) or port.client:
            self._context.ended(port)

    def due(self, when: float) -> None:
        """See `StationOwner`."""
        self._context.due(when)

    def said(self, station: Station, text: str, *, warning: bool) -> None:
        """See `StationOwner`."""
        (log.warning if warning else log.info)(f"{station.peer}: {text}")


def log_end(session: LinkSession | BoardSession, what: str) -> None:
    """Log how a link or session ended: as a warning if somebody should look at it."""
    lost_here = session.lost.total()
    lost = f"; {lost_here} events did not reach it" if lost_here else ""
    broken = isinstance(session.error, ProtocolError | LimitError)
    say = log.warning if broken or lost else log.info
    say(f"{session.peer}: {what}: {session.error}{lost}")


def _random() -> int:
    return int.from_bytes(os.urandom(4), "little") or 1
