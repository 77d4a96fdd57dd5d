"""All connections of a server: where it listens, who is connected, and the one loop that serves them."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from sig_core.access.access_control import AccessControl
from sig_core.busy_poll import FEW
from sig_core.clock import Clock
from sig_core.contract import Acceptor, Codec, Link, PollableLink
from sig_core.errors import Busy, ConfigError, LinkClosed, LinkLost
from sig_core.io.adapters.as_stream import as_stream, sharing_a_thread
from sig_core.io.server.acceptors import AcceptorThread
from sig_core.io.server.connection import Connection, PolledConnection, PumpedConnection, SecuredConnection
from sig_core.io.server.give_back import GiveBack
from sig_core.io.server.io_thread import IoThread
from sig_core.io.server.listening import Listening
from sig_core.io.server.loop import Loop
from sig_core.io.server.session_factory import PeerSession, SessionFactory, log_session_end
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.io.sync.receive_buffer import ReceiveBuffer
from sig_core.log import LimitedLog
from sig_core.protocol.limits import Limits
from sig_core.protocol.source import source_of
from sig_core.routing.exchange import Exchange
from sig_core.session.binary.resumable_link import ResumableLink
from sig_core.session.binary.resumptions import Resumptions
from sig_core.session.binary.server import ServerSession
from sig_core.session.board.renaming import Renaming
from sig_core.session.fair_shares import Shift
from sig_core.session.identity import Identities
from sig_core.session.line.stations import Stations
from sig_core.session.link_session import LinkSession
from sig_core.session.newcomers import Newcomers
from sig_core.session.plain.session import PlainSession

if TYPE_CHECKING:
    from sig_core.io.adapters.datagram_acceptor import DatagramAcceptor
    from sig_core.io.tls.accepted import AddressTls

__all__ = ["STOP", "ConnectionManager"]

STOP = 2.0  # seconds that a stop waits for goodbyes to go out, and for threads
SPARE = 64  # file descriptors that links leave to all else: without one nobody is accepted, and nobody gives way
CHECK = 0.25  # seconds between checks of all connections, at most
CHECK_EACH = 50e-6  # seconds for each of them: with thousands a check must not be most of what the thread does

Codecs = Mapping[str, Codec]
MakeLoop: TypeAlias = Callable[[Callable[[], None], Callable[[float], float], str, Clock], Loop]


def _nobody_waits() -> None:
    return None


def _descriptors() -> int:
    """Return how many files this process may have open."""
    try:
        import resource  # of POSIX alone

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except ImportError:
        return sys.maxsize
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(soft, 2 * SPARE)


class ConnectionManager:
    """Listens, takes links in, and serves their sessions until they end.

    Args:
        exchange: that the sessions join; it is changed under `lock` alone.
        lock: that guards the exchange and all sessions.
        codec: returns the codec of a name.
        limits: what a client may cost.
        access: the rules; None: there are none.
        on_tick: called under the lock with `now`; returns the seconds until it wants to be called again.
        on_session: called with a session whose peer is known (its `error` is None), and again when it has ended.
        clock: returns monotonic seconds.
        stop_time: seconds that a stop waits for goodbyes to go out, and again for threads.
        make_loop: makes what polls; see `Loop` for its arguments.

    Attributes:
        listening: the addresses.
        resumptions: sessions that outlive their links.
        peer_log: for what peers bring about.
    """

    def __init__(
        self,
        exchange: Exchange,
        lock: OwnedLock,
        codec: Callable[[str], Codec],
        limits: Limits,
        access: AccessControl | None,
        on_tick: Callable[[float], float],
        on_session: Callable[[PeerSession], None],
        *,
        clock: Clock = time.monotonic,
        stop_time: float = STOP,
        make_loop: MakeLoop = IoThread,
    ) -> None:
        self.lock = lock
        self.exchange = exchange
        self.codec = codec
        self.limits = limits
        self.access = access
        self.stations = Stations()
        self.identities = Identities(os.urandom(16).hex(), lambda: os.urandom(16).hex(), clock)
        self.clock = clock
        self.loop = make_loop(self._turn, self._tick, "sig-io", clock)
        self.loop.busy_poll(limits.busy_poll)
        self.buffer = ReceiveBuffer()
        self.resumptions = Resumptions(limits, clock, self._waited_in_vain, self.tick_sessions_at)
        self._on_tick, self._on_session = on_tick, on_session
        self._stop_time = stop_time
        self.peer_log = LimitedLog(clock)
        self.listening = Listening(self.loop, lock, self.peer_log)
        self._connections: dict[Connection, SessionFactory] = {}  # and where they came in
        self._sources: Counter[str] = Counter()  # of them: links of each
        self._newcomers = Newcomers[Connection](limits.max_unknown, lambda each: each.session.is_stranger)
        self._dirty: list[Connection] = []
        self._backlog: deque[ServerSession | PlainSession] = deque()  # that have more input than one turn takes
        self._unread: dict[SecuredConnection, None] = {}  # whose links have more, of which no poll tells
        self._give_back = GiveBack()
        self._ending: dict[Connection, float] = {}  # whose session has ended, and when that was seen
        self._next_check, self._stopping = 0.0, False  # of all connections, monotonic seconds
        exchange.leaving.on_work = exchange.memory.on_excess = partial(self.loop.tick_at, 0.0)
        self.loop.between = self._relieve
        self._emptied: Callable[[], None] = _nobody_waits  # called when a stop has seen the last client go
        self._leaving: list[PumpedConnection] = []  # whose threads a stop waits for
        self._sharing: list[DatagramAcceptor] = []  # that live, closed or not, as long as their links do

    # -- from any thread

    @property
    def addresses(self) -> list[str]:
        """The URLs that are listened on, as bound."""
        return self.listening.addresses

    @property
    def peers(self) -> list[str]:
        """The clients that are connected, printable."""
        with self.lock:
            return [connection.session.peer for connection in self._connections]

    def accept_from(
        self,
        acceptor: Acceptor,
        codecs: Codecs,
        rename: Renaming,
        tls: AddressTls | None = None,
        configured: str = "",
    ) -> str:
        """Serve whoever connects to an acceptor; returns its address.

        Args:
            acceptor: of the address; it is closed with this, or by `refuse_at`.
            codecs: that clients may use there, by name.
            rename: how boards that come there are called.
            tls: is put around the links; None: nothing is.
            configured: URL of the address, as it was given.
        """
        shared = sharing_a_thread(acceptor)
        if shared is not None:
            self._sharing = [each for each in self._sharing if each.is_alive] + [shared]
        acceptor = shared or acceptor
        if tls is not None:
            acceptor = tls.named(acceptor)
        factory = SessionFactory(self, codecs, rename, acceptor, tls, configured)

        def on_link(link: Link) -> None:
            self._accept(link, factory)

        self.listening.add(acceptor, factory, on_link)
        return acceptor.address

    def refuse_at(self, address: str) -> None:
        """Stop listening at an address, and say goodbye to who came there.

        Raises:
            ConfigError: nobody listens there.
        """
        acceptor, factory = self.listening.remove(address)
        self.listening.close(acceptor)
        acceptor.join(self._stop_time)
        self.send_away(factory)

    def send_away(self, factory: SessionFactory) -> None:
        """Say goodbye to who came to an address where nobody listens any more."""
        with self.lock:
            for connection, where in self._connections.items():
                if where is factory:
                    connection.session.close("the server does not listen there any more")
        self.loop.wake()

    def close(self) -> None:
        """Stop listening, say goodbye to all, and end.

        It waits for `stop_time` at most until the peers have taken what waits for them, then as long for threads.
        """
        emptied = Latch()
        self.stop_accepting()
        if self.say_goodbye(emptied.set):
            emptied.wait(self._stop_time)
        self.abort_all()
        self.join()  # before the loop stops: a link that was just accepted may be handed over to it
        self.loop.stop()

    def let_out(self, until: float) -> None:
        """See `Lasting`."""
        emptied = Latch()
        if not self._stopping:
            self.stop_accepting()
            if self.say_goodbye(emptied.set):
                emptied.wait(until - self.clock())

    # -- the steps of an end

    @property
    def has_threads(self) -> bool:
        """Whether an acceptor, or a link, can't be polled: to close it may take a while."""
        with self.lock:
            threaded = [each for each in self._connections if isinstance(each, PumpedConnection)]
        return bool(threaded or self._leaving or self._sharing or self.listening.threads)

    def stop_accepting(self) -> None:
        """Listen nowhere any more. Again: does nothing."""
        self._stopping = True
        self.listening.close_all()
        self.peer_log.flush()

    def say_goodbye(self, emptied: Callable[[], None] = _nobody_waits) -> bool:
        """Say goodbye to all; returns whether somebody is to take it.

        Args:
            emptied: called, on any thread, when the last of them has gone.
        """
        with self.lock:
            self._emptied = emptied
            for connection in self._connections:
                connection.session.close("the server stops")
                if isinstance(connection, PumpedConnection):
                    self._leaving.append(connection)
            self.stations.close()
            self.resumptions.close(LinkClosed("the server stops"))
            waits = bool(self._connections)
        if waits:
            self.loop.wake()
        return waits

    def abort_all(self) -> None:
        """Close all links at once; of what waits is sent what goes now, where that is known: on the loop's thread."""
        with self.lock:
            connections = list(self._connections)
        for connection in connections:
            self._abort(connection)
        self.loop.handshakes.stop()
        self._give_back.close()

    def _abort(self, connection: Connection) -> None:
        if self.loop.is_current():
            connection.flush()
        if self.loop.is_current() or isinstance(connection, PumpedConnection):
            connection.abort()
        else:
            self.loop.post(connection.abort)

    def join(self) -> None:
        """Wait for the threads of acceptors and links, `stop_time` for all of them together."""
        until = self.clock() + self._stop_time
        threaded: list[AcceptorThread | PumpedConnection] = [*self.listening.threads, *self._leaving]
        for each in threaded:
            each.join(max(0.0, until - self.clock()))
        for acceptor in self._sharing:
            acceptor.join(max(0.0, until - self.clock()))
        self.loop.handshakes.join(max(0.0, until - self.clock()))

    def abandon(self) -> None:
        """In a forked child: close the descriptors; nothing is sent."""
        self._stopping = True
        self.loop.abandon()
        self.listening.abandon()
        for connection in self._connections:
            connection.abandon()

    # -- new links

    def _accept(self, link: Link, factory: SessionFactory) -> None:
        """Serve a new link; on the loop's thread, or that of an acceptor that can't be polled."""
        try:
            link = factory.secured(as_stream(link, dialing=False, patience=self.limits.handshake))
        except ConfigError as error:
            self.peer_log.warning(f"closed: {error}")
            return
        refusal = self._refusal(link) or factory.refusal(link)
        if refusal is not None:
            self.peer_log.warning(f"{link.peer}: closed: {refusal}")
            link.close()
            return
        with self.lock:
            connection = self._connect(link, factory)
            self._connections[connection] = factory
            self._sources[source_of(link.peer)] += 1
            self._newcomers.add(connection, link.peer)
            self.loop.shares.come(connection.session.peer, self.clock())
        if self.loop.is_current() or isinstance(connection, PumpedConnection):
            self._begin(connection)
        else:
            self.loop.post(partial(self._begin, connection))
        self.peer_log.debug(f"{link.peer}: connected")

    def _begin(self, connection: Connection) -> None:
        connection.start()
        with self.lock:
            if connection.session.has_output:  # on a line the server speaks first
                self.mark_dirty(connection)
        if self._stopping:
            connection.abort()

    def _refusal(self, link: Link) -> str | None:
        """Return why there is no room for a link; a stranger, or a session that waits for a link, gives way to it."""
        most = min(self.limits.max_links, _descriptors() - SPARE)
        most_of_source = self.limits.max_source_links * most // self.limits.max_links
        with self.lock:
            if self._sources[source := source_of(link.peer)] >= most_of_source:
                return f"{most_of_source} links of {source!r} are open, which is the limit (max_source_links)"
            links = len(self._connections) + len(self.resumptions)
            full = links + len(self.stations) >= most  # at least
            full = full and links + len(self.stations.waiting) >= most
            stranger = self._newcomers.to_drop(full=full)
            if stranger is None and (not full or self.resumptions.drop_waiting() or self.stations.drop_waiting()):
                return None
            if stranger is None:
                return f"{most} links are open, which is the limit"
            text = f"there are too many links, and this peer has not said who it is: {most} links are the limit"
            stranger.session.fail(Busy(f"{text}, {self.limits.max_unknown} of those that have not"))
        self._newcomers.remove(stranger)
        self._abort(stranger)
        return None

    def _connect(self, link: Link, factory: SessionFactory) -> Connection:
        def switch_to(session: LinkSession) -> None:
            connection.session = session
            session.on_change = connection.changed

        session = factory.make_link_session(link, switch_to)
        connection: Connection
        if isinstance(link, PollableLink):
            # This is `HasPending`, asked by name: a protocol takes 13 us to ask.
            kind = SecuredConnection if hasattr(link, "pending") else PolledConnection
            connection = kind(self, link, session)
            if kind is SecuredConnection and self.loop.awake is not None:
                self.loop.awake.policy.take_longer()
        else:
            connection = PumpedConnection(self, link, session)
        switch_to(session)
        return connection

    # -- what session factories ask

    def session_opened(self, session: PeerSession, keepalive: float) -> None:
        """See `ServerContext`."""
        self._on_session(session)
        if keepalive < 4 * CHECK:  # the next check may come too late for the first keep-alive
            self._next_check = 0.0
            self.loop.tick_soon()

    def session_ended(self, session: PeerSession) -> None:
        """See `ServerContext`."""
        self._on_session(session)

    def tick_stations_at(self, when: float) -> None:
        """See `ServerContext`."""
        self.loop.tick_at(when)

    def tick_sessions_at(self, when: float) -> None:
        """See `ServerContext`."""
        self._next_check = min(self._next_check, when)
        self.loop.tick_at(when)

    def later(self, job: Callable[[], None]) -> None:
        """See `ServerContext`."""
        self.loop.post(job)

    def add_backlog(self, session: ServerSession | PlainSession) -> None:
        """See `ServerContext`."""
        self._backlog.append(session)
        self.loop.tick_at(0.0)

    # -- what connections ask

    def mark_dirty(self, connection: Connection) -> None:
        """See `ConnectionOwner`."""
        self._dirty.append(connection)
        if not self.loop.has_turn_ahead:
            self.loop.wake()

    def read_soon(self, connection: SecuredConnection) -> None:
        """See `ConnectionOwner`."""
        self._unread[connection] = None
        self.loop.tick_at(0.0)

    def note_closed(self, connection: Connection) -> None:
        """See `ConnectionOwner`: forget the connection."""
        session = connection.session
        with self.lock:
            if session.error is None:
                session.fail(LinkLost("the link was cut"))
            known = self._connections.pop(connection, None) is not None
            if known:
                self._count_out(connection)
            self._ending.pop(connection, None)
            self._newcomers.remove(connection)
            ended = session.ended if isinstance(session, ResumableLink) else session
            if isinstance(ended, ServerSession | PlainSession):
                self.exchange.leave(ended.port)
            if ended is not None:
                ended.let_go()
        if known:
            log_session_end(session, "link closed", self.peer_log)
            if isinstance(ended, ServerSession | PlainSession) and ended.codec:
                self._on_session(ended)
        if self._stopping and not self._connections:
            self.peer_log.flush()
            self._emptied()

    def _count_out(self, connection: Connection) -> None:
        source = source_of(connection.session.peer)
        self.loop.shares.forget(connection.session.peer)
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]

    def _waited_in_vain(self, session: ServerSession) -> None:
        """Note, under the lock, that a session has ended for which no link came."""

        def leave() -> None:
            with self.lock:
                self.exchange.leave(session.port)
            log_session_end(session, "session ended", self.peer_log)
            self._on_session(session)

        self.loop.post(leave)

    # -- on the loop's thread

    def _turn(self) -> None:
        while self._dirty:
            with self.lock:
                dirty, self._dirty = self._dirty, []
            for connection in dict.fromkeys(dirty) if len(dirty) > 1 else dirty:
                connection.flush()
        if self.exchange.requests.passed:
            self.exchange.requests.passed = False
            if self.loop.awake is not None and self.buffer.last < FEW:
                self.loop.awake.passed()

    def _tick(self, now: float) -> float:
        """Do what is due: stations to the millisecond, all else at checks that are further apart."""
        with self.lock:
            stations_due = self.stations.tick(now)
            if self.exchange.leaving.take_turn():
                self.loop.tick_at(0.0)
        self._relieve()
        self._take_backlog(now)
        if self._unread:
            unread, self._unread = self._unread, {}
            for connection in unread:
                connection.read_on()
        if now >= self._next_check:
            self._next_check = now + CHECK  # even if this one fails; what sessions ask for meanwhile counts
            wait = self._check_sessions(now)
            with self.lock:
                self._next_check = min(self._next_check, now + wait)
        return max(0.0, min(stations_due, self._next_check) - now)

    def _relieve(self) -> None:
        """Let those give way who hold too much: one turn may bring a lot, and the next one as much again."""
        if self.exchange.memory.is_due:
            with self.lock:
                self.exchange.memory.relieve()
            self._give_back.note(self.exchange.memory.size, self.clock())

    def _take_backlog(self, now: float) -> None:
        """Let those who have more input take their turns, and no more of them than others can wait for."""
        shares, worked = self.loop.shares, time.thread_time()
        shift = Shift(worked)
        waiting = [(shares.place_of(each.peer, now), each) for each in self._backlog if each.error is None]
        waiting.sort(key=itemgetter(0))  # else in the order in which they came
        self._backlog.clear()
        left, current = [], now
        for place, session in waiting:
            if shift.is_over(place, worked):
                left.append(session)
                continue
            began = time.thread_time()
            with self.lock:  # for each anew: that is what they wait for
                session.take_backlog(current)
            current, worked = self.clock(), time.thread_time()
            shares.note(session.peer, worked - began, current)
            self._relieve()
        self._backlog.extendleft(reversed(left))  # before those that came anew
        if self._backlog:
            self.loop.tick_at(0.0)

    def _check_sessions(self, now: float) -> float:
        wait = self.limits.keepalive
        with self.lock:
            for connection in list(self._connections):
                wait = min(wait, connection.session.tick(now))
                if connection.session.error is not None:
                    self._ending.setdefault(connection, now)
            wait = min(wait, self.resumptions.tick(now) - now)
            self.exchange.memory.look()
            often = min(CHECK, self._on_tick(now))
        self.peer_log.tick()
        self._give_back.note(self.exchange.memory.size, now)
        for connection, since in self._ending.copy().items():
            if now - since >= self._stop_time:  # its output does not leave: the peer does not read
                connection.abort()
        return min(often, max(wait, CHECK_EACH * len(self._connections), 0.005))
