"""What servers of every face share: which senders, listeners and requests there are, here and at clients."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sig_core.access.access_control import AccessControl
from sig_core.access.authorizer import Authorizer, Question
from sig_core.access.rules import Rules
from sig_core.address import Address, is_exposed
from sig_core.contract import Acceptor, Codec
from sig_core.description import described
from sig_core.errors import (
    ConfigError,
    EncodeError,
    LimitError,
    LocalProtocolError,
    MessageTooBig,
    NotOwner,
    RequestTimeout,
    SigError,
)
from sig_core.events import Info, Name, Pattern, check_name, key_of
from sig_core.io.server.audit import Audit
from sig_core.io.server.connections import ConnectionManager, MakeLoop
from sig_core.io.server.local_port import LocalPort
from sig_core.io.server.rules_file import RulesSource, load_rules, signature_of
from sig_core.io.server.session_factory import PeerSession
from sig_core.io.store.steady_time import SteadyTime
from sig_core.io.store.store_source import StoreSource, store_of
from sig_core.io.store.store_thread import StoreThread, taken_up
from sig_core.io.sync.fork import close_in_child
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import check_outside
from sig_core.io.sync.pending_reply import check_timeout
from sig_core.links.close_once import CloseOnce
from sig_core.log import log
from sig_core.plugins import Plugins, default_plugins
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.router import BUILT_IN, RouterBase, check_kind, check_url, name_of, pattern_of
from sig_core.routing.authorized_exchange import AuthorizedExchange
from sig_core.routing.durables import Durables
from sig_core.routing.entities import Sender, Subscription
from sig_core.routing.exchange import Exchange
from sig_core.routing.guarded_exchange import GuardedExchange
from sig_core.routing.info import additions_of
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.removed_sender import no_longer_connected
from sig_core.routing.table import Publisher, Topic
from sig_core.routing.transcode import EVENT_OF, decode, encode
from sig_core.session.board.renaming import Renaming
from sig_core.session.client_state.asks import Reply
from sig_core.session.errors import error_of_handler
from sig_core.store.contract import Durable

if TYPE_CHECKING:
    from sig_core.io.tls.accepted import AddressTls

__all__ = ["ServerBase", "Taken"]

LOOK_AT_RULES = 1.0  # seconds between looks at the file of the rules
STORE_STOP = 10.0  # seconds that a stop waits for the store: what is there would be lost else
HOLDING = 0.02  # seconds between looks while a slow listener holds somebody back
RISK = "whoever reaches it may hear and send everything, without a password (docs/security.md)"
REMEMBERED = 4096  # events of clients whose listeners here are remembered
RUNNING, NEW = "running", "new"

P = TypeVar("P", bound=LocalPort)


class Taken(NamedTuple):
    """An address that is listened on: by what, how boards there are called, what TLS is put around its links, and its
    URL as it was given."""

    acceptor: Acceptor
    rename: Renaming = Renaming()
    tls: AddressTls | None = None
    configured: str = ""


class ServerBase(RouterBase):
    """Routes between the senders and listeners of this program and those of its clients.

    A face adds how it starts and stops, how its callers wait, and who runs listeners and handlers. It is a router of
    its face too, whose constructor it calls; then it calls `_set_up` and `_join_program`.

    Attributes:
        limits: what clients may cost.
    """

    _port: LocalPort
    _how_to_start = "call start() first, or use it in `with`"

    def _set_up(
        self,
        urls: tuple[str, ...],
        codecs: Sequence[str] | None,
        limits: Limits | None,
        plugins: Plugins | None,
        open: bool,
        rules: RulesSource | None,
        store: StoreSource | None,
        make_loop: MakeLoop,
    ) -> None:
        """Make the exchange, and what serves clients.

        Args:
            urls, codecs, limits, plugins, open, rules, store: see the constructor of a face.
            make_loop: see `ConnectionManager`.
        """
        for url in urls:
            check_url(url)
        self.limits = check_kind("limits", limits, Limits) or Limits()
        check_kind("plugins", plugins, Plugins)
        self._urls = urls
        self._open = open
        self._codec_names = None if codecs is None else list(codecs)
        self._spoken: set[str] = set()  # names of the codecs that clients may use, at one address at least
        self._plugins = plugins or default_plugins()
        codec = self._plugins.codecs.get
        self._rules = rules
        self._next_look = self._next_certificates = 0.0  # at files, monotonic seconds
        self._certificates: dict[str, tuple[int, str]] = {}  # by address: how often one was loaded, and the problem now
        self._rules_file = signature_of(rules) if isinstance(rules, str | os.PathLike) else None
        self._authorizer: Authorizer | None = None
        self._access = None if rules is None else self._make_access(self._load_rules(rules))
        self._exchange = self._make_exchange(codec)
        self._clients = ConnectionManager(
            *(self._exchange, self._lock, codec, self.limits, self._access, self._tick, self._tell_hooks),
            make_loop=make_loop,
        )
        self._exchange.told_beside = self._clients.listening.stats
        self._store = None if store is None else StoreThread(store_of(store), self._post_locked, time.monotonic)
        self._joining: set[Subscription] = set()  # that wait for last values: they hear no event of a client yet
        self._hearing: dict[tuple[Name, Name], tuple[int, tuple[Subscription, ...]]] = {}  # and the table's version
        self._state = NEW
        close_in_child(self)

    # -- durable listeners

    def _open_store(self) -> None:
        """Take up what the store has; may block.

        Raises:
            StoreError: it can't be opened, and was left as it is.
            LimitError: the system starts no more threads.
        """
        thread, exchange, begun = self._store, self._exchange, Latch()
        if thread is None:
            return
        codec, problems = next(iter(self._plugins.choose_codecs(self._codec_names))), list[SigError]()
        clock = SteadyTime()
        durables = Durables(*(exchange, exchange.flow_control.note_taken, self.limits, thread, clock, codec))

        def begin(found: tuple[list[Durable], float], error: SigError | None) -> None:
            if error is None:
                exchange.durables = durables
                records, newest = found
                clock.not_before(newest)
                durables.begin(records)
            else:
                problems.append(error)
            begun.set()

        try:
            thread.start()
        except RuntimeError as error:
            raise LimitError(f"the thread of the store: {error}: the system starts no more of them") from error
        thread.submit(taken_up, begin)
        while not begun.wait(LOOK_AT_RULES):
            pass
        if problems:
            raise problems[0]

    def _post_locked(self, function: Callable[[], None]) -> None:
        self._clients.loop.post(partial(self._call_locked, function))

    def _call_locked(self, function: Callable[[], None]) -> None:
        with self._lock:
            function()

    def _close_store(self, timeout: float = STORE_STOP) -> None:
        """Write what waits, and close the store; may block for a while.

        Args:
            timeout: seconds that it is waited for.
        """
        if self._store is not None:
            with self._lock:
                if self._exchange.durables is not None:
                    self._exchange.durables.finish()
            if not self._store.stop(timeout) and timeout:
                log.warning(f"the store is still busy {timeout:g} s after the stop")

    # -- rules

    def _apply(self, rules: Rules) -> None:
        """Let other rules count, in one step."""
        assert isinstance(self._exchange, GuardedExchange)
        with self._lock:
            self._exchange.apply(rules)
        self._clients.loop.wake()
        self._check_places()
        log.info(f"rules {rules.source.file or ''}: {len(rules.roles)} roles, {len(rules.who)} who have them")

    def _check_places(self) -> None:
        """Log which addresses in the rules are none of this server; more of these may come by `listen`."""
        places = self._clients.listening.places
        if self._access is not None and places:
            for text in self._access.rules.unmatched(places):
                log.warning(text)

    def _end_audit(self) -> None:
        if self._access is not None:
            self._audit.flush()

    def _read_rules(self) -> Rules:
        """Read the rules again.

        Raises:
            ConfigError: there are none, or they can't be meant or read: those before go on.
        """
        if self._rules is None or self._access is None:
            raise ConfigError("this server has no rules to read again: give it a file, ServerRouter(rules=FILE)")
        try:
            return self._load_rules(self._rules)
        except ConfigError as error:
            self._clients.loop.post(partial(self._note_refused, str(error)))
            raise

    def _note_refused(self, why: str) -> None:
        assert self._access is not None
        with self._lock:
            self._access.note("rules refused", None, why=why)

    def _look_at_rules(self, now: float) -> None:
        """Read the rules again if their file has changed."""
        if now < self._next_look or not isinstance(self._rules, str | os.PathLike):
            return
        self._next_look = now + LOOK_AT_RULES
        before, self._rules_file = self._rules_file, signature_of(self._rules)
        if before != self._rules_file:
            self._port.later(self._reload_quietly)

    def _look_at_certificates(self, now: float) -> None:
        """Tell the audit of certificates of this server that were loaded, or can't be used."""
        if now < self._next_certificates or self._access is None:
            return
        self._next_certificates = now + LOOK_AT_RULES
        for at, told in self._clients.listening.tls_stats().items():
            state = told["loaded"], told["problem"]
            if self._certificates.get(at) != state:
                self._certificates[at] = state
                what, why = ("refused", {"why": told["problem"]}) if told["problem"] else ("loaded", {})
                self._access.note(f"certificate {what}", None, at=at, **why)

    def reload_soon(self) -> None:
        """Have the rules read again soon, on a thread of the server; bad ones are logged. For handlers of signals."""
        self._rules_file, self._next_look = None, 0.0

    def _reload_quietly(self) -> None:
        try:
            self._apply(self._read_rules())
        except ConfigError as error:
            for text in getattr(error, "problems", [str(error)]):
                log.error(f"the rules were not read again, those before go on: {text}")

    def _load_rules(self, given: RulesSource) -> Rules:
        """Return rules; raises as `load_rules` does, and where they need a plug-in that is not there."""
        rules = load_rules(given)
        if rules.authorize and self._plugins.hooks.asker("sig_authorize") is None:
            why = "no plug-in that is loaded implements the hook sig_authorize (sig plugins lists them)"
            raise ConfigError(f"{rules.place(('authorize',))}: authorize = true, but {why}")
        return rules

    def _make_access(self, rules: Rules) -> AccessControl:
        self._audit = Audit(
            lambda job: self._port.later(job), time.monotonic, lambda: self._plugins.hooks.of("sig_audit")
        )
        return AccessControl(rules, self._audit.tell)

    def _make_exchange(self, codec: Callable[[str], Codec]) -> Exchange:
        if self._access is None:
            return Exchange(codec, self.limits, time.monotonic)
        ask = self._plugins.hooks.asker("sig_authorize")
        if ask is None:
            return GuardedExchange(codec, self.limits, time.monotonic, self._access)
        self._authorizer = Authorizer(
            lambda question: self._port.later(partial(self._authorize, ask, question)), time.monotonic
        )
        return AuthorizedExchange(codec, self.limits, time.monotonic, self._access, self._authorizer)

    def _authorize(self, ask: Callable[..., bool], question: Question) -> None:
        """Ask the plug-ins, where user code may run."""
        assert self._authorizer is not None
        allowed = False
        try:
            allowed = ask(**question._asdict())
        finally:  # whatever it raises, it is no yes
            with self._lock:
                self._authorizer.answer(question, allowed)
            self._clients.loop.wake()

    def _join_program(self, make_port: Callable[..., P]) -> P:
        """Let this program's own listeners and handlers be part of the exchange; returns their port."""
        port = make_port(
            self._plugins.codecs.get,
            self.limits,
            self._lock,
            self._exchange.flow_control,
            self._targets_of,
            self._answer,
            self.listener_failed,
        )
        port.joined = self._greeted
        self._exchange.join(port, own=True)
        self._exchange.requests.limit(port, self.limits.asked_at_once)
        return port

    def _targets_of(self, sender: Name, event: Name) -> tuple[Subscription, ...]:
        """Return who listens here to an event of a client. There are no topics for these: nobody would drop them."""
        version = self._table.version
        known = self._hearing.get((sender, event))
        if known is not None and known[0] == version:
            return known[1]
        joining = self._joining
        targets = tuple(each for each in self._table.match(sender, event) if each not in joining)
        if len(self._hearing) >= REMEMBERED:
            self._hearing.clear()
        self._hearing[sender, event] = version, targets
        return targets

    def _last_for(self, subscription: Subscription) -> list[tuple[Info, Any]]:
        """See `RouterBase`; those of clients' senders come in their place among the events of these."""
        values = [
            (value.run, value.sender, value.event)
            for value in self._exchange.last_values.of(self._port, subscription.pattern)
            if value.run is not None and value.sender not in self._senders
        ]
        if values:
            self._joining.add(subscription)
            self._port.greet(subscription, values)
        return super()._last_for(subscription)

    def last(self, sender: Name, event: Name, default: Any = None) -> Any:
        """Return the last value of a state event; see `add_sender`.

        Args:
            sender, event: which one.
            default: what is returned where there is none: the sender is not connected, has not fired the event yet, or
                that is not of its state.

        Raises:
            ConfigError: a name is not as it must be.
            CodecError: what a client has fired is no value.
        """
        if self._has_own(sender):
            return self._own_last(sender, event, default)
        with self._lock:
            found = self._exchange.last_values.of(self._port, pattern_of(sender, event))
        run = found[0].run if found else None
        if run is None:
            return default
        ((_, data),) = split_events(run.data)
        return decode(self._plugins.codecs.get(run.codec), data)

    def _greeted(self, subscription: Subscription) -> None:
        """Let a listener that was told last values hear what comes behind them."""
        self._joining.discard(subscription)
        self._hearing.clear()

    # -- life

    def _begin(self) -> None:
        """Run from now on, or raise LocalProtocolError: it was started before."""
        if self._state != NEW:
            raise LocalProtocolError(f"this server is {self._state}: a server starts once; make another one")
        self._plugins.hooks.of("sig_session_opened")  # loads them here: an import may take long, or say something
        self._state = RUNNING
        if self._access is not None:
            with self._lock:
                self._access.note_rules()

    def _allowed(self, where: str | Acceptor, codecs: Sequence[str] | None) -> Mapping[str, Codec]:
        """Return the codecs that clients may use at a new address; raises as `listen` does."""
        self._check_running(where)
        if not isinstance(where, str):
            if not (hasattr(where, "accept") and isinstance(getattr(where, "address", None), str)):
                raise ConfigError(f"{described(where)}: must be a URL, such as 'tcp://127.0.0.1:3000', or an acceptor")
            _check_exposure(where.address, self._open or self._access is not None)
        allowed = self._plugins.choose_codecs(list(codecs) if codecs is not None else self._codec_names)
        self._port.codec = self._port.codec or next(iter(allowed))
        self._spoken |= allowed.keys()
        return allowed

    def _check_running(self, where: object) -> None:
        if self._state != RUNNING:
            remedy = self._how_to_start if self._state == NEW else "make another one"
            raise LocalProtocolError(f"{where}: this server is {self._state}: {remedy}")

    def _take_address(self, where: str) -> Taken:
        """Bind an address; may block."""
        address = Address.parse(where)
        rename, allowed = Renaming.of(address), address.flag("open", self._open or self._access is not None)
        acceptor = self._plugins.listen(where)  # first: it knows which options there are
        try:
            tls = _tls_of(address)
            _check_exposure(acceptor.address, allowed or (tls is not None and tls.knows_clients))
            if tls is not None:
                tls.check(acceptor)
        except ConfigError:
            CloseOnce(acceptor, acceptor.address).close()
            raise
        return Taken(acceptor, rename, tls, where)

    def _accept_from(self, taken: Taken, allowed: Mapping[str, Codec]) -> str:
        """Serve whoever comes to an address; returns it."""
        acceptor, rename, tls, configured = taken
        where = self._clients.accept_from(acceptor, allowed, rename, tls, configured)
        if is_exposed(where) and self._access is None and not (tls is not None and tls.knows_clients):
            log.warning(f"{where} is open to the network: {RISK}")
        return where

    def _check_listens(self, address: str) -> None:
        if self._state != RUNNING:
            raise LocalProtocolError(f"{address}: this server is {self._state}, and listens nowhere")

    @property
    def addresses(self) -> list[str]:
        """The URLs that it listens on, as bound."""
        return self._clients.addresses

    @property
    def peers(self) -> list[str]:
        """The clients that are connected, printable."""
        return self._clients.peers

    def stats(self, *, peers: bool = True) -> dict[str, Any]:
        """Return how it stands: counts of links, senders, subscriptions, events, bytes and requests.

        See docs/statistics.md.

        Args:
            peers: each client for itself as well, and this program.
        """
        with self._lock:
            told = self._exchange.stats(peers=peers)
            told["links"] |= self._clients.resumptions.stats()
        return {"listening": self.addresses, "listener_errors": self.listener_errors, **told}

    def _log_failure(self, text: str) -> None:
        self._clients.peer_log.error(text)  # what clients send may be what a listener can't take

    def _tell_hooks(self, session: PeerSession) -> None:
        """Tell of a session that opened, or ended; under the lock perhaps, so the hooks run elsewhere."""
        name = "sig_session_opened" if session.error is None else "sig_session_closed"
        tell = self._plugins.hooks.of(name)
        if tell is not None:
            facts = {"peer": session.peer, "client": session.client, "codec": session.codec, "error": session.error}
            self._port.later(partial(tell, **facts))

    def _tick(self, now: float) -> float:
        """Look, under the lock, what is due of what the clients share."""
        self._exchange.flow_control.tick(now)
        if self._exchange.durables is not None:
            self._exchange.durables.tick(now)
        if self._access is not None:
            self._audit.tick()
            if self._authorizer is not None:
                self._authorizer.tick(now)
            self._look_at_rules(now)
            self._look_at_certificates(now)
        problem = self._port.retry()
        if problem is not None:  # told elsewhere: a logger is user code, and the lock is held
            self._clients.loop.post(partial(log.error, f"{problem}; callbacks of this server wait until there is one"))
        return HOLDING if self._exchange.flow_control else self.limits.keepalive

    # -- senders of this program, seen by clients

    def _claim(self, sender: Sender) -> None:
        super()._claim(sender)
        assert sender.name is not None
        events = [event for event in sender.events if event is not None and event not in BUILT_IN]
        if sender.state and not self._exchange.state_port.codec:
            self._exchange.state_port.codec = next(iter(self._plugins.choose_codecs(self._codec_names)))
        entry = self._exchange.add_sender(
            self._port, sender.name, events, sender.handler.names(), state=sender.state, tell_owner=False
        )
        for event, route in entry.events.items():  # presence is fired by the exchange: its signals stay at home
            topic = self._table.topic(sender.name, event)
            topic.publisher = None if event in BUILT_IN else self._publisher(sender.name, event, route)

    def _release(self, sender: Sender) -> None:
        assert sender.name is not None
        entry = self._exchange.senders.get(key_of(sender.name))
        if entry is not None and entry.owner is self._port:
            self._exchange.remove_sender(self._port, sender.name, tell_owner=False)

    def _publisher(self, sender: Name, event: Name, route: int) -> Publisher:
        exchange, port, flow = self._exchange, self._port, self._port.flow
        is_mine = self._lock.is_mine

        def publish(runs: dict[str, Run]) -> None:
            with self._lock:
                try:
                    exchange.publish(port, runs, sender, event, time.monotonic())
                except BaseException:  # an interrupt
                    exchange.publish_rest(port, runs, sender, event, time.monotonic())
                    raise

        def publisher(info: Info, data: Any, publish: Callable[[dict[str, Run]], None] = publish) -> None:
            wanted = exchange.wanted(sender, event, port)
            if not wanted:
                return
            runs: dict[str, Run] = {}
            problem: SigError | None = None
            for codec in wanted:
                try:
                    runs[codec] = self._encode(codec, sender, event, route, info, data)
                except (EncodeError, MessageTooBig) as error:
                    problem = error
            if problem is not None:
                if not runs:
                    runs = self._encode_somehow(problem, wanted, sender, event, route, info, data)
                runs |= {codec: Run(route, codec, 0, b"") for codec in wanted if codec not in runs}
            if is_mine() or port.is_mine():  # called by a destructor, or a signal handler: see `io/sync/owned_lock`
                self._later(partial(publish, runs))
                return
            if not flow.is_set():
                self._hold_back(sender, event)
            publish(runs)

        return publisher

    def _send_confirmed(self, topic: Topic[Subscription], info: Info, data: Any, seconds: float) -> Callable[[], Any]:
        """See `RouterBase`; where something is kept, it is on disk when that is waited for."""
        durables = self._exchange.durables
        if durables is None or topic.sender not in self._senders or topic.event in BUILT_IN:
            return super()._send_confirmed(topic, info, data, seconds)
        allowed, until = check_timeout(seconds, seconds), time.monotonic() + seconds
        check_outside("trigger with confirm")
        publisher: Any = topic.publisher  # one that `_publisher` made
        reply, answered = self._make_reply_of_store(), list[int]()

        def publish(runs: dict[str, Run]) -> None:
            with self._lock:
                durables.watch()
                answered.append(self._exchange.confirmed.arrive(self._port, runs, time.monotonic(), own=True))
                if not durables.when_kept(lambda error: reply.tell(answered[0], error)):
                    reply.tell(answered[0], None)

        publisher(info, data, publish)
        if not answered:  # nobody hears it
            reply.tell(0, None)
        late = RequestTimeout(f"{EVENT_OF.format(topic.event, topic.sender)}: not on disk within {allowed:g} s")
        return lambda: self._wait_for_store(reply, until - time.monotonic(), late)

    def _make_reply_of_store(self) -> Reply:
        """Return what is told when events of this program are on disk."""
        raise NotImplementedError

    def _wait_for_store(self, reply: Any, seconds: float, late: RequestTimeout) -> Any:
        """Wait for that in the way of the face; raise `late` where it takes too long."""
        raise NotImplementedError

    def _publish_confirmed(self, topic: Topic[Subscription], info: Info, data: Any) -> int:
        check_outside("trigger with confirm")
        if topic.sender not in self._senders or topic.event in BUILT_IN:
            return super()._publish_confirmed(topic, info, data)
        publisher: Any = topic.publisher  # one that `_publisher` made
        links: list[int] = []

        def publish(runs: dict[str, Run]) -> None:
            with self._lock:
                links.append(self._exchange.confirmed.arrive(self._port, runs, time.monotonic(), own=True))

        publisher(info, data, publish)
        return sum(links)

    def _hold_back(self, sender: Name, event: Name) -> None:
        """Wait, or raise: a client can't follow the events of this program."""
        raise NotImplementedError

    def _encode_somehow(self, problem: SigError, tried: Collection[str], *what: Any) -> dict[str, Run]:
        """Encode in another codec that clients may use: what none of them can carry is the sender's error, not a loss.

        Raises:
            EncodeError, MessageTooBig: there is none; `problem` is that of those that were tried.
        """
        for codec in self._spoken - set(tried):
            with suppress(EncodeError, MessageTooBig):
                return {codec: self._encode(codec, *what)}
        raise problem

    def _encode(self, name: str, sender: Name, event: Name, route: int, info: Info, data: Any) -> Run:
        codec = self._plugins.codecs.get(name)
        added = additions_of(info)
        additions = None if added is None else encode(codec, added, EVENT_OF, event, sender)
        if additions is not None and len(additions) > 65_535:
            text = f"event {event!r} of sender {sender!r}: additions of {len(additions)} bytes, 65535 are carried"
            raise MessageTooBig(text, len(additions), 65_535)
        frame = event_frame(route, encode(codec, data, EVENT_OF, event, sender), additions)
        size, limit = len(frame) - 4, self.limits.max_frame
        if size > limit:
            text = f"event {event!r} of sender {sender!r}: {size} bytes in {name}, at most {limit} go out"
            raise MessageTooBig(text, size, limit)
        return Run(route, name, 1, frame)

    def _interest(self, pattern: Pattern, wanted: bool) -> None:
        if wanted:
            self._exchange.listen(self._port, pattern)
        else:
            self._exchange.unlisten(self._port, pattern)

    # -- senders of clients, seen by this program

    def get_sender(self, sender: Name) -> Sender | None:
        """Return a sender that is connected, here or at a client, or that somebody here listens to; else None."""
        found = super().get_sender(sender)
        name = check_name(sender, "sender")
        with self._lock:
            entry = self._exchange.senders.get(key_of(name))
        if entry is None or entry.owner is self._port:
            return found
        view = self.class_sender(self, name)
        for event in entry.events:
            view.events[event] = view.class_event(view, event)
        return view

    def topic(self, sender: Name, event: Name) -> Topic[Subscription]:
        """Return what a signal of this event fires on; of a sender that is not of this program, what refuses.

        That is in no table, where nobody would drop it when the sender leaves.
        """
        with self._lock:
            if sender in self._senders:
                return self._table.topic(sender, event)
        topic = Topic(self._table, sender, event)
        topic.publisher = self._refuser(sender)
        return topic

    def _refuser(self, sender: Name) -> Publisher:
        def refuse(info: Info, data: Any) -> None:
            entry = self._exchange.senders.get(key_of(sender))
            if entry is None or entry.owner is self._port:  # it has left; one of that name may be another one
                raise no_longer_connected(sender)
            owner = entry.owner.peer
            raise NotOwner(f"sender {sender!r} belongs to {owner}; only who added a sender may trigger for it")

        return refuse

    def has_sender(self, name: Name) -> bool:
        """Return whether a sender of that name is connected, here or at a client; ConfigError: there can be none."""
        return key_of(check_name(name, "sender")) in self._exchange.senders

    def _remove_local(self, sender: Sender | Name) -> bool:
        if super()._remove_local(sender):
            return True
        name = name_of(sender)
        entry = self._exchange.senders.get(key_of(name))
        if entry is not None and entry.owner is not self._port:
            raise NotOwner(f"sender {name!r} belongs to {entry.owner.peer}; only who added a sender may remove it")
        return False

    # -- requests of clients to senders of this program

    def _answer(self, token: int, asked: RequestBatch, params: bytes) -> None:
        """Have a handler run for a client's request, and `_reply` called with what comes of it."""
        raise NotImplementedError

    def _call_handler(self, asked: RequestBatch, params: bytes) -> Any:
        """Run a handler; returns what it returns, and raises what it raises."""
        handler = self._local_sender(asked.sender).handler
        return handler.call(asked.method, self._plugins.codecs.get(asked.codec).decode(params))

    def _reply(self, token: int, codec: str, value: Any, error: BaseException | None) -> None:
        """Tell who asked what came of it: a value, or an error."""
        encoded = b""
        try:
            if error is None:
                encoded = encode(self._plugins.codecs.get(codec), value)
        except (Exception, SystemExit) as raised:
            error = raised
        requests = self._exchange.requests
        with self._lock:
            if error is not None:
                requests.fail(self._port, token, error_of_handler(error))
            else:
                requests.complete(self._port, codec, [(token, encoded)])

    # -- fork

    def after_fork(self) -> None:
        """In the child: let go of what is the parent's, without a word on the wire."""
        if self._state == RUNNING:
            self._state = "closed by a fork"
            self._clients.abandon()


def _tls_of(address: Address) -> AddressTls | None:
    """Return what is put around the links of an address. ConfigError: a file of it can't be used."""
    if not address.is_secured:
        return None
    from sig_core.io.tls.accepted import AddressTls  # who has no TLS needs none of it

    return AddressTls(address)


def _check_exposure(address: str, allowed: bool) -> None:
    """Refuse an address that other machines reach, unless the user said that they may."""
    if is_exposed(address) and not allowed:
        text = f"{address}: refused, since other machines can reach it, and {RISK}"
        ways = "ServerRouter(open=True), ?open=1 in the URL, `sig serve --open`, or `open = true` in its file"
        known = "let in those alone who have a certificate (tls+, cert=, ca=), or whom `rules` name"
        raise ConfigError(f"{text}; listen on 127.0.0.1, {known}, or allow it: {ways}")
