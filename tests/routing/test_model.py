"""The router against a naive one, written from the prose: lists and loops."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

import sig_core as sig

SENDERS = st.sampled_from(["a", "b", 1, 1.0])
EVENTS = st.sampled_from(["#x", "y", 2])
ANY_SENDER = st.none() | SENDERS
ANY_EVENT = st.none() | EVENTS | st.sampled_from(["#connect", "#disconnect"])


class Naive:
    def __init__(self) -> None:
        self.connected: dict[Any, list[Any]] = {}
        self.listeners: list[tuple[Any, Any, int]] = []

    def hears(self, sender: Any, event: Any) -> list[int]:
        channel = isinstance(event, str) and event.startswith("#")
        ranks: list[list[int]] = [[], [], [], []]
        for wanted_sender, wanted_event, number in self.listeners:
            if wanted_sender is None and wanted_event is None:
                ranks[0].append(number)
            elif wanted_event is None and wanted_sender == sender:
                ranks[1].append(number)
            elif wanted_sender is None and wanted_event == event and channel:
                ranks[2].append(number)
            elif wanted_sender == sender and wanted_event == event:
                ranks[3].append(number)
        return [number for rank in ranks for number in rank]


class RouterModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.router, self.naive = sig.Router(), Naive()
        self.heard: list[int] = []
        self.handles: dict[int, sig.Subscription] = {}
        self.last = 0

    def expect(self, sender: Any, event: Any) -> None:
        assert self.heard == self.naive.hears(sender, event)
        self.heard.clear()

    @rule(sender=SENDERS, events=st.lists(EVENTS, unique=True))
    def add_sender(self, sender: Any, events: list[Any]) -> None:
        if sender in self.naive.connected:
            try:
                self.router.add_sender(sender, events)
            except NameError:
                assert self.heard == []
                return
            raise AssertionError("a name was taken twice")
        self.router.add_sender(sender, events)
        self.naive.connected[sender] = events
        self.expect(sender, "#connect")

    @rule(sender=SENDERS)
    def remove_sender(self, sender: Any) -> None:
        known = self.naive.connected.pop(sender, None) is not None
        assert self.router.remove_sender(sender) == known
        if known:
            self.expect(sender, "#disconnect")

    @rule(sender=ANY_SENDER, event=ANY_EVENT)
    def add_listener(self, sender: Any, event: Any) -> None:
        self.last += 1
        number = self.last
        self.handles[number] = self.router.add_listener(lambda info, data: self.heard.append(number), sender, event)
        self.naive.listeners.append((sender, event, number))

    @rule(data=st.data())
    def remove_listener(self, data: st.DataObject) -> None:
        if self.handles:
            number = data.draw(st.sampled_from(sorted(self.handles)))
            self.handles.pop(number).remove()
            self.naive.listeners = [entry for entry in self.naive.listeners if entry[2] != number]

    @rule(sender=SENDERS, event=EVENTS)
    def trigger(self, sender: Any, event: Any) -> None:
        if event in self.naive.connected.get(sender, ()):
            found = self.router.get_sender(sender)
            assert found is not None
            found.get_signal(event).trigger()
            self.expect(sender, event)


RouterModel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, derandomize=True, deadline=None)
TestRouterModel = RouterModel.TestCase
