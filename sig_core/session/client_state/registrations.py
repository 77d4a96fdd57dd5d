"""What a client has at its server, in the order in which it came, and the plans that bring it there, and back there.

Plans are generators, see `asks`. What they change is changed under the lock that the client was given; it is never held
while a plan waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import (
    CodecError,
    ConfigError,
    LocalProtocolError,
    MessageTooBig,
    NotOwner,
    RemoteProtocolError,
    RequestTimeout,
    SenderExists,
    SigError,
    UnknownSender,
)
from sig_core.events import Info, Name, Pattern, patterns_of
from sig_core.protocol.hello import KEEPS_STATE
from sig_core.protocol.wire import LAST, flagged_frame
from sig_core.routing.counting import LossDetector, give_back
from sig_core.routing.entities import Listener, Sender, Subscription
from sig_core.routing.removed_sender import no_longer_connected, removed_publisher
from sig_core.routing.table import Publisher, Table
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import ReplyCallback
from sig_core.session.binary.server_messages import Joined
from sig_core.session.client_state.asks import Ask, Lock, Log, Reply, Steps
from sig_core.session.client_state.confirming import send_confirmed
from sig_core.session.client_state.durable_listener import DurableListener
from sig_core.session.client_state.ended_listeners import EndedListeners
from sig_core.session.client_state.last_listeners import LastListeners
from sig_core.session.client_state.offline_queue import readdressed
from sig_core.session.client_state.outlet import LazyPublisher, Outlet, refusing_publisher
from sig_core.session.client_state.remote_sender import PendingSender, RemoteSender
from sig_core.session.client_state.remote_subscription import RemoteSubscription, Wish, wish_of

__all__ = ["Registrations"]

RECALL = 1000  # topics that are asked about in one call
AHEAD = 1000  # senders that are asked for before the answer to the first is waited for: no output runs full
TOGETHER = 100  # of them that leave in one send


class Registrations:
    """The remote senders and listeners of a client.

    Args:
        lock: guards all of it, and the two that follow.
        topics: of this program's router: where the publishers of its senders are.
        installed: the senders of this program's router, remote or not, by name.
        outlet: what publishers share.
        make_reply: returns what an answer is told to, and waited for in the way of the face.
        new_life: returns text that no other sender ever had.
        log: where losses and refusals are told.

    Attributes:
        senders: the remote ones, by name; those too whose server has not answered yet.
        table: the listeners by what they hear.
        losses: finds out what these should have heard.
        lasts: tells these the last values of state events.
        unsent: events that left for a server and did not get there, as far as a server could tell.
    """

    def __init__(
        self,
        lock: Lock,
        topics: Table[Subscription],
        installed: dict[Name, Sender],
        outlet: Outlet,
        make_reply: Callable[[], Reply],
        new_life: Callable[[], str],
        log: Log,
    ) -> None:
        self.senders: dict[Name, RemoteSender] = {}
        self.table: Table[Subscription] = Table()
        self.losses = LossDetector()
        self.lasts = LastListeners()
        self.unsent: Counter[tuple[Name, Name]] = Counter()
        self._fired = 0  # by senders that were removed
        self._session: ClientSession | None = None  # of the link there is, or was last
        self._lock = lock
        self._topics = topics
        self._installed = installed
        self._outlet = outlet
        self._make_reply = make_reply
        self._new_life = new_life
        self._log = log
        self._subscriptions: dict[Wish, RemoteSubscription] = {}
        self._ended = EndedListeners(self._forget_unheard)  # on this link
        self._order: dict[Name | Wish, None] = {}
        self._durables: dict[str, DurableListener] = {}
        self._heard: dict[int, DurableListener] = {}  # of these, by the id that they have on this link
        outlet.offline.taken = self._note_taken

    def _note_taken(self, key: tuple[Name, Name], codec: Codec, frame: bytes) -> None:
        """Note the last value of a state event that waited for a link: it is that though it gives way as an event."""
        remote = self.senders.get(key[0])
        if remote is not None and key[1] in remote.kept:
            remote.kept[key[1]].sent = codec, frame

    def fired(self) -> int:
        """Return how many events all senders fired, those that were removed too; under the lock."""
        return self._fired + sum(remote.fired() for remote in self.senders.values())

    # -- senders

    def add_senders(self, session: ClientSession, senders: Iterable[Sender], *, all_or_none: bool) -> Steps[None]:
        """Have senders at the server; a name is taken before the answer: a request may come on its heels.

        Those whose answer is not waited for to the end, as when the caller is cancelled, are taken back.

        Args:
            all_or_none: when one is refused, those before it are taken back too; else these, and those that were asked
                for already, are there all the same.

        Raises:
            SenderExists: a name is taken, here (then nothing is asked for) or at the server.
            SigError: the server can't be asked.
        """
        remotes = [RemoteSender(sender, self._new_life()) for sender in senders]
        try:
            self._claim(remotes)
            yield from self._add(session, remotes)
        except SigError:
            last = self._take_back(remotes, all_or_none)
            if last is not None:
                with suppress(SigError):
                    yield last  # the server answers in order: this answer stands for all
            raise
        except BaseException as error:  # whoever waited is interrupted, or cancelled: nobody would have what was added
            try:
                self._take_back(remotes, True)
            except BaseException:  # a second interrupt
                self._take_back(remotes, True)
                raise
            if not isinstance(error, GeneratorExit):  # who closes a plan goes no further
                yield None
            raise

    def _claim(self, remotes: list[RemoteSender]) -> None:
        with self._lock:
            for remote in remotes:
                if remote.name in self.senders or remote.name in self._installed:
                    raise SenderExists(f"sender {remote.name!r} is already connected, by this program")
            self.senders.update((remote.name, remote) for remote in remotes)

    def _add(self, session: ClientSession, remotes: list[RemoteSender]) -> Steps[None]:
        """Ask for one after the other, some ahead of the answers, so that both sides have something to do."""
        asked: deque[PendingSender] = deque()
        refusal: SigError | None = None
        try:
            for number, remote in enumerate(remotes, 1):
                with self._lock:
                    asked.append(self._ask_for(session, remote))
                if number % TOGETHER == 0:
                    yield None
                if len(asked) == AHEAD:
                    refusal = yield from self._added(session, asked.popleft())
                if refusal is not None:
                    break
        except SigError as error:  # it can't be asked for: those before it are there all the same
            refusal = error
        while asked:
            refused = yield from self._added(session, asked.popleft())
            refusal = refusal or refused
        if refusal is not None:
            raise refusal

    def _ask_for(self, session: ClientSession, remote: RemoteSender) -> PendingSender:
        """Ask for a sender, under the lock; where that can't be asked on a link that lives, this is the answer.

        Raises:
            SigError: the link has ended.
        """
        name, reply, offline = remote.name, self._make_reply(), self._outlet.offline
        fired = {event: counter.value() - offline.waiting[name, event] for event, counter in remote.counters.items()}
        dropped = {event: count for event in fired if (count := offline.untold[name, event])}
        requests, ident = remote.sender.handler.names(), None
        try:
            remote.session = session  # before: if this is interrupted, it may be on its way
            ident = session.add_sender(
                *(name, list(fired), requests, reply.tell), life=remote.life, fired=fired, state=remote.kept
            )
        except SigError as error:
            remote.session = None
            session.check_open()
            reply.tell(None, error)
        return PendingSender(remote, fired, dropped, Ask(reply, ident, f"add_sender {name!r}"))

    def _added(self, session: ClientSession, pending: PendingSender) -> Steps[SigError | None]:
        """Wait until a sender is there; return why it is not, if so."""
        try:
            joined = yield from self._joined(pending)
        except SigError as error:
            return error
        remote = pending.remote
        with self._lock:
            if session is not self._session or self.senders.get(remote.name) is not remote:
                return UnknownSender(
                    f"sender {remote.name!r}: its link was lost, or it was removed, before it was there"
                )
            if remote.name in self._installed:
                self._ask_quietly(remote)
                return SenderExists(f"sender {remote.name!r} is already connected, by this program")
            self._order[remote.name] = None
            self._installed[remote.name] = remote.sender
            for publisher in self._publishers(remote, session, joined):
                publisher.install()
            remote.fire_on(session, joined.routes)
        return None

    def _joined(self, pending: PendingSender) -> Steps[Joined]:
        """Wait for the server's answer, and count what it says is missing.

        Raises:
            SigError: it does not have the sender, or will not: if it may, it is asked to forget it.
        """
        try:
            joined: Joined = yield pending.ask
            pending.check(joined)
        except SigError as error:
            with self._lock:
                if isinstance(error, RequestTimeout | RemoteProtocolError):
                    self._ask_quietly(pending.remote)
                pending.remote.session = None
            raise
        with self._lock:
            pending.note_unsent(joined, self.unsent)
            if self.senders.get(pending.remote.name) is pending.remote:
                self._outlet.offline.told(pending.remote.name, pending.dropped)
        return joined

    def _publishers(self, remote: RemoteSender, session: ClientSession, joined: Joined) -> list[LazyPublisher]:
        """Return what lets the events of a sender out, once it is installed."""
        topic, counters, outlet = self._topics.topic, remote.counters, self._outlet
        return [
            LazyPublisher(
                *(topic(remote.name, event), session, route, counters[event].increment, outlet), remote.kept.get(event)
            )
            for event, route in joined.routes.items()
        ]

    def _take_back(self, remotes: list[RemoteSender], everything: bool) -> Ask | None:
        """Disconnect those that are not there yet, or all; return the last that was asked for that."""
        last: Ask | None = None
        for remote in remotes:
            with self._lock:
                if self.senders.get(remote.name) is remote and (everything or remote.name not in self._order):
                    self._uninstall(remote)
                    last = self._forget(remote) or last
        return last

    def withdraw(self, senders: Iterable[Sender]) -> None:
        """Take back those of these senders that are there, though nobody was told so."""
        with self._lock:
            for sender in senders:
                remote = None if sender.name is None else self.senders.get(sender.name)
                if remote is not None and remote.sender is sender:
                    self._uninstall(remote)
                    self._forget(remote)

    def _uninstall(self, remote: RemoteSender) -> None:
        """Take a sender out of this program, if it is in; under the lock. Interrupted, it can be made again."""
        if self._is_installed(remote):
            remote.sender.removed = True
            self._replace_publishers(remote, removed_publisher(remote.name))
            self._topics.drop(remote.name)
            del self._installed[remote.name]

    def _is_installed(self, remote: RemoteSender) -> bool:
        return self._installed.get(remote.name) is remote.sender

    def _replace_publishers(self, remote: RemoteSender, publisher: Publisher) -> None:
        for event in remote.counters:
            self._topics.topic(remote.name, event).publisher = publisher

    def _forget(self, remote: RemoteSender) -> Ask | None:
        """Forget a sender, where it was asked for and here; under the lock. Interrupted, it can be made again."""
        ask = self._ask_quietly(remote)
        self._order.pop(remote.name, None)
        self._outlet.offline.drop(remote.name, remote.counters)
        give_back(self.unsent, [(remote.name, event) for event in remote.counters])
        fired = self._fired + remote.fired()
        del self.senders[remote.name]
        self._fired = fired  # in one step with the line above
        return ask

    def _ask_quietly(self, remote: RemoteSender) -> Ask | None:
        """Ask the server to forget a sender, under the lock; None: it was asked, or its link is gone."""
        ask = None
        if remote.session is not None:
            with suppress(SigError):
                ask = self._removal(remote.session, remote.name)
            remote.session = None
        return ask

    def ask_removal(self, session: ClientSession, name: Name) -> Ask:
        """Ask the server to disconnect a sender of this client; that it does not have it is no error.

        Raises:
            SigError: the link has ended.
        """
        with self._lock:
            ask = self._removal(session, name)
            remote = self.senders.get(name)
            if remote is not None and remote.session is session:
                remote.session = None
        return ask

    def _removal(self, session: ClientSession, name: Name) -> Ask:
        reply = self._make_reply()

        def told(value: Any, error: SigError | None) -> None:
            reply.tell(value, None if isinstance(error, UnknownSender | NotOwner) else error)

        return Ask(reply, session.call("remove_sender", {"sender": name}, told), f"remove_sender {name!r}")

    def forget_sender(self, name: Name) -> None:
        """Forget a sender that was removed from this program; a server that has been asked for it anew forgets it."""
        with self._lock:
            remote = self.senders.get(name)
            if remote is not None and not self._is_installed(remote):
                self._forget(remote)

    def confirm(
        self, session: ClientSession, sender: Name, event: Name, info: Info, data: Any, when: ReplyCallback
    ) -> int:
        """Send an event that the server is to confirm; see `send_confirmed`.

        Raises:
            UnknownSender: there is no such sender any more.
        """
        remote = self.senders.get(sender)
        if remote is None:
            raise no_longer_connected(sender)
        return send_confirmed(session, remote, event, info, data, when)

    # -- listeners

    def subscribe(self, session: ClientSession, subscription: Subscription) -> Steps[None]:
        """Have a subscription; what it hears is asked for once, however many there are of it.

        Raises:
            SigError: the server refused, or can't be asked; then there is no subscription.
        """
        pattern, wish = subscription.pattern, wish_of(subscription)
        try:
            with self._lock:
                remote = self._subscriptions.get(wish)
                # What was refused when the link came back may be taken now; what a lost link had is not there any more.
                if remote is None or remote.is_refused or remote.session.error is not None:
                    remote = RemoteSubscription(session, wish, self._lock, self._ended)
                    self._subscriptions[wish] = remote
                    self._order[wish] = None
                    told = self._expect(remote.last, subscription, None)
                else:
                    told = self._expect_last(session, subscription)
                self.table.add(pattern, subscription)
            yield remote.ask(self._make_reply())
            if told is not None:
                yield told
        except BaseException:
            try:
                subscription.remove()
            except BaseException:  # a second interrupt
                subscription.remove()
                raise
            raise

    def _expect_last(self, session: ClientSession, subscription: Subscription) -> Ask | None:
        """Ask for the last values of what a listener is to hear, and let it wait for them, if the server keeps any."""
        if KEEPS_STATE not in session.features:
            return None
        reply = self._make_reply()
        ident, call, _ = session.ask_last(subscription.pattern, reply.tell)
        return self._expect(ident, subscription, Ask(reply, call, f"last values of {subscription.pattern}"))

    def _expect(self, ident: int, subscription: Subscription, ask: Ask | None) -> Ask | None:
        """Let a listener wait for the values that have an id, if there are such; return what is to be waited for."""
        if ident:
            subscription.hold()
            self.lasts.expect(ident, subscription)
        return ask

    def unsubscribe(self, subscription: Subscription) -> bool:
        """Forget a subscription; return whether there is something to send."""
        pattern, wish = subscription.pattern, wish_of(subscription)
        self.lasts.forget(subscription)
        with self._lock:
            self.table.remove(pattern, subscription)
            remote = self._subscriptions.get(wish)
            if remote is None or any(each.latest == subscription.latest for each in self.table.at(pattern)):
                return False
            self._order.pop(wish, None)
            remote.end()
            del self._subscriptions[wish]  # last: until then an interrupted removal can be made again
        self._forget_unheard(pattern)
        return remote.session.state is State.OPEN

    def _forget_unheard(self, pattern: Pattern) -> None:
        """Forget the counts of what the server does not send any more: nobody here hears it, and nobody is leaving."""
        ended = self._ended
        self.losses.keep(lambda *topic: self.table.match(*topic) or ended.leaves(*topic), pattern)

    def remove_listener(self, listener: Listener, pattern: Pattern) -> bool:
        """End the oldest subscription of `listener` to exactly this; false if there is none."""
        with self._lock:
            there = self.table.at(pattern)
        found = next((each for each in there if each.callback == listener), None)
        if found is not None:
            found.remove()
        return found is not None

    # -- durable listeners

    def subscribe_durable(self, session: ClientSession, listener: DurableListener) -> Steps[None]:
        """Have a durable listener.

        Raises:
            ConfigError: this program has one of that name.
            SigError: the server refused, or can't be asked; then there is none.
        """
        reply, name = self._make_reply(), listener.name
        with self._lock:
            if name in self._durables:
                raise ConfigError(f"durable {name!r}: this program listens to it already, and one at a time can")
            self._durables[name] = listener
        try:
            listener.ask(session, reply.tell)
            yield Ask(reply, None, f"durable {name!r}")  # never given up: a late answer says what is to be left again
        except BaseException:
            self.unsubscribe_durable(listener)
            listener.subscription.remove()
            raise

    def unsubscribe_durable(self, listener: DurableListener) -> bool:
        """Let a durable listener leave; the durable stays. Returns whether there is something to send."""
        with self._lock:
            if self._durables.get(listener.name) is not listener:
                return False
            self._heard.pop(listener.ident, None)
            to_send = listener.leave()
            del self._durables[listener.name]
        return to_send

    def durable_at(self, session: ClientSession, ident: int) -> DurableListener | None:
        """Return the durable listener that has an id on a link."""
        found = self._heard.get(ident)
        if found is None or found.ident != ident or found.session is not session:
            there = (each for each in tuple(self._durables.values()) if each.ident == ident)
            found = next((each for each in there if each.session is session), None)
            if found is not None:
                self._heard[ident] = found
        return found

    def is_meant(self, sender: Name, event: Name, number: int) -> bool:
        """Return whether a `bind` is meant for a listener that there is, or one that is leaving: until the server is
        asked to take that out, it binds nothing anew for who comes. Else it was under way when those before ended.

        Args:
            sender, event: that it is about.
            number: of the binds on this link; each is asked about, in order.
        """
        with self._lock:
            wishes = [(*pattern, latest) for pattern in patterns_of(sender, event) for latest in (False, True)]
            found = (self._subscriptions.get(wish) for wish in wishes)
            there = [remote.since for remote in found if remote is not None] + self._ended.leaves(sender, event)
            since = min(there, default=-1)
            late = self._ended.is_for_one(sender, event, number, since)
        return since >= 0 and (not late or self.losses.knows(sender, event))

    def forget_topics(self, topics: Iterable[tuple[Name, Name]]) -> None:
        """Forget what is counted of topics that the server does not know any more, nor does anybody bring back."""
        self.losses.forget(topics)
        for sender, event in topics:
            self.table.drop_topic(sender, event)

    # -- coming back

    def restore(self, session: ClientSession, adopt: Callable[[ClientSession], None]) -> Steps[SigError | None]:
        """Have all of it on another link, in the order in which it came; return the first refusal.

        All is asked for, some at a time; then the answers are waited for; then what waited offline goes out; then new
        events. What is added or removed meanwhile is asked for on this session by who adds or removes it.

        Args:
            adopt: called under the lock, first: the session becomes the client's.

        Raises:
            SigError: the link was lost meanwhile.
        """
        with self._lock:
            adopt(session)
            self._session = session
            self.table.drop_all()  # those that are heard again come again
            self.losses.begin_link()
            self.lasts.begin_link()
            self._heard.clear()
            left, self._ended = self._ended.leaving, EndedListeners(self._forget_unheard)
            for pattern, _ in left.values():  # the link has taken them along
                self._forget_unheard(pattern)
            there, topics = list(self._order), self.losses.topics()
        asked: list[PendingSender] = []
        heard: list[RemoteSubscription] = []
        for start in range(0, len(there), TOGETHER):
            if start:
                yield None
            with self._lock:
                self._ask_anew(session, there[start : start + TOGETHER], asked, heard)
        chunks = [topics[start : start + RECALL] for start in range(0, len(topics), RECALL)]
        recalled = [ask for chunk in chunks for ask in self._recall(session, chunk)]
        with self._lock:
            durables = [each for each in self._durables.values() if each.session is not session]
            back = [self._ask_for_durable(session, each) for each in durables]
        refusal = yield from self._rejoin(session, asked)
        for ask in back:
            refused = yield from self._settled(session, ask, f"{ask.what} is not back")
            refusal = refusal or refused
        for remote in heard:
            refused = yield from self._settled(session, remote.ask(self._make_reply()), "a listener is not back")
            refusal = refusal or refused
        for ask in recalled:
            yield from self._settled(session, ask, "losses are not known")
        return refusal

    def _ask_anew(
        self,
        session: ClientSession,
        keys: list[Name | Wish],
        asked: list[PendingSender],
        heard: list[RemoteSubscription],
    ) -> None:
        """Ask for what is still wanted, and was not asked for on this session yet; under the lock."""
        for key in keys:
            if key not in self._order:
                continue
            if not isinstance(key, tuple):
                if self.senders[key].session is not session:
                    asked.append(self._ask_for(session, self.senders[key]))
            elif self._subscriptions[key].session is not session:
                remote = RemoteSubscription(session, key, self._lock, self._ended, anew=True)
                self._subscriptions[key] = remote
                heard.append(remote)

    def _ask_for_durable(self, session: ClientSession, listener: DurableListener) -> Ask:
        reply, what = self._make_reply(), f"durable {listener.name!r}"
        try:
            listener.ask(session, reply.tell)
        except LocalProtocolError as error:  # an older server
            reply.tell(None, error)
        return Ask(reply, None, what)

    def _recall(self, session: ClientSession, topics: list[tuple[Name, Name]]) -> list[Ask]:
        """Ask where the counts stand of what was heard before; in two halves if the server does not take so much."""
        reply = self._make_reply()
        try:
            ident = session.call("recall", {"topics": [list(topic) for topic in topics]}, reply.tell)
        except MessageTooBig:
            half = len(topics) // 2
            return [*self._recall(session, topics[:half]), *self._recall(session, topics[half:])] if half else []
        return [Ask(reply, ident, "recall")]

    def _rejoin(self, session: ClientSession, asked: list[PendingSender]) -> Steps[SigError | None]:
        """Wait for the senders' answers, then let their events out: first what waited, then the new ones."""
        refusal: SigError | None = None
        routes: dict[tuple[Name, Name], int] = {}
        publishers: list[tuple[RemoteSender, Joined, list[LazyPublisher]]] = []
        for pending in asked:
            try:
                joined = yield from self._joined(pending)
            except SigError as error:
                session.check_open()
                refusal = refusal or error
                self._refuse(pending.remote, error)
            else:
                remote = pending.remote
                if self._is_installed(remote):  # else it was removed meanwhile
                    publishers.append((remote, joined, self._publishers(remote, session, joined)))
                    routes.update(((remote.name, event), route) for event, route in joined.routes.items())

        skipped: list[tuple[RemoteSender, dict[Name, int], Ask]] = []

        def resume() -> None:
            for remote, joined, those in publishers:
                if self._is_installed(remote):  # else it was removed meanwhile
                    skipped.extend(self._skip(session, remote))
                    for publisher in those:
                        publisher.install()
                    remote.fire_on(session, joined.routes)

        for remote, joined, _ in publishers:
            self._give_last(session, remote, joined.routes)
        self._outlet.offline.release(session, lambda name, event: routes.get((name, event)), resume)
        yield None
        for remote, dropped, ask in skipped:
            refused = yield from self._settled(session, ask, "what was dropped is not known")
            with self._lock:
                if refused is None and self.senders.get(remote.name) is remote:
                    self._outlet.offline.told(remote.name, dropped)
        return refusal

    def _give_last(self, session: ClientSession, remote: RemoteSender, routes: dict[Name, int]) -> None:
        """Tell a server the last values of a sender's events, before any event; what it can't take, it has not."""
        assert session.encoding is not None
        waiting = self._outlet.offline.waiting
        for event, kept in remote.kept.items():
            if kept.sent is not None and not waiting[remote.name, event]:  # else what waits is newer, and comes next
                codec, frame = kept.sent
                with suppress(CodecError):
                    moved = readdressed(frame, routes[event], codec, session.encoding, session.max_out - 4)
                    session.out.append(flagged_frame(moved, LAST, 0))

    def _skip(self, session: ClientSession, remote: RemoteSender) -> list[tuple[RemoteSender, dict[Name, int], Ask]]:
        """Tell the server, under the lock, what of a sender's events was dropped since it was asked for the sender."""
        untold = self._outlet.offline.untold
        dropped = {event: count for event in remote.counters if (count := untold[remote.name, event])}
        if not dropped:
            return []
        reply, counts = self._make_reply(), [list(pair) for pair in dropped.items()]
        try:
            ident = session.call("skip", {"sender": remote.name, "events": counts}, reply.tell)
        except MessageTooBig:  # the next link is told
            return []
        return [(remote, dropped, Ask(reply, ident, f"skip {remote.name!r}"))]

    def _refuse(self, remote: RemoteSender, error: SigError) -> None:
        """Close the way of a sender's events: the server did not take it back."""
        self._log.error(f"sender {remote.name!r} is not back: {error}")
        with self._lock:
            if self._is_installed(remote):  # else it was removed meanwhile
                self._replace_publishers(remote, refusing_publisher(remote.name, error))

    def _settled(self, session: ClientSession, ask: Ask, what: str) -> Steps[SigError | None]:
        """Wait for an answer; log and return what it says, unless the link is gone: then raise that."""
        try:
            yield ask
        except SigError as error:
            session.check_open()
            self._log.error(f"{what}: {error}")
            return error
        return None
