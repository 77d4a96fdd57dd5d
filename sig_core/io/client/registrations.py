"""What a client has at its server, in the order in which it came, so that the next link can have it again."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from sig_core.errors import SenderExists, SigError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name, Pattern
from sig_core.io.client.link import ClientLink
from sig_core.io.client.remote_subscription import RemoteSubscription
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.log import log
from sig_core.routing.counting import EventCounter, LossDetector
from sig_core.routing.entities import Sender, Subscription
from sig_core.routing.table import Table
from sig_core.session.binary.server_messages import Joined
from sig_core.session.client_state.offline_queue import OfflineQueue

__all__ = ["Registrations", "RemoteSender"]

RECALL = 1000  # topics that are asked about in one call
AHEAD = 1000  # senders that are asked for before the answer to the first is waited for: no output runs full
TOGETHER = 100  # of them that leave in one send


class RemoteSender:
    """A sender of this client at the server.

    Attributes:
        sender: it.
        life: text that tells it from every other sender of its name.
        tallies: how often each of its events was fired, over all links.
    """

    __slots__ = ("life", "sender", "tallies")

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.life = os.urandom(8).hex()
        built_in = (EVENT_CONNECT, EVENT_DISCONNECT)
        self.tallies = {name: EventCounter() for name in sender.events if name is not None and name not in built_in}

    def fired(self) -> int:
        """Return how many events it fired, over all links; under the router's lock."""
        return sum(tally.value() for tally in self.tallies.values())

    def join(self, link: ClientLink, away: OfflineQueue) -> _Joining:
        """Ask the server to take it; under the router's lock."""
        assert self.sender.name is not None
        name, waiter = self.sender.name, PendingReply()
        fired = {event: tally.value() - away.waiting[name, event] for event, tally in self.tallies.items()}
        requests = self.sender.handler.names()
        ident = link.session.add_sender(
            name, list(self.tallies), requests, waiter.tell, life=self.life, fired=fired
        )
        return _Joining(self, fired, waiter, ident)


class _Joining:
    """A sender whose server has not answered yet."""

    def __init__(self, member: RemoteSender, fired: dict[Name, int], waiter: PendingReply, ident: int) -> None:
        self.member = member
        self._fired = fired
        self._waiter = waiter
        self._ident = ident

    def finish(self, link: ClientLink, unsent: Counter[tuple[Name, Name]]) -> Joined:
        """Wait for the answer; note what did not reach the server."""
        name = self.member.sender.name
        joined: Joined = link.finish(self._waiter, self._ident, None, f"add_sender {name!r}")
        for event, routed in (joined.routed or {}).items():
            missing = self._fired.get(event, 0) - routed
            if missing > 0 and name is not None:
                unsent[name, event] += missing
        return joined


class Registrations:
    """The remote senders and listeners of a client.

    Args:
        lock: of the router; guards changes.
        connect: called under the lock with (member, link, joined): makes the ways out for its events.
        refuse: called under the lock with (member, error): closes them, the server did not take it.
        away: events that wait for a link.

    Attributes:
        senders: by name.
        table: the listeners by what they hear.
        ledger: what they should have heard.
        unsent: events that left for the server and did not get there, as far as a server could tell.
    """

    def __init__(
        self,
        lock: threading.Lock,
        connect: Callable[[RemoteSender, ClientLink, Joined], None],
        refuse: Callable[[RemoteSender, SigError], None],
        away: OfflineQueue,
    ) -> None:
        self.senders: dict[Name, RemoteSender] = {}
        self.table: Table[Subscription] = Table()
        self.ledger = LossDetector()
        self.unsent: Counter[tuple[Name, Name]] = Counter()
        self._fired = 0  # by senders that were removed
        self._lock = lock
        self._connect = connect
        self._refuse = refuse
        self._away = away
        self._interests: dict[Pattern, RemoteSubscription] = {}
        self._order: dict[Name | Pattern, None] = {}

    # -- senders

    def add_senders(self, link: ClientLink, senders: Iterable[Sender]) -> None:
        """Have senders at the server; a name is taken before the answer: a request may come on its heels.

        When one is refused, those before it, and those that were asked for already, are there all the same.

        Raises:
            SenderExists: a name is taken, here (then nothing is asked for) or at the server.
            SigError: the server can't be asked.
        """
        members = {sender.name: RemoteSender(sender) for sender in senders if sender.name is not None}
        with self._lock:
            for name in members:
                if name in self.senders:
                    raise SenderExists(f"sender {name!r} is already connected, by this program")
            self.senders.update(members)
        try:
            self._add(link, members)
        finally:
            with self._lock:
                for name in members:
                    if name not in self._order:
                        self.senders.pop(name, None)

    def _add(self, link: ClientLink, members: dict[Name, RemoteSender]) -> None:
        """Ask for one after the other, some ahead of the answers, so that both sides have something to do."""
        asked: deque[tuple[Name, _Joining]] = deque()
        refusals: list[SigError] = []
        unasked: list[SigError] = []
        for number, (name, member) in enumerate(members.items(), 1):
            try:
                asked.append((name, member.join(link, self._away)))
            except SigError as error:
                unasked.append(error)
                break
            if number % TOGETHER == 0:
                link.writer.flush()
            if len(asked) == AHEAD:
                refusals += self._joined(link, *asked.popleft())
            if refusals:
                break
        while asked:
            refusals += self._joined(link, *asked.popleft())
        if refusals or unasked:
            raise (refusals or unasked)[0]

    def _joined(self, link: ClientLink, name: Name, joining: _Joining) -> list[SigError]:
        """Wait until a sender is there; give why it is not, if so."""
        try:
            joined = joining.finish(link, self.unsent)
        except SigError as error:
            return [error]
        with self._lock:
            self._order[name] = None
            self._connect(joining.member, link, joined)
        return []

    def remove_sender(self, name: Name) -> None:
        """Forget a sender."""
        with self._lock:
            member = self.senders.pop(name, None)
            self._order.pop(name, None)
            if member is not None:
                self._fired += member.fired()

    def fired(self) -> int:
        """Return how many events all senders fired, those that were removed too; under the lock."""
        return self._fired + sum(member.fired() for member in self.senders.values())

    # -- listeners

    def add_listener(self, link: ClientLink, subscription: Subscription) -> RemoteSubscription:
        """Have a subscription; what it hears is asked for once. The caller waits for the answer."""
        pattern = subscription.pattern
        with self._lock:
            if self.table.add(pattern, subscription):
                self._interests[pattern] = RemoteSubscription(link, pattern)
                self._order[pattern] = None
            return self._interests[pattern]

    def remove_listener(self, subscription: Subscription) -> RemoteSubscription | None:
        """Forget a subscription; give what was asked for, and is not wanted any more."""
        pattern = subscription.pattern
        with self._lock:
            if not self.table.remove(pattern, subscription):
                return None
            interest = self._interests.pop(pattern)
            self._order.pop(pattern, None)
            interest.end()
        self.ledger.keep(self.table.match, pattern)
        return interest

    # -- coming back

    def restore(self, link: ClientLink, adopt: Callable[[], None]) -> SigError | None:
        """Have all of it on another link, in the order in which it came; give the first refusal.

        Args:
            adopt: called under the lock, first: the link becomes the client's.

        Raises:
            SigError: the link was lost meanwhile.
        """
        joining: list[_Joining] = []
        hearing: list[RemoteSubscription] = []
        with self._lock:
            adopt()
            for key in self._order:
                if isinstance(key, tuple):
                    interest = self._interests[key] = RemoteSubscription(link, key)
                    hearing.append(interest)
                else:
                    joining.append(self.senders[key].join(link, self._away))
            recalled = self._recall(link)
        first = self._rejoin(link, joining)
        for interest in hearing:
            first = _settled(link, "a listener is not back", interest.wait) or first
        for waiter, ident in recalled:
            _settled(link, "losses are not known", lambda: link.finish(waiter, ident, None, "recall"))  # noqa: B023
        return first

    def _recall(self, link: ClientLink) -> list[tuple[PendingReply, int]]:
        """Ask where the counts stand of what was heard before."""
        topics, asked = self.ledger.topics(), []
        for start in range(0, len(topics), RECALL):
            waiter, some = PendingReply(), [list(topic) for topic in topics[start : start + RECALL]]
            asked.append((waiter, link.session.call("recall", {"topics": some}, waiter.tell)))
        return asked

    def _rejoin(self, link: ClientLink, joining: list[_Joining]) -> SigError | None:
        """Wait for the senders' answers, then let their events out: first what waited, then the new ones."""
        first: SigError | None = None
        answers: list[tuple[RemoteSender, Joined]] = []
        for each in joining:
            try:
                answers.append((each.member, each.finish(link, self.unsent)))
            except SigError as error:
                link.session.check_open()
                log.error(f"sender {each.member.sender.name!r} is not back: {error}")
                first = first or error
                with self._lock:
                    self._refuse(each.member, error)
        session = link.session
        with self._away.lock, self._lock:
            back = [(member, joined) for member, joined in answers if self._has(member)]
            routes: dict[Any, dict[Name, int]] = {member.sender.name: joined.routes for member, joined in back}
            route = _finder(routes)
            self._away.send(link.codec, route, session.out, session.max_out)
            for member, joined in back:
                self._connect(member, link, joined)
        link.writer.flush()
        return first

    def _has(self, member: RemoteSender) -> bool:
        return member.sender.name is not None and self.senders.get(member.sender.name) is member


def _finder(routes: dict[Any, dict[Name, int]]) -> Callable[[Name, Name], int | None]:
    return lambda sender, event: routes.get(sender, {}).get(event)


def _settled(link: ClientLink, what: str, wait: Callable[[], object]) -> SigError | None:
    """Wait for an answer; log and give what it says, unless the link is gone: then raise that."""
    try:
        wait()
    except SigError as error:
        link.session.check_open()
        log.error(f"{what}: {error}")
        return error
    return None
