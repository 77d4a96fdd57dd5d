"""Makes the session of a new link: by what its carrier states, and by the first byte."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sig_core.access.access_control import AccessControl
from sig_core.address import without_options
from sig_core.clock import Clock
from sig_core.contract import Acceptor, Codec, HasOnePeer, Link
from sig_core.errors import LimitError, NotAdmitted, ProtocolError
from sig_core.io.server.facts import facts_of
from sig_core.line.handshake import BINARY, SynAck
from sig_core.line.upper_layer import Terms
from sig_core.log import LimitedLog
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import Exchange
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.session.binary.resumptions import LinkToLast, Resumptions
from sig_core.session.binary.server import ServerSession
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BOARD_CODEC, BoardSession
from sig_core.session.dialect_detector import DialectDetector, MakeSession
from sig_core.session.dialects import Dialect
from sig_core.session.door import NOBODY, Door
from sig_core.session.identity import Identities
from sig_core.session.line.line_session import LineSession
from sig_core.session.line.station import Station
from sig_core.session.line.stations import Stations
from sig_core.session.line.stream_on_line import StreamOnLine
from sig_core.session.link_session import LinkSession
from sig_core.session.plain.port import PLAIN_CODEC
from sig_core.session.plain.session import PlainSession

if TYPE_CHECKING:
    from sig_core.io.tls.accepted import AddressTls

__all__ = ["PeerSession", "ServerContext", "SessionFactory", "log_session_end"]

MOST_REPORTS = 1_000  # in 10 s, of what boards print: it is meant to be read, and differs in numbers alone

SwitchTo = Callable[[LinkSession], None]
PeerSession: TypeAlias = ServerSession | BoardSession | PlainSession
"""The session of a peer that is known; hooks are told of it."""


class ServerContext(Protocol):
    """What the session factories of a server share.

    Attributes:
        exchange: that the sessions join.
        identities: of the server's clients.
        stations: of all addresses.
        resumptions: sessions that outlive their links, of all addresses.
        access: the rules; None: there are none.
        limits: what a peer may cost.
        codec: returns the codec of a name.
        clock: returns monotonic seconds.
        peer_log: for what peers bring about.
    """

    exchange: Exchange
    identities: Identities
    stations: Stations
    resumptions: Resumptions
    access: AccessControl | None
    limits: Limits
    codec: Callable[[str], Codec]
    clock: Clock
    peer_log: LimitedLog

    def session_opened(self, session: PeerSession, keepalive: float) -> None:
        """Note that a peer is known.

        Args:
            session: of the peer.
            keepalive: seconds within which the peer wants to hear something.
        """

    def session_ended(self, session: PeerSession) -> None:
        """Note that the peer of a station has left."""

    def tick_stations_at(self, when: float) -> None:
        """Let the stations tick at `when`, monotonic seconds, at the latest."""

    def tick_sessions_at(self, when: float) -> None:
        """Let the sessions tick at `when`, monotonic seconds, at the latest."""

    def later(self, job: Callable[[], None]) -> None:
        """Do something soon, when the lock is not held: to log, since a logger is code of a user."""

    def add_backlog(self, session: ServerSession | PlainSession) -> None:
        """Note that a session has more input than one turn takes: it takes the rest in the next one."""


class SessionFactory:
    """Makes the sessions of the links that are accepted at one address; it owns the stations there.

    Args:
        context: what it shares with the factories of other addresses.
        codecs: that clients may use here, by name.
        rename: how boards that come here are called.
        acceptor: of the address.
        tls: is put around its links; None: nothing is. It is an attribute, too.
        configured: URL of the address, as the server was given it.
    """

    def __init__(
        self,
        context: ServerContext,
        codecs: Mapping[str, Codec],
        rename: Renaming,
        acceptor: Acceptor,
        tls: AddressTls | None = None,
        configured: str = "",
    ) -> None:
        self._acceptor = acceptor
        self._configured = without_options(configured)
        self._context = context
        self._codecs = codecs
        self._rename = rename
        self.tls = tls
        self._one_line = acceptor if isinstance(acceptor, HasOnePeer) else None

    @property
    def places(self) -> set[str]:
        """The URL of the address, as bound and as the server was given it, without options."""
        return {without_options(self._acceptor.address), self._configured} - {""}

    def secured(self, link: Link) -> Link:
        """Return a link on which sessions of this address speak.

        Raises:
            ConfigError: it is a line, and TLS is asked for; it is closed.
        """
        return link if self.tls is None else self.tls.around(link)

    def refusal(self, link: Link) -> str | None:
        """Return why a link can't be served, or None."""
        if not link.traits.reliable:
            try:
                self._context.codec(BOARD_CODEC)
            except Exception as error:
                return f"boards can't be served: {error}"
        return None

    def make_link_session(self, link: Link, switch_to: SwitchTo) -> LinkSession:
        """Return the session of a new link.

        Args:
            link: whose session it is.
            switch_to: called with the session that takes its place, once the dialect is known.
        """
        now, packets = self._context.clock(), link.traits.packets
        deadline = now + self._context.limits.handshake
        if not link.traits.reliable:
            return self._line(link, deadline)
        others: dict[Dialect, MakeSession] = {}
        if PLAIN_CODEC in self._codecs:
            others[Dialect.PLAIN] = lambda: self._plain(link, packets, deadline)
        if not packets:
            others[Dialect.BOARD] = lambda: LineSession(link.peer, self._find_station(link), deadline)

        def binary() -> ServerSession:
            session = self._binary(link.peer, now, self._door(link), packets=packets)
            session.lasting = LinkToLast(self._context.resumptions, switch_to)
            return session

        return DialectDetector(link.peer, deadline, binary, others, switch_to)

    def _line(self, link: Link, deadline: float) -> LineSession:
        """Attach to the one station that is there, or wait until one of many says which it is."""
        session = LineSession(link.peer, self._find_station(link), deadline, reliable=False)
        if self._one_line is None or self._one_line.one_peer:
            session.attach_to(self._context.stations.of_line(self, lambda: self._station(link)))
        return session

    def _door(self, link: Link) -> Door | None:
        """Return the door of a link; None: there are no rules, and no door."""
        context = self._context
        if context.access is None:
            return None
        facts = partial(facts_of, link, without_options(self._acceptor.address), self._configured)
        return Door(context.identities, context.access, facts, link.peer, context.exchange.guard)

    def _plain(self, link: Link, packets: bool, deadline: float) -> PlainSession:
        context = self._context
        codec = self._codecs[PLAIN_CODEC]
        session = PlainSession(
            *(context.exchange, codec, context.limits, self._door(link)),
            peer=link.peer,
            packets=packets,
            deadline=deadline,
            request_tick=context.tick_sessions_at,
            on_backlog=context.add_backlog,
        )
        context.session_opened(session, context.limits.keepalive)
        return session

    def _binary(self, peer: str, now: float, door: Door | None, *, packets: bool = False) -> ServerSession:
        context = self._context
        clients = context.identities if door is None else door
        session = ServerSession(
            context.exchange, clients, self._codecs, context.limits, peer=peer, packets=packets, now=now
        )
        if door is not None:
            session.port.principal = NOBODY
        session.on_backlog = context.add_backlog
        session.on_open = lambda keepalive: context.session_opened(session, keepalive)
        return session

    def _find_station(self, link: Link) -> Callable[[int], Station]:
        stations = self._context.stations
        return lambda sid: stations.of_session(sid, link.peer, lambda: self._station(link))

    def _station(self, link: Link) -> Station:
        station = Station(link.peer, self, _random_sid, Terms(bitrate=link.traits.bitrate), self._context.clock)
        station.door = self._door(link)
        return station

    # -- what its stations ask

    def make_session(self, station: Station, terms: SynAck) -> BoardSession | StreamOnLine:
        """See `StationOwner`."""
        if terms.dialect == BINARY:
            program = self._binary(station.peer, self._context.clock(), station.door)
            program.on_change = station.changed
            return StreamOnLine(program)
        context = self._context
        codec = context.codec(BOARD_CODEC)
        board = BoardSession(
            *(context.exchange, codec, context.limits, self._rename),
            peer=station.peer,
            terms=terms,
            line_counts=station.counts,
        )
        if station.door is not None:
            board.principal = NOBODY
            with suppress(NotAdmitted):
                station.door.enter_board(board)
        board.on_change = station.changed
        context.session_opened(board, context.limits.keepalive)
        return board

    def session_ended(self, session: BoardSession | StreamOnLine) -> None:
        """See `StationOwner`."""
        self._context.exchange.leave(session.port)
        peer = session if isinstance(session, BoardSession) else session.program
        self._context.later(partial(log_session_end, peer, "session ended", self._context.peer_log))
        if isinstance(peer, BoardSession) or peer.client:
            self._context.session_ended(peer)

    def tick_at(self, when: float) -> None:
        """See `StationOwner`."""
        self._context.tick_stations_at(when)

    def report(self, station: Station, text: str, *, warning: bool) -> None:
        """See `StationOwner`."""
        peer_log, said = self._context.peer_log, f"{station.peer}: {text}"
        self._context.later(partial(peer_log.warning, said) if warning else partial(peer_log.info, said, MOST_REPORTS))


def log_session_end(session: LinkSession | BoardSession, what: str, peer_log: LimitedLog) -> None:
    """Log how a link or session ended: as a warning if a rule was broken or events were lost.

    Args:
        session: that has ended.
        what: what it was, such as "link closed".
        peer_log: where to.
    """
    lost_here = session.lost.total() - session.lost[SUPERSEDED]  # which it asked for
    lost = f"; {lost_here} events did not reach it" if lost_here else ""
    broken = isinstance(session.error, ProtocolError | LimitError)
    write = peer_log.warning if broken or lost else peer_log.info
    write(f"{session.peer}: {what}: {session.error}{lost}")


def _random_sid() -> int:
    return int.from_bytes(os.urandom(4), "little") or 1
