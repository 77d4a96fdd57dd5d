"""All clients of a server: where it listens, who is connected, and the one I/O thread that serves them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

from sig_core.clock import NEVER
from sig_core.contract import Acceptor, Codec, Link, PollableAcceptor, PollableLink
from sig_core.errors import ConfigError, LinkLost
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.server.acceptors import AcceptorThread, PolledAcceptor
from sig_core.io.server.connection import Connection, PolledConnection, PumpedConnection
from sig_core.io.server.loop import IoThread
from sig_core.io.server.session_factory import PeerSession, SessionFactory, log_end
from sig_core.io.sync.receive_buffer import ReceiveBuffer
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import Exchange
from sig_core.session.binary.server import ServerSession
from sig_core.session.board.renaming import Renaming
from sig_core.session.identity import Identities
from sig_core.session.line.stations import Stations
from sig_core.session.link_session import LinkSession
from sig_core.session.plain.session import PlainSession

__all__ = ["STOP", "ConnectionManager"]

STOP = 2.0  # seconds that a stop waits for goodbyes to go out, and for threads
TICK = 0.25  # seconds between looks at idle links, at most
TICK_EACH = 50e-6  # seconds for each link: with thousands of them a look must not be most of what the thread does

Codecs = Mapping[str, Codec]


class ConnectionManager:
    """Listens, takes links in, and serves their sessions until they end.

    Args:
        exchange: that the sessions join; it is changed under `lock` alone.
        lock: see there.
        codec: gives the codec of a name.
        limits: what a client may cost.
        tick: called under the lock with `now`; gives the seconds until it wants to be called again.
        told: called with a session that was taken in (its `error` is None), and again when its link has ended.
    """

    def __init__(
        self,
        exchange: Exchange,
        lock: threading.Lock,
        codec: Callable[[str], Codec],
        limits: Limits,
        tick: Callable[[float], float],
        told: Callable[[PeerSession], None],
    ) -> None:
        self.lock = lock
        self.exchange = exchange
        self.codec = codec
        self.limits = limits
        self.stations = Stations()
        self.identities = Identities(os.urandom(16).hex(), lambda: os.urandom(16).hex())
        self.loop = IoThread(self._turn, self._tick, "sig-io")
        self.buffer = ReceiveBuffer()
        self._tick_too = tick
        self._told = told
        self._acceptors: dict[PolledAcceptor | AcceptorThread, SessionFactory] = {}
        self._connections: dict[Connection, SessionFactory] = {}  # and where they came in
        self._dirty: list[Connection] = []
        self._backlog: list[PlainSession] = []  # that have more input than one turn takes
        self._ending: dict[Connection, float] = {}  # whose session has ended, and when that was seen
        self._next_look = 0.0  # at all connections
        self._stopping = False
        self._emptied = threading.Event()  # set when a stop has seen the last client go

    # -- from any thread

    @property
    def addresses(self) -> list[str]:
        """The URLs that are listened on, as bound."""
        return [acceptor.address for acceptor in self._acceptors]

    @property
    def peers(self) -> list[str]:
        """The clients that are connected, printable."""
        with self.lock:
            return [connection.session.peer for connection in self._connections]

    def accept_from(self, acceptor: Acceptor, codecs: Codecs, rename: Renaming) -> None:
        """Take in whoever comes there and speaks one of `codecs`, and boards; `rename`: what these are called."""
        factory = SessionFactory(self, codecs, rename, acceptor)

        def welcome(link: Link) -> None:
            self._welcome(link, factory)

        watched: PolledAcceptor | AcceptorThread
        if isinstance(acceptor, PollableAcceptor):
            watched = PolledAcceptor(self.loop, acceptor, welcome)
        else:
            watched = AcceptorThread(acceptor, welcome)
        self._acceptors[watched] = factory
        self.loop.post(watched.start)

    def refuse_at(self, address: str) -> None:
        """Stop listening at an address, and say goodbye to who came there.

        Raises:
            ConfigError: nobody listens there.
        """
        with self.lock:
            acceptor = next((each for each in self._acceptors if each.address == address), None)
            if acceptor is None:
                there = ", ".join(self.addresses) or "no address"
                raise ConfigError(f"{address}: this server does not listen there; it does on {there}")
            factory = self._acceptors.pop(acceptor)
        acceptor.close()
        acceptor.join(STOP)
        with self.lock:
            for connection, where in self._connections.items():
                if where is factory:
                    connection.session.close("the server does not listen there any more")
        self.loop.wake()

    def close(self) -> None:
        """Stop listening, say goodbye to all, and wait at most 2 s until they have taken what waits for them."""
        self._stopping = True
        for acceptor in self._acceptors:
            acceptor.close()
        with self.lock:
            connections = list(self._connections)
            for connection in connections:
                connection.session.close("the server stops")
            self.stations.close()
        if connections:
            self.loop.wake()
            self._emptied.wait(STOP)
        for connection in connections:
            if isinstance(connection, PumpedConnection):
                connection.cut()
            else:
                self.loop.post(connection.cut)
        self.loop.stop()
        self._join([*self._acceptors, *(each for each in connections if isinstance(each, PumpedConnection))])

    def _join(self, threaded: list[PolledAcceptor | AcceptorThread | PumpedConnection]) -> None:
        until = time.monotonic() + STOP  # for all of them together
        for each in threaded:
            each.join(max(0.0, until - time.monotonic()))

    def abandon(self) -> None:
        """In a forked child: give the descriptors back, without a word on the wire."""
        self.loop.abandon()
        for thing in (*self._acceptors, *self._connections):
            thing.abandon()

    # -- new links

    def _welcome(self, link: Link, factory: SessionFactory) -> None:
        """Take a link in. On the I/O thread, or on that of a non-pollable acceptor."""
        try:
            link = as_stream(link, dialing=False, patience=self.limits.handshake)
        except ConfigError as error:
            log.warning(f"closed: {error}")
            return
        refusal = self._refusal(link) or factory.refusal(link)
        if refusal is not None:
            log.warning(f"{link.peer}: closed: {refusal}")
            link.close()
            return
        with self.lock:
            connection = self._connect(link, factory)
            self._connections[connection] = factory
        connection.start()
        with self.lock:
            if connection.session.has_output:  # on a line the server speaks first
                self.dirty(connection)
        if self._stopping:
            connection.cut()
        log.debug(f"{link.peer}: connected")

    def _refusal(self, link: Link) -> str | None:
        if len(self._connections) >= self.limits.max_links:
            return f"{self.limits.max_links} links are open, which is the limit"
        return None

    def _connect(self, link: Link, factory: SessionFactory) -> Connection:
        def become(session: LinkSession) -> None:
            connection.session = session
            session.on_change = connection.changed

        session = factory.session_of(link, become)
        connection: Connection
        if isinstance(link, PollableLink):
            connection = PolledConnection(self, link, session)
        else:
            connection = PumpedConnection(self, link, session)
        become(session)
        return connection

    # -- what receptions ask

    def opened(self, session: PeerSession, keepalive: float) -> None:
        """See `ServerContext`."""
        self._told(session)
        if keepalive < 4 * TICK:  # the next look may come too late for the first sign of life
            self._next_look = 0.0
            self.loop.tick_soon()

    def ended(self, session: PeerSession) -> None:
        """See `ServerContext`."""
        self._told(session)

    def tick_stations_at(self, when: float) -> None:
        """See `ServerContext`."""
        self.loop.tick_at(when)

    def tick_sessions_at(self, when: float) -> None:
        """See `ServerContext`."""
        self._next_look = min(self._next_look, when)
        self.loop.tick_at(when)

    def add_backlog(self, session: PlainSession) -> None:
        """See `ServerContext`."""
        self._backlog.append(session)
        self.loop.tick_at(0.0)

    # -- what connections ask of their host

    def dirty(self, connection: Connection) -> None:
        """Note, under the lock, who has something to flush."""
        self._dirty.append(connection)
        if not self.loop.has_turn_ahead:
            self.loop.wake()

    def gone(self, connection: Connection) -> None:
        """Forget a closed connection."""
        session = connection.session
        with self.lock:
            if session.error is None:
                session.fail(LinkLost("the link was cut"))
            known = self._connections.pop(connection, None) is not None
            self._ending.pop(connection, None)
            if isinstance(session, ServerSession | PlainSession):
                self.exchange.leave(session.port)
        if known:
            log_end(session, "link closed")
            if isinstance(session, ServerSession | PlainSession) and session.codec:
                self._told(session)
        if self._stopping and not self._connections:
            self._emptied.set()

    # -- on the I/O thread

    def _turn(self) -> None:
        while self._dirty:
            with self.lock:
                dirty, self._dirty = self._dirty, []
            for connection in dict.fromkeys(dirty) if len(dirty) > 1 else dirty:
                connection.flush()

    def _tick(self, now: float) -> float:
        """Do what is due: lines to the millisecond, all else at looks that are further apart."""
        with self.lock:
            lines = self.stations.tick(now)
            backlog, self._backlog = self._backlog, []
        for session in backlog:
            with self.lock:  # for each anew: that is what they wait for
                session.take_backlog(now)
        if now >= self._next_look:
            self._next_look = NEVER  # what sessions ask for meanwhile counts
            wait = self._look(now)
            with self.lock:
                self._next_look = min(self._next_look, now + wait)
        return max(0.0, min(lines, self._next_look) - now)

    def _look(self, now: float) -> float:
        wait = self.limits.keepalive
        with self.lock:
            for connection in list(self._connections):
                wait = min(wait, connection.session.tick(now))
                if connection.session.error is not None:
                    self._ending.setdefault(connection, now)
            often = min(TICK, self._tick_too(now))
        for connection, since in list(self._ending.items()):
            if now - since >= STOP:  # its last words do not leave: the peer does not read
                connection.cut()
        return min(often, max(wait, TICK_EACH * len(self._connections), 0.005))
