"""A client without threads, loop or clock: its state, a router, and links of a `Net` that the test pumps."""

from __future__ import annotations

import itertools
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from sig_core.errors import ConnectFailed, RequestTimeout, SigError
from sig_core.events import Info, Name, Pattern
from sig_core.protocol.limits import Limits
from sig_core.router import Router, pattern_of
from sig_core.routing.entities import Sender, Subscription
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Events, Opened, ReplyReceived, Report, RequestsReceived
from sig_core.session.client_state import registrations
from sig_core.session.client_state.asks import Ask, Steps
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.remote_subscription import wish_of
from sig_core.session.client_state.state_callbacks import STATES
from tests.support.sessions import PLUGINS, Link, Net

KEEPS = Reconnect(keep=1_000_000)
WINDOWS = pytest.mark.parametrize(("ahead", "together"), [(1000, 100), (3, 2), (1, 1)])

IDS = itertools.count(1)

Do = Callable[[Ask | None], object]
"""What happens at a yield of a plan, before its answer is looked for; an exception that it returns is thrown there."""


class FakeLock:
    """Fails when it is taken twice, as a `threading.Lock` would hang."""

    def __init__(self) -> None:
        self.held = False

    def __enter__(self) -> bool:
        assert not self.held, "the lock is taken twice"
        self.held = True
        return True

    def __exit__(self, *exc: object) -> None:
        self.held = False

    def is_mine(self) -> bool:
        return self.held

    def check_free(self) -> None:
        """Fail if it is held: what calls this may be code of a user, or wait."""
        assert not self.held, "the lock is held"


class FakeLog:
    """Keeps what a user would read, as (level, text)."""

    def __init__(self, lock: FakeLock | None = None) -> None:
        self.lock = lock or FakeLock()
        self.lines: list[tuple[str, str]] = []

    def info(self, msg: str) -> None:
        self._note("info", msg)

    def warning(self, msg: str) -> None:
        self._note("warning", msg)

    def error(self, msg: str) -> None:
        self._note("error", msg)

    def _note(self, level: str, text: str) -> None:
        self.lock.check_free()
        self.lines.append((level, text))

    def texts(self, level: str) -> list[str]:
        """Take the lines of a level."""
        found = [text for each, text in self.lines if each == level]
        self.lines = [line for line in self.lines if line[0] != level]
        return found


class FakeReply:
    """Takes one answer."""

    def __init__(self) -> None:
        self.answers: list[tuple[Any, SigError | None]] = []

    def tell(self, value: Any, error: SigError | None) -> None:
        assert not self.answers, "it was told before"
        self.answers.append((value, error))

    def result(self) -> Any:
        """Return the value, or raise the error."""
        assert self.answers, "nobody will ever answer"
        ((value, error),) = self.answers
        if error is not None:
            raise error
        return value


def result_of(ask: Ask) -> Any:
    """Return what was answered, or raise it."""
    reply = ask.reply
    assert isinstance(reply, FakeReply)
    return reply.result()


class ClientLink(Link):
    """A link whose client is a `Client`: what arrives goes where a face would bring it."""

    def __init__(self, owner: Client, net: Net, codec: str, limits: Limits, client: ClientSession) -> None:
        super().__init__(net, codec, limits, 0, "ab" * 16, None)
        self.client = client
        self.owner = owner
        self._inbound = owner.state.inbound(client)
        net.links.append(self)

    def take(self, reports: list[Report]) -> None:
        for report in reports:
            self.owner.lock.check_free()
            if isinstance(report, ReplyReceived):
                report.tell()
            elif isinstance(report, Events):
                self._inbound.events(report)
            elif isinstance(report, RequestsReceived):
                for request in report.requests:
                    self._inbound.incoming(report, *request)
            elif isinstance(report, Closed):
                self.owner.state.departed(self.client, report.error, self.net.now)
            elif not isinstance(report, Opened):
                self._inbound.other(report)

    def lose(self) -> None:
        if self in self.net.links:
            super().lose()


class Client:
    """What a face is, driven by hand."""

    def __init__(self, net: Net | None = None, policy: Reconnect | None = KEEPS, chance: float = 0.0) -> None:
        self.net = net or Net()
        self.lock = FakeLock()
        self.log = FakeLog(self.lock)
        self.router = Router()
        self.router._lock = self.lock  # type: ignore[assignment]
        self.failed: list[tuple[Any, Info, BaseException]] = []
        self.heard: list[tuple[Name, Name, Any]] = []
        self.wakes = 0
        self.link: ClientLink | None = None
        self.state = ClientState(
            *("fake://server", self.net.limits, policy),
            lock=self.lock,
            topics=self.router._table,
            installed=self.router._senders,
            make_reply=FakeReply,
            wake_callbacks=self._wake,
            new_id=lambda size: f"{next(IDS):0{2 * size}x}",
            chance=lambda: chance,
            failed=lambda *failure: self.failed.append(failure),
            log=self.log,
        )
        self.registrations = self.state.registrations
        self.told: list[tuple[str, SigError | None]] = []
        for state in STATES:
            self.state.callbacks.add(state, lambda state, error: self.told.append((state, error)))

    def _wake(self) -> None:
        self.lock.check_free()
        self.wakes += 1

    # -- links

    @property
    def session(self) -> ClientSession:
        """Of the link there is, or was last."""
        assert self.link is not None
        return self.link.client

    def dial(self, codec: str = "json") -> ClientLink:
        """Bring up a link that is not the client's own yet."""
        if self.state.connection.state == "new":
            self.state.connection.begin()
        codecs = PLUGINS.choose_codecs([codec])
        session = self.state.connection.new_session(codecs, packets=False, now=self.net.now)
        link = ClientLink(self, self.net, codec, self.net.limits, session)
        self.net.pump()
        assert session.state is State.OPEN, session.error
        return link

    def plan_of(self, link: ClientLink) -> Steps[SigError | None]:
        """The plan that brings everything to a link."""

        def adopted() -> None:
            assert self.lock.held
            self.link = link

        return self.state.restore(link.client, adopted)

    def connect(self, codec: str = "json", at: int = -1, do: Do | None = None) -> Client:
        """Have everything on a new link, as a face does; returns the client itself."""
        link = self.dial(codec)
        try:
            problem = self.run(self.plan_of(link), at, do)
            self.state.arrived(link.client, problem, self.net.now)
        except BaseException:
            link.lose()
            raise
        return self

    def lose(self) -> None:
        """The link breaks."""
        assert self.link is not None
        self.link.lose()

    # -- plans

    def run(self, steps: Steps[Any], at: int = -1, do: Do | None = None) -> Any:
        """Drive a plan to its end, with `do` at its yield number `at`, counted from 0."""
        value, error = None, None
        for number in itertools.count():
            try:
                ask = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            value = error = None
            self.lock.check_free()
            try:
                if number == at and do is not None:
                    self._interrupt(ask, do)
                self.net.pump()
                if ask is not None:
                    value = result_of(ask)
            except BaseException as caught:
                error = caught

    def _interrupt(self, ask: Ask | None, do: Do) -> None:
        thrown = do(ask)
        if isinstance(thrown, BaseException):
            if ask is not None and ask.ident is not None:
                self.session.cancel(ask.ident)  # as a face does for who waits no longer
            raise thrown

    # -- what a face offers

    def make(self, name: Name, *events: Name, handler: Any = None) -> Sender:
        """A sender that is not connected."""
        return self.router._make_sender(name, events or ("e",), handler)

    def adding(self, *names: Name, all_or_none: bool = False, handler: Any = None) -> Steps[None]:
        """The plan that adds senders."""
        made = [self.make(name, handler=handler) for name in names]
        return self.registrations.add_senders(self.session, made, all_or_none=all_or_none)

    def add(self, *names: Name, **how: Any) -> None:
        """Add senders."""
        self.run(self.adding(*names, **how))

    def removing(self, name: Name) -> Steps[bool]:
        """The plan that removes a sender of this program."""

        def forget() -> bool:
            self.lock.check_free()
            removed = self.router._remove_local(name)
            self.registrations.forget_sender(name)
            return removed

        return self.state.remove_own(name, forget)

    def remove(self, name: Name) -> bool:
        """Remove a sender; tell whether it was there."""
        removed: bool = self.run(self.removing(name))
        self.net.pump()
        return removed

    def listener(self, info: Info, data: Any) -> None:
        """Note an event."""
        self.lock.check_free()
        self.heard.append((info["sender"], info["event"], data))

    def subscription(self, sender: Name | None = None, event: Name | None = None) -> Subscription:
        """A subscription that is not added."""
        remove = self.registrations.unsubscribe
        return Subscription(self.listener, pattern_of(sender, event), remove)  # type: ignore[arg-type]

    def listen(
        self, sender: Name | None = None, event: Name | None = None, *, latest: bool = False
    ) -> Subscription:
        """Add a listener."""
        made = self.subscription(sender, event)
        made.latest = latest
        self.run(self.registrations.subscribe(self.session, made))
        return made

    def trigger(self, name: Name, value: Any, event: Name = "e") -> None:
        """Fire an event of a sender, without carrying it yet."""
        self.router._senders[name].get_signal(event).trigger(value)

    def tell(self) -> list[tuple[str, SigError | None]]:
        """Run the state callbacks; give what they were told."""
        while (news := self.state.callbacks.take()) is not None:
            callback, state, error = news
            callback(state, error)
        told, self.told = self.told, []
        return told

    # -- what is where

    def at_server(self) -> tuple[list[Name], list[Pattern]]:
        """The senders and the patterns that the server has of this link, in order."""
        self.net.pump()
        assert self.link is not None
        server = self.link.server
        senders = [entry.name for entry in self.net.exchange.senders.values() if entry.owner is server.port]
        return senders, list(server.port.calls._listeners.values())

    def names_there(self) -> list[Name]:
        """The senders that the server has, of anybody."""
        return [entry.name for entry in self.net.exchange.senders.values()]

    def here(self) -> tuple[list[Name], list[Pattern]]:
        """The senders and the patterns that the client has, in order."""
        order = list(self.registrations._order)
        names: list[Any] = [key for key in order if not isinstance(key, tuple)]
        assert set(names) == set(self.registrations.senders) == set(self.router._senders), "half of a sender is there"
        wishes: list[Any] = [key for key in order if isinstance(key, tuple)]
        assert set(wishes) == set(self.registrations._subscriptions)
        table = self.registrations.table
        assert set(wishes) == {wish_of(each) for pattern in table.patterns() for each in table.at(pattern)}
        return names, [wish[:2] for wish in wishes]

    def check_same(self) -> tuple[list[Name], list[Pattern]]:
        """Fail unless the server has exactly what the client has, in order; give it."""
        here = self.here()
        assert self.at_server() == here
        assert self.link is not None
        calls = self.link.server.port.calls
        wishes = [key for key in self.registrations._order if isinstance(key, tuple)]
        assert [(*pattern, ident in calls._latest) for ident, pattern in calls._listeners.items()] == wishes
        for pattern in calls.patterns:
            latest = all(wish[2] for wish in wishes if wish[:2] == pattern)
            assert (calls._all.get(pattern) == 0) == latest, "what the server thinks that is wanted"
        return here

    def counts(self) -> dict[str, int]:
        """What became of the events that were fired."""
        events = self.state.stats()["events"]
        return {name: events[name] for name in ("fired", "waiting", "dropped", "unsent")}


def times_out(client: Client, ask: Ask | None) -> BaseException | None:
    """No answer comes in time; it comes later."""
    return None if ask is None else RequestTimeout("no answer in time")


def loses(client: Client, ask: Ask | None) -> None:
    """The link ends before anything of this reaches the server."""
    client.lose()


def answers_and_loses(client: Client, ask: Ask | None) -> None:
    """The link ends when the server has answered."""
    client.net.pump()
    client.lose()


def interrupts(client: Client, ask: Ask | None) -> BaseException:
    """Whoever waits is interrupted."""
    return KeyboardInterrupt()


def cancels(client: Client, ask: Ask | None) -> BaseException:
    """Whoever waits is cancelled, when the answer is there already."""
    client.net.pump()
    return CancelledError()


def windows(monkeypatch: pytest.MonkeyPatch, ahead: int, together: int) -> None:
    """Make the windows of `add_senders` small."""
    monkeypatch.setattr(registrations, "AHEAD", ahead)
    monkeypatch.setattr(registrations, "TOGETHER", together)


def at_each_yield(
    make: Callable[[], tuple[Client, Steps[Any]]], do: Callable[[Client, Ask | None], object]
) -> Iterator[tuple[Client, BaseException | None]]:
    """Drive a plan once for each of its yields, with `do` there; give each client, and what its plan raised."""
    for at in itertools.count():
        client, steps = make()
        done: list[int] = []
        raised: BaseException | None = None
        try:
            client.run(steps, at, partial(_note, client, do, done))
        except BaseException as error:
            raised = error
        if not done:
            assert at, "it never yields"
            return
        yield client, raised


def _note(client: Client, do: Callable[[Client, Ask | None], object], done: list[int], ask: Ask | None) -> object:
    done.append(1)
    return do(client, ask)


NOBODY_THERE = ConnectFailed("nobody there")
