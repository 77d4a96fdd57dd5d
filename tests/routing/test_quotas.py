"""What users take over all their links: counted when they want more, and held when they are too fast."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.access.principal import Principal
from sig_core.access.quota import Quota
from sig_core.errors import Busy, HandshakeError, Status
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.memory_budget import MemoryBudget
from sig_core.routing.quotas import Quotas
from tests.routing.lone_port import Port


class World:
    """Quotas with ports of the test, and a clock that it turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.names: dict[Any, int] = {}
        self.noted: list[tuple[str, str]] = []
        self.flow = FlowControl()
        self.quotas = Quotas(
            lambda port: self.names.get(port, 0),
            lambda port: self.names.get(port, 0),
            self.flow.hold,
            lambda: self.now,
            lambda principal, what: self.noted.append((principal.user, what)),
            10**6,
        )

    def port(self, user: str = "a", peer: str = "tcp://h:1", kind: str = "token", **quota: int) -> Port:
        made = Port()
        made.peer = peer
        made.principal = Principal(user, kind, quota=Quota(**quota) if quota else None)
        self.quotas.join(made, made.principal)
        return made


def test_links_are_counted_over_all_of_a_user() -> None:
    world = World()
    one, two = world.port(links=2), world.port(links=2)
    who = one.principal
    assert who is not None
    world.port("b", links=2)
    with pytest.raises(HandshakeError, match="'a' has 2 links; 2 is the limit of its roles") as full:
        world.quotas.check_link("tcp://h:1", who, 0)
    assert full.value.status is Status.BUSY
    assert world.noted == [("a", "links")]
    world.quotas.check_link("tcp://h:1", who, 1)  # its own earlier link ends
    world.quotas.leave(two)
    world.quotas.leave(two)
    world.quotas.check_link("tcp://h:1", who, 0)


def test_those_who_proved_nothing_count_by_where_they_come_from() -> None:
    world = World()
    one = world.port("anonymous", "tcp://h:1", "anonymous", links=1)
    assert one.principal is not None
    with pytest.raises(HandshakeError, match="anonymous from 'tcp://h:'"):
        world.quotas.check_link("tcp://h:2", one.principal, 0)
    world.quotas.check_link("tcp://other:2", one.principal, 0)


def test_names_listeners_and_requests_are_counted_where_they_are() -> None:
    world = World()
    one, two, free = world.port(names=3, requests=3), world.port(names=3, requests=3), world.port("b")
    world.names = {one: 2, two: 1, free: 9}
    for port in (one, two):
        with pytest.raises(Busy, match="'a' has 3 names; 3 is the limit"):
            world.quotas.check_names(port)
        assert world.quotas.room_for_requests(port) == 0
    world.quotas.check_names(free)
    world.quotas.check_listeners(one, 1)  # its roles say nothing of that
    world.names[two] = 0
    world.quotas.check_names(one)
    assert world.quotas.room_for_requests(one) == 1
    assert world.quotas.room_for_requests(free) > 10**9


def test_who_is_too_fast_is_not_read_until_it_is_paid_on_all_its_links() -> None:
    world = World()
    one, two = world.port(events_per_second=10), world.port(events_per_second=10)
    one.traffic.arrived += 8
    assert not one.reading_paused
    two.traffic.arrived += 7  # five too many
    assert two.reading_paused and not one.reading_paused
    assert world.quotas.held == 1
    world.flow.tick(0.49)
    assert two.reading_paused
    world.flow.tick(0.5)
    assert not two.reading_paused and not world.flow
    assert (one.traffic.arrived, two.traffic.arrived) == (8, 7)


def test_bytes_too_and_what_is_taken_back() -> None:
    world = World()
    port = world.port(bytes_per_second=1000)
    port.traffic.bytes_in += 900
    port.traffic.bytes_in -= 500
    port.traffic.bytes_in += 600
    assert not port.reading_paused
    port.traffic.bytes_in += 1000
    assert port.reading_paused
    assert port.traffic.bytes_in == 2000
    world.flow.forget(port)
    assert not world.flow


def test_held_and_slow_are_two_reasons() -> None:
    world = World()
    port, slow = world.port(events_per_second=1), Port()
    port.traffic.arrived += 2
    slow.put(900)
    assert slow.is_slow(0.0)
    world.flow.pause_feeder(slow, port)
    world.flow.tick(1.0)
    assert port.reading_paused
    slow.take(10**6)
    world.flow.note_taken(slow)
    assert not port.reading_paused


def test_without_a_quota_nothing_is_measured() -> None:
    world = World()
    port, before = world.port(), Port()
    assert type(port.traffic) is type(before.traffic)


def test_new_rules_count_from_then_on_and_what_is_there_stays() -> None:
    world = World()
    one, two = world.port(links=2, events_per_second=5), world.port(links=2, events_per_second=5)
    one.traffic.lost["x"] += 3
    one.traffic.arrived += 4
    for port in (one, two):
        port.principal = Principal("a", "token", quota=Quota(links=1))
    world.quotas.begin_anew([one, two])
    assert one.principal is not None
    with pytest.raises(HandshakeError, match="has 2 links; 1 is the limit"):
        world.quotas.check_link("tcp://h:1", one.principal, 0)
    one.traffic.arrived += 100
    assert not one.reading_paused
    assert (one.traffic.arrived, one.lost["x"]) == (104, 3)


def test_memory_of_a_user_is_added_up_wherever_it_comes_from() -> None:
    world = World()
    budget = MemoryBudget(10**9, 10**8)
    budget.place_of = world.quotas.place_of
    one, two = world.port(peer="tcp://x:1", memory=50_000), world.port(peer="tcp://y:1", memory=50_000)
    other = world.port("b", peer="tcp://x:2")
    for port in (one, two, other):
        port._outbox.limit = 10**6
    for port, size in ((one, 10_000), (two, 20_000), (other, 90_000)):
        port.put(size)
        budget.note(port)
    assert not budget.gave_way
    two.put(30_000)
    budget.note(two)
    assert budget.gave_way == 1
    assert two.lost and not one.lost and not other.lost
