"""Ports that leave with many senders: few of these are removed at a time, and a name that is wanted is free at once."""

from __future__ import annotations

import itertools
from typing import Any

from sig_core.protocol.limits import Limits
from sig_core.routing.leaving import FEW
from tests.support.sessions import Net

MANY = 85


def crowd() -> tuple[Net, Any, Any, list[int]]:
    """A network with turns, one who has many senders, one who hears them leave; and the turns that were asked for."""
    net, asked = Net(Limits()), [0]
    owner, other = net.connect(), net.connect()
    other.listen(None, "#disconnect")

    def ask() -> None:
        asked[0] += 1

    for number in range(MANY):
        owner.add_sender(f"s{number}", ["e"], [None])
    net.exchange.leaving.on_work = ask
    return net, owner, other, asked


def test_they_leave_in_turns() -> None:
    net, owner, other, asked = crowd()
    owner.server.receive_eof()
    assert asked == [1] and len(net.exchange.senders) == MANY
    times = itertools.count()
    net.exchange.leaving._clock = lambda: float(next(times))  # each look is at the end of a turn
    left = []
    while net.exchange.leaving.take_turn():
        left.append(len(net.exchange.senders))
    assert left == list(range(MANY - 1, 0, -1))
    assert not net.exchange.senders and not net.exchange._owned and not net.exchange.leaving.ports
    net.links.remove(owner)
    net.pump()
    assert len(other.values()) == MANY


def test_a_name_that_is_wanted_is_free_at_once() -> None:
    net, owner, other, _ = crowd()
    owner.server.receive_eof()
    net.links.remove(owner)
    other.add_sender(f"s{MANY - 1}", ["e"])
    while net.exchange.leaving.take_turn():
        pass
    assert [entry.name for entry in net.exchange.senders.values()] == [f"s{MANY - 1}"]


def test_what_is_asked_of_who_has_left_fails() -> None:
    net, owner, other, _ = crowd()
    owner.server.receive_eof()
    net.links.remove(owner)
    told = other.request(f"s{MANY - 1}", "m", 1)
    while net.exchange.leaving.take_turn():
        pass
    net.pump()
    ((_, error),) = told
    assert error is not None and not len(net.exchange.requests)


def test_few_are_removed_at_once() -> None:
    net = Net(Limits())
    owner = net.connect()
    owner.add_sender("s", ["e"])
    net.exchange.leaving.on_work = lambda: None
    owner.server.receive_eof()
    assert not net.exchange.senders


def test_a_single_one_with_many_events_waits_for_its_turn_too() -> None:
    net, asked = Net(Limits()), [0]
    owner, other = net.connect(), net.connect()
    other.listen(None, "#disconnect")

    def ask() -> None:
        asked[0] += 1

    net.exchange.leaving.on_work = ask
    owner.add_sender("s", [f"e{number}" for number in range(FEW)])
    owner.server.receive_eof()
    assert asked == [1] and list(net.exchange.senders)
    assert not net.exchange.leaving.take_turn() and not net.exchange.senders
    net.links.remove(owner)
    net.pump()
    assert len(other.values()) == 1
