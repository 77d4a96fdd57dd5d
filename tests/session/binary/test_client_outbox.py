"""One loss is told once: what a listener adds up of events, gaps and binds is what was fired, however slow it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.protocol.limits import Limits
from sig_core.routing.counting import LossDetector
from sig_core.session.binary.reports import Bound, Events, Gap
from tests.support.sessions import Link, Net

LIMITS = Limits(max_outbox=4096, stall=0.0, keepalive=600)


class Listener:
    """A listener that adds up as a client does.

    Attributes:
        heard: events that came.
        told: losses that it was told of, after each report.
    """

    def __init__(self, net: Net) -> None:
        self.link = net.connect("json")
        self.link.listen("s", "e")
        self.losses = LossDetector()
        self.heard = 0
        self.told = [0]

    def read(self) -> None:
        self.link.frozen = False
        self.link.net.pump()
        for report in self.link.reports:
            if isinstance(report, Bound):
                self.told.append(self.told[-1] + self.losses.begin("s", "e", report.life, report.count))
            elif isinstance(report, Events):
                self.losses.add("s", "e", report.count)
                self.heard += report.count
            elif isinstance(report, Gap):
                self.losses.add("s", "e", report.count)
                self.told.append(self.told[-1] + report.count)
        self.link.reports.clear()


def owner_of(net: Net, life: str = "a", fired: int = 0) -> Link:
    owner = net.connect("msgpack")
    joined, error = owner.ask(
        lambda when: owner.client.add_sender("s", ["e"], None, when, life=life, fired={"e": fired})
    )
    assert error is None
    owner._routes["s", "e"] = joined.routes["e"]
    return owner


def fire(owner: Link, value: Any, count: int = 1) -> None:
    """Fire as somebody whom no slow listener holds back any more."""
    for _ in range(count):
        owner.fire("s", "e", value)
        owner.net.exchange.flow_control.tick(owner.net.now)
        owner.net.pump()


@pytest.mark.parametrize("value", ["x" * 100, b"\xff"], ids=["slow", "not carried"])
def test_one_loss_is_told_once_to_a_listener_whose_bind_waits(value: Any) -> None:
    net = Net(LIMITS)
    owner, listener = owner_of(net), Listener(net)
    listener.link.frozen = True
    fire(owner, value, 100)
    listener.read()
    listener.link.call("recall", topics=[["s", "e"]])
    listener.read()
    assert listener.heard < 100 and listener.told[-1] == 100 - listener.heard


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.integers(1, 60)),
        st.tuples(st.just("not carried"), st.integers(1, 3)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["freeze", "read", "recall", "flap"]), st.just(0)),
    ),
    max_size=25,
)


def play(net: Net, owner: Link, listener: Listener, steps: list[Any]) -> int:
    """Play steps; return how many events were fired."""
    fired = 0
    for what, count in steps:
        if what in ("fire", "not carried"):
            fire(owner, "x" * 100 if what == "fire" else b"\xff", count)
            fired += count
        elif what == "take":  # some output leaves, a piece at a time
            for _ in range(count):
                listener.link.take(listener.link.client.receive_data(listener.link.server.take(300), 0.0))
        elif what == "freeze":
            listener.link.frozen = True
        elif what == "read":
            listener.read()
        elif what == "recall":
            listener.link.server.port.calls._recall(fields)
        else:
            owner.lose()
            owner = owner_of(net, fired=fired)
    return fired


class Topics:
    """The params of a call `recall`."""

    def get(self, name: str, check: Any) -> Any:
        return [("s", "e")]


fields: Any = Topics()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(STEPS)
def test_what_a_listener_adds_up_is_what_was_fired(steps: list[Any]) -> None:
    net = Net(LIMITS)
    owner, listener = owner_of(net), Listener(net)
    fire(owner, 0)  # from here on it is counted
    fired = 1 + play(net, owner, listener, steps)
    listener.read()
    owner_of_last = next(link for link in net.links if ("s", "e") in link._routes)
    fire(owner_of_last, 0)
    listener.link.call("recall", topics=[["s", "e"]])
    listener.read()
    assert listener.heard + listener.told[-1] == fired + 1
    assert all(before <= after for before, after in pairwise(listener.told))
