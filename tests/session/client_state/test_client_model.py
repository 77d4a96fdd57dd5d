"""A client over many links, beside a model: what the server has, and what became of every event."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sig_core.errors import LinkClosed, SenderExists, SigError
from sig_core.events import Name
from sig_core.protocol.wire import EVENT
from sig_core.routing.entities import Subscription
from sig_core.session.client_state.asks import Ask
from sig_core.session.client_state.reconnect import Reconnect
from tests.session.client_state.support import Client, answers_and_loses, interrupts, loses, times_out
from tests.support.sessions import Net

NAMES: list[Any] = ["s", "t", "u", 7]
EVENTS: list[Any] = ["e", "#c"]
CODECS = ["json", "msgpack", "cbor"]
Key = tuple[Name, Name]

names, events, codecs = st.sampled_from(NAMES), st.sampled_from(EVENTS), st.sampled_from(CODECS)
patterns = st.tuples(st.sampled_from([None, *NAMES[:2]]), st.sampled_from([None, *EVENTS]))
plan_ends = st.sampled_from([loses, answers_and_loses, interrupts, times_out])
yields = st.integers(0, 6)


def in_output(client: Client) -> Counter[Key]:
    """The events that a client has sent and that nobody carried yet."""
    found: Counter[Key] = Counter()
    for frame in client.session.out:
        if frame[4] & 0x0F == EVENT:
            found[client.session._names[int.from_bytes(frame[5:9], "little")]] += 1  # type: ignore[index]
    return found


class ManyLinks(RuleBasedStateMachine):
    """One client whose links come and go, a rival that takes its names, and a witness that hears everything.

    Attributes:
        fired, routed, lost: events, by (sender, event): triggered, heard by the witness, gone with a link.
        unknowable: names of senders of which the server can't say what it had routed: they, or it, went meanwhile.
        refused: senders of the client that the server did not take back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = Net()
        self.client = Client(self.net, Reconnect(keep=60)).connect()
        self.rival, self.witness = self.net.connect(), self.net.connect("msgpack")
        self.witness.listen()
        self.fired: Counter[Key] = Counter()
        self.routed: Counter[Key] = Counter()
        self.lost: Counter[Key] = Counter()
        self.unknowable: set[Name] = set()
        self.refused: set[Name] = set()
        self.subscriptions: list[Subscription] = []
        self.number = 0

    @property
    def is_up(self) -> bool:
        return self.client.state.connection.is_up

    # -- senders and listeners

    @precondition(lambda self: self.is_up)
    @rule(some=st.lists(names, unique=True), all_or_none=st.booleans(), do=st.none() | plan_ends, at=yields)
    def add(self, some: list[Any], all_or_none: bool, do: Any, at: int) -> None:
        before = set(self.client.registrations.senders)
        senders = [self.client.make(name, *EVENTS) for name in some]
        plan = self.client.registrations.add_senders(self.client.session, senders, all_or_none=all_or_none)
        try:
            self.run(plan, do, at)
        except (SigError, KeyboardInterrupt):
            assert not all_or_none or set(self.client.registrations.senders) == before
        else:
            assert set(self.client.registrations.senders) == before | set(some)

    def run(self, plan: Any, do: Any, at: int) -> Any:
        def interrupted(ask: Ask | None) -> BaseException | None:
            if do in (loses, answers_and_loses):
                if do is answers_and_loses:
                    self.net.pump()
                self.lose()
                return None
            found: BaseException | None = do(self.client, ask)
            return found

        return self.client.run(plan, at, interrupted if do is not None else None)

    @rule(name=names)
    def remove(self, name: Any) -> None:
        there = name in self.client.registrations.senders
        self.client.remove(name)
        if there:
            self.unknowable.add(name)
            self.refused.discard(name)

    @precondition(lambda self: self.is_up)
    @rule(pattern=patterns, latest=st.booleans())
    def listen(self, pattern: Any, latest: bool) -> None:
        self.subscriptions.append(self.client.listen(*pattern, latest=latest))

    @precondition(lambda self: self.subscriptions)
    @rule(which=st.integers(0, 100))
    def unlisten(self, which: int) -> None:
        self.subscriptions.pop(which % len(self.subscriptions)).remove()

    @rule(name=names)
    def rival_takes(self, name: Any) -> None:
        with suppress(SenderExists):
            self.rival.add_sender(name, [])
            self.unknowable.add(name)

    @rule(name=names)
    def rival_leaves(self, name: Any) -> None:
        with suppress(SigError):
            self.rival.call("remove_sender", sender=name)

    # -- events

    @rule(name=names, event=events, times=st.integers(1, 4))
    def trigger(self, name: Any, event: Any, times: int) -> None:
        if name not in self.client.registrations.senders:
            return
        if self.is_up and name in self.refused:
            with pytest.raises(LinkClosed, match="is not at the server"):
                self.client.trigger(name, 0, event)
            return
        for _ in range(times):
            self.number += 1
            try:
                self.client.trigger(name, self.number, event)
            except LinkClosed:
                assert name in self.refused  # that it was refused by the last server
            else:
                self.fired[name, event] += 1

    # -- links

    @precondition(lambda self: self.is_up)
    @rule()
    def carry(self) -> None:
        self.net.pump()

    @precondition(lambda self: self.is_up)
    @rule()
    def lose(self) -> None:
        self.lost += in_output(self.client)
        self.client.lose()

    @precondition(lambda self: not self.is_up)
    @rule(codec=codecs)
    def come_back(self, codec: str) -> None:
        taken = [name for name in self.client.names_there() if name in self.client.registrations.senders]
        self.client.connect(codec)
        self.refused = set(taken)
        here, heard = self.client.here()
        assert self.client.at_server() == ([name for name in here if name not in self.refused], heard)

    @precondition(lambda self: not self.is_up)
    @rule(codec=codecs, do=st.sampled_from([loses, answers_and_loses]), at=yields)
    def come_back_in_vain(self, codec: str, do: Any, at: int) -> None:
        self.unknowable.update(NAMES)  # the server may have said what it knows, and nobody heard it
        link = self.client.dial(codec)
        taken = [name for name in self.client.names_there() if name in self.client.registrations.senders]
        with suppress(SigError):
            self.run(self.client.plan_of(link), do, at)
            if link.client.error is None:  # it did not yield so often
                self.lose()
        self.refused = {name for name in self.client.registrations.senders if name in self.refused or name in taken}
        assert not self.is_up

    # -- what must be so

    @invariant()
    def nothing_is_half(self) -> None:
        assert not self.client.lock.held
        self.client.here()
        assert self.client.registrations.table.size == len(self.subscriptions)

    @invariant()
    def every_event_is_somewhere(self) -> None:
        heard = self.witness.heard()
        self.routed.update((each.sender, each.event) for each in heard if each.event in EVENTS)
        offline = self.client.state.offline
        waiting = in_output(self.client) if self.is_up else Counter()
        assert self.fired == self.routed + offline.waiting + offline.dropped + self.lost + waiting
        assert self.client.counts()["fired"] == self.fired.total()

    @invariant()
    def what_was_lost_is_known(self) -> None:
        unsent = self.client.registrations.unsent
        assert unsent <= self.lost
        if self.is_up:
            known = {key for key in self.lost if key[0] not in self.unknowable}
            assert {key: unsent[key] for key in known} == {key: self.lost[key] for key in known}


ManyLinks.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestManyLinks = ManyLinks.TestCase
