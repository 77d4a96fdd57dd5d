"""A program with a server: sessions, stations and exchange are the product's; a connection is as small as can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sig_core.access.access_control import AccessControl
from sig_core.contract import Codec, LinkTraits
from sig_core.errors import LinkClosed, LinkLost, RemoteProtocolError, SenderExists
from sig_core.events import Name, key_of
from sig_core.io.server.session_factory import PeerSession, SessionFactory
from sig_core.line.upper_layer import Terms
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.routing.confirmed import ConfirmedEvents
from sig_core.routing.durable_feed import DurableFeed
from sig_core.routing.durables import Durables
from sig_core.routing.exchange import Exchange, SenderEntry
from sig_core.routing.guarded_exchange import GuardedExchange
from sig_core.routing.ports import Run
from sig_core.routing.transcode import decode
from sig_core.session.binary.resumable_link import ResumableLink
from sig_core.session.binary.resumptions import Resumptions
from sig_core.session.binary.server import ServerSession
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BoardSession
from sig_core.session.identity import Identities
from sig_core.session.line.line_session import LineSession
from sig_core.session.line.station import Station
from sig_core.session.line.stations import Stations
from sig_core.session.line.stream_on_line import StreamOnLine
from sig_core.session.link_session import LinkSession
from sig_core.session.plain.session import PlainSession
from tests.simulation.choices import ALLOWED
from tests.simulation.disk import StoreWorker
from tests.simulation.durable_life import DurableLife
from tests.simulation.no_log import NoLog
from tests.simulation.observer import LIFE, PRESENCE, matches, number_of
from tests.simulation.permissions import ANYONE, Permissions
from tests.simulation.serial_line import SerialLine
from tests.simulation.world import Breach, World
from tests.support.sessions import PLUGINS

if TYPE_CHECKING:
    from tests.simulation.network import Network

__all__ = ["Connection", "ServerNode"]

CHECK = 0.25  # seconds between checks of all connections, at most, while somebody is held back or leaves
STORE_CHECK = 1.0  # seconds between looks at what is kept
STALL_CHECK = 0.02  # and while a slow listener holds somebody back
ROOM = 4096  # bytes that are joined for one send
LEAST = 1e-6  # seconds that time goes on between two looks, as it does anywhere but here
ENOUGH = 1 << 30  # bytes
GIVEN_WAY = 1.5  # of what links may hold is held at most when some have given way: others are told that they are gone
LOOKS = 4  # within which they have given way, one after the other
STOP = 2.0  # seconds for what is left of a session that has ended to leave


class Port:
    """What a session factory asks of a link."""

    def __init__(self, peer: str, traits: LinkTraits) -> None:
        self.peer = peer
        self.traits = traits


STREAM = LinkTraits(packets=False, reliable=True)


class Connection:
    """A session on an end of a cable."""

    def __init__(self, server: ServerNode, number: int, end: Any, traits: LinkTraits, factory: SessionFactory) -> None:
        self.number = number
        self.end = end
        self.closed = False
        self._server = server
        self.failed_at: float | None = None  # what is left may be sent later
        self._rest = b""
        self._ended = False  # the input
        end.holder = self
        self.session: LinkSession
        link: Any = Port(f"link {number}", traits)
        session = factory.make_link_session(link, self._switch_to)
        if not hasattr(self, "session"):
            self._switch_to(session)

    def _switch_to(self, session: LinkSession) -> None:
        self.session = session
        session.on_change = self._changed

    def _changed(self) -> None:
        if self.failed_at is None and self.session.error is not None:
            self.failed_at = self._server.now()
        self._server.mark_dirty(self)

    def receive(self, data: bytes) -> None:
        """See `Holder`."""
        self.session.receive_data(data, self._server.now())
        if self.session.error is not None:
            self._changed()

    def at_end(self) -> None:
        """See `Holder`."""
        self.session.receive_eof()
        if self.session.keeps_half_open:
            self._ended = True
            self.flush()
        else:
            self.abort()

    def writable(self) -> None:
        """See `Holder`."""
        self.flush()

    def flush(self) -> None:
        """Send what goes now; close when the session has ended and all is sent."""
        server = self._server
        if self.closed or server.is_stopped_still:
            return
        session, end = self.session, self.end
        while data := self._rest or session.take(ROOM):
            count = end.send(data)
            if count:
                session.sent(count, server.now())
            self._rest = data[count:]
            if self._rest:
                break
        if session.error is not None and not self._rest:
            self.abort()
        else:
            end.set_reading(not (session.reading_paused or self._ended))

    def abort(self) -> None:
        """Close the link at once."""
        if not self.closed:
            self.closed = True
            self.end.close()
            self._server.note_closed(self)


class ServerNode:
    """A process with one server, and the others that come after it at its address.

    Attributes:
        exchange, identities, stations, limits, clock: see `ServerContext`.
        connections: the links that it has, by number.
        is_up: it runs.
        generation: how many processes there were.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.world: World = network.world
        self.limits: Limits = network.limits
        self.who = "server"
        self.offset = 0.0
        self.is_stopped_still = False
        self.generation = 0
        self.is_up = False
        self.clock: Callable[[], float] = self.now
        self._codecs: Mapping[str, Codec] = ALLOWED
        self.codec = PLUGINS.codecs.get
        self.peer_log: Any = NoLog()
        self.access: AccessControl | None = None
        self._waiting_rules: Permissions | None = None
        self.boot()

    def now(self) -> float:
        """Return the time by its clock."""
        return self.world.now + self.offset

    def boot(self) -> None:
        """Start a new process, unless one runs."""
        if self.is_up:
            return
        self.generation += 1
        new_id = self.network.new_id
        self.exchange = self._make_exchange()
        self.worker = self._open_store()
        self.exchange.memory.on_excess = lambda: self._want_tick(0.0)
        self.is_up = True
        self.exchange.arrive = self._arrive  # type: ignore[method-assign]
        self.exchange.confirmed.arrive = self._arrive_confirmed  # type: ignore[method-assign]
        self.identities = Identities(new_id(16), lambda: new_id(16), self.now)
        self.stations = Stations()
        self.resumptions = Resumptions(self.limits, self.now, self._waited, self.tick_sessions_at)
        self._cut_at: dict[ServerSession, float] = {}  # sessions that wait for a link, since when
        self.connections: dict[int, Connection] = {}
        self.factory = self._factory()
        self._factories: dict[SerialLine, SessionFactory] = {}
        self._dirty: dict[int, Connection] = {}
        self._backlog: list[ServerSession | PlainSession] = []
        self._ending: dict[int, float] = {}
        self._tick_at = float("inf")
        self._look_at = 0.0  # when it is found out next how much everybody holds
        self._want_tick(0.0)
        for line in self.network.lines:
            self.open_line(line)

    def _make_exchange(self) -> Exchange:
        rules = self.network.rules
        if rules is None:
            self.access = None
            return Exchange(self.codec, self.limits, self.now)
        self._take_waiting_rules()
        self.access = AccessControl(rules.now.rules(), lambda entry: None)
        exchange = GuardedExchange(self.codec, self.limits, self.now, self.access)
        exchange.add_sender = self._add_sender  # type: ignore[method-assign]
        return exchange

    def _open_store(self) -> StoreWorker | None:
        disk, exchange = self.network.disk, self.exchange
        if disk is None:
            return None
        worker, codec = StoreWorker(self, disk), next(iter(self._codecs))
        durables = Durables(exchange, exchange.flow_control.note_taken, self.limits, worker, self.now, codec)
        durables._feed = self._feed  # type: ignore[method-assign]
        durables.begin(disk.durables())
        exchange.durables = durables
        return worker

    def _feed(self, port: Any, listener: Any) -> DurableFeed:
        """Note who hears a durable."""
        disk, client = self.network.disk, listener._client.client
        assert disk is not None and self.exchange.durables is not None
        feed = Durables._feed(self.exchange.durables, port, listener)
        self.network.attach(disk.life_of(port.record.name), client, listener._ident, feed._at)
        return feed

    def _durables_of(self, sender: Name, event: Name) -> list[DurableLife]:
        """Return the durables that hear an event."""
        disk, durables = self.network.disk, self.exchange.durables
        if disk is None or durables is None:
            return []
        names = [port.record.name for port in durables.all() if matches(port.record.pattern, sender, event)]
        return [disk.lives[name] for name in names if name in disk.lives]

    def _factory(self) -> SessionFactory:
        return _Factory(self, self._codecs, Renaming(), _Acceptor())  # type: ignore[arg-type]

    def _trace(self, text: str, *values: object) -> None:
        if self.world.trace is not None:
            self.world.note(self.who, text, *values)

    def _arrive(self, port: Any, run: Run, now: float) -> None:
        """Note what is routed: with that, what listeners hear is compared."""
        self._note_routed(port, run)
        Exchange.arrive(self.exchange, port, run, now)

    def _arrive_confirmed(self, port: Any, runs: dict[str, Run], now: float, *, own: bool = False) -> int:
        """The same, of an event that is to be confirmed."""
        self._note_routed(port, next(iter(runs.values())), is_confirmed=True)
        return ConfirmedEvents.arrive(self.exchange.confirmed, port, runs, now, own=own)

    def _note_routed(self, port: Any, run: Run, *, is_confirmed: bool = False) -> None:
        exchange = self.exchange
        route = exchange._routes.get(run.route)
        if route is not None and route.open_to is port:
            event, codec = route.event, self.codec(run.codec)
            durables = self._durables_of(route.sender, event)
            for durable in durables:
                durable.due += run.count
            for _, data in split_events(run.data):
                life, count = divmod(number_of(decode(codec, data)), LIFE)
                self.network.routed.append(((life, event), count))
                if is_confirmed and durables:
                    self.network.due[(life, event), count] = durables
                if self.network.rules is not None:
                    self.network.rules.note_routed(life, event, count)

    # -- rules

    def change_rules(self, permissions: Permissions) -> None:
        """Let something else be allowed, as soon as the process does anything."""
        self._waiting_rules = permissions
        if not self.is_stopped_still:
            self._take_waiting_rules()

    def _take_waiting_rules(self) -> None:
        permissions, self._waiting_rules = self._waiting_rules, None
        if permissions is None or self.network.rules is None:
            return
        self._trace("has other rules: {}", permissions)
        self.network.rules.all.append(permissions)
        for client in self.network.clients:
            client.observer.rules_changed()
        if self.is_up and isinstance(self.exchange, GuardedExchange):
            self.exchange.apply(permissions.rules())
            self._check_admitted(permissions)
            self._check_waiting(permissions)

    def _check_admitted(self, permissions: Permissions) -> None:
        for connection in self.connections.values():
            session: Any = connection.session
            user = self.network.users.get(session.client)
            if user is not None and not permissions.admits(user) and session.error is None:
                raise Breach("denied", f"{session.peer} of user {user!r} may not be there, and is")

    def _check_waiting(self, permissions: Permissions) -> None:
        for connection in self.connections.values():
            session: Any = connection.session
            port: Any = getattr(getattr(session, "session", session), "port", None)
            waiting = () if port is None else {run.route for run in port._outbox.runs if run.route}
            for names in filter(None, map(self.exchange.event_at, waiting)):
                if not permissions.hears(self.network.user_of(port), *names) and names[1] not in PRESENCE:
                    raise Breach("denied", f"{names} waits for {port.peer}, which may not hear it any more")

    def _add_sender(self, port: Any, name: Name, *others: Any, **more: Any) -> SenderEntry:
        """Check that a name goes from one link of a user to another of the same, and never else."""
        exchange, user_of = self.exchange, self.network.user_of
        before = exchange.senders.get(key_of(name))
        owner = None if before is None or before.owner is port else before.owner
        same = owner is not None and user_of(owner) == user_of(port) != ANYONE
        try:
            entry = GuardedExchange.add_sender(exchange, port, name, *others, **more)  # type: ignore[arg-type]
        except SenderExists:
            if same:
                raise Breach("names", f"{port.peer} was refused {name!r} because of a link of its own user") from None
            raise
        if owner is not None and not same:
            raise Breach("names", f"{port.peer} took {name!r} from {owner.peer}")
        self._check_names(user_of(port))
        return entry

    def _check_names(self, user: str) -> None:
        """Check that who has just added a sender may have so many."""
        assert self.network.rules is not None
        most = self.network.rules.now.most_names(user)
        has = [entry.name for entry in self.exchange.senders.values() if self.network.user_of(entry.owner) == user]
        if most is not None and len(has) > most and user != ANYONE:
            raise Breach("limit", f"user {user!r} has {has}, {most} are allowed")

    # -- links

    def accept(self, end: Any, traits: LinkTraits = STREAM, factory: SessionFactory | None = None) -> None:
        """Serve a new link."""
        if not self.is_up:
            end.close()
            return
        number = self.world.number()
        self.connections[number] = connection = Connection(self, number, end, traits, factory or self.factory)
        if self.is_stopped_still:
            end.set_reading(False)
        self._want_tick(self.limits.handshake)
        if connection.session.has_output:
            self.mark_dirty(connection)

    def open_line(self, line: SerialLine) -> None:
        """Open the port of a line, if that is plugged in; it stays the same line over all its links."""
        if self.is_up and line.is_plugged:
            factory = self._factories.get(line)
            if factory is None:
                factory = self._factories[line] = self._factory()
            self.accept(line.open_far(), line.traits, factory)

    def station_of(self, session: LinkSession) -> Station | None:
        """Return the station that a link leads to."""
        return session._station if isinstance(session, LineSession) else None

    def mark_dirty(self, connection: Connection) -> None:
        """Flush a connection soon."""
        if not self._dirty:
            self.world.soon(self._turn)
        self._dirty[connection.number] = connection

    def _turn(self) -> None:
        while self._dirty:
            dirty, self._dirty = self._dirty, {}
            for number in sorted(dirty):  # in the same order whatever sets of the exchange do
                dirty[number].flush()

    def note_closed(self, connection: Connection) -> None:
        """Forget a connection."""
        session = connection.session
        if session.error is None:
            session.fail(LinkLost("the link was cut"))
        self.connections.pop(connection.number, None)
        self._ending.pop(connection.number, None)
        ended: Any = session
        if isinstance(session, ResumableLink):
            self._check_cut(session, connection.failed_at)
            ended = session.ended
        if isinstance(ended, ServerSession | PlainSession):
            self._leave(ended)

    def _leave(self, session: ServerSession | PlainSession) -> None:
        self.exchange.leave(session.port)
        if any(owner is session.port for _, _, owner, _, _ in self.exchange.requests._open.values()):
            raise Breach("request", f"{session.peer} has gone, and requests to it are open")

    # -- sessions that go on over several links

    def _check_cut(self, link: ResumableLink, when: float | None) -> None:
        """Check that a session outlives its link, unless it was ended on purpose."""
        self._cut_at[link.session] = self.now() if when is None else when
        if isinstance(link.error, RemoteProtocolError):
            raise Breach("resume", f"{link.peer} broke a rule: {link.error}")
        if link.ended is not None and isinstance(link.error, LinkLost):
            raise Breach("resume", f"the session of {link.peer} ended with its link: {link.error}")

    def _waited(self, session: ServerSession) -> None:
        """Check that a session has waited for its next link as long as was agreed on."""
        kept, waited = session.port.kept, self.now() - self._cut_at.pop(session, 0.0)
        if isinstance(session.error, LinkLost) and kept is not None and waited < kept.seconds - LEAST:
            raise Breach("resume", f"{session.peer} waited for {waited:.3f} s: {session.error}")
        self.world.soon(lambda: self._leave(session))

    # -- what session factories ask: see `ServerContext`

    def session_opened(self, session: PeerSession, keepalive: float) -> None:
        self._want_tick(min(keepalive, self.limits.keepalive) / 4)

    def session_ended(self, session: PeerSession) -> None:
        pass

    def tick_stations_at(self, when: float) -> None:
        self._want_tick(when - self.now())

    def tick_sessions_at(self, when: float) -> None:
        self._want_tick(when - self.now())

    def later(self, job: Callable[[], object]) -> None:
        self.world.soon(job)

    def add_backlog(self, session: ServerSession | PlainSession) -> None:
        self._backlog.append(session)
        self._want_tick(0.0)

    # -- time

    def _want_tick(self, seconds: float) -> None:
        when = self.world.now + max(LEAST, seconds)
        if when < self._tick_at:
            self._tick_at = when
            generation = self.generation
            self.world.at(when, lambda: self._tick(generation))

    def _tick(self, generation: int) -> None:
        if generation != self.generation or not self.is_up or self.is_stopped_still or self.world.now < self._tick_at:
            return
        now, self._tick_at = self.now(), float("inf")
        self._relieve()
        wait = min(self.stations.tick(now), self.resumptions.tick(now)) - now
        backlog, self._backlog = self._backlog, []
        for session in backlog:
            session.take_backlog(now)
        for number, connection in list(self.connections.items()):
            wait = min(wait, connection.session.tick(now))
            if connection.session.error is not None:
                self._ending.setdefault(number, now)
                wait = min(wait, CHECK)
        if self.world.now >= self._look_at:
            self._look_at = self.world.now + CHECK
            self.exchange.memory.look()
        self.exchange.flow_control.tick(now)
        if self.exchange.durables is not None:
            self.exchange.durables.tick(now)
            wait = min(wait, STORE_CHECK)
        for number, since in list(self._ending.items()):
            if now - since >= STOP:
                self.connections[number].abort()
        if self.exchange.flow_control:
            wait = min(wait, STALL_CHECK)
        if self._backlog:
            wait = 0.0
        self._want_tick(max(wait, 0.001))

    def _relieve(self) -> None:
        """Let those give way who hold too much, and check that as much is held then as may be."""
        memory, held = self.exchange.memory, 0
        for _ in range(LOOKS if memory.is_due else 0):
            memory.relieve()
            held = sum(each.footprint(exact=True) for each in memory._of)
            if held <= GIVEN_WAY * self.limits.max_memory:
                return
            memory.look()  # a link may have dropped little, and more to be told of it: the next look finds it
        if held:
            raise Breach("memory", f"{held} bytes are held, {self.limits.max_memory} are allowed")

    def allow_memory(self) -> None:
        """Let links hold as much as they like: what all have registered may be more than some histories allow."""
        self.limits = replace(self.limits, max_memory=ENOUGH)
        self.exchange.memory._all.most = ENOUGH

    # -- its process

    def kill(self, notice: Callable[[], float | None]) -> None:
        """Die at once; each link breaks at the other end when `notice` says so."""
        self._trace("is killed")
        self.is_up = self.is_stopped_still = False
        if self.worker is not None and self.network.disk is not None:
            self.worker.is_dead = True
            self.network.disk.note_killed()
        for connection in self.connections.values():
            connection.closed = True
            connection.end.die(notice())

    def close(self) -> None:
        """End in order: say goodbye to all."""
        self.stations.close()
        self.resumptions.close(LinkClosed("the server stops"))
        for connection in list(self.connections.values()):
            connection.session.close("the server stops")
            connection.flush()
            connection.abort()
        if self.worker is not None and self.exchange.durables is not None and self.network.disk is not None:
            cannot_count = self.network.disk.is_full or self.worker.has_failed  # what is lost just now, on that disk
            self.exchange.durables.finish()
            self.worker.finish()
            if cannot_count:
                self.network.disk.note_killed()
        self.is_up = False

    def stand_still(self, seconds: float) -> None:
        """Do nothing for a while, as a process that is stopped."""
        if self.is_up and not self.is_stopped_still:
            self._trace("is stopped for {:.2f} s", seconds)
            self.is_stopped_still = True
            for connection in self.connections.values():
                connection.end.set_reading(False)
            self.world.after(seconds, self._go_on)

    def _go_on(self) -> None:
        self._trace("goes on")
        self.is_stopped_still = False
        self._take_waiting_rules()
        for connection in list(self.connections.values()):
            connection.end.set_reading(not connection.session.reading_paused)
            connection.flush()
        self.tick_now()

    def tick_now(self) -> None:
        """Tick: time has gone on more than was thought."""
        self._tick_at = float("inf")
        self._want_tick(0.0)

    def jump(self, seconds: float) -> None:
        """The clock jumps, as after a sleep of the machine."""
        self._trace("its clock jumps by {:.1f} s", seconds)
        self.offset += seconds
        self.tick_now()


class _Acceptor:
    """What a session factory asks of an acceptor."""

    address = "sim://server"


class _Factory(SessionFactory):
    """Its stations have numbers of their own choice."""

    _server: ServerNode

    def __init__(self, server: ServerNode, *others: Any) -> None:
        super().__init__(server, *others)
        self._server = server

    def _station(self, link: Any) -> Station:
        network = self._server.network
        terms = Terms(bitrate=link.traits.bitrate)
        station = Station(link.peer, self, lambda: int(network.new_id(4), 16), terms, self._server.now)
        station.door = self._door(link)
        return station

    def session_ended(self, session: BoardSession | StreamOnLine) -> None:
        """See `StationOwner`."""
        self._server.exchange.leave(session.port)
