"""What waits for a listener: nothing vanishes uncounted, and what comes out is in order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.routing.delivery import OVERFLOWS, Delivery
from sig_core.routing.listener_queue import FULL, SUPERSEDED, ListenerQueue, Loss, Outcome, key_for, queue_for

KEYS = ("a", "b", "c")


def info_of(event: str, number: int) -> dict[str, Any]:
    return {"sender": "s", "event": event, "number": number}


class Model:
    """A queue, with all that went in and came out."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.queue: ListenerQueue = queue_for(delivery)
        self.put: list[tuple[str, int]] = []
        self.refused = 0
        self.got: list[tuple[str, int]] = []
        self.told: list[Loss] = []
        self.upstream = 0

    def run(self, step: tuple[str, Any]) -> None:
        kind, what = step
        if kind == "put":
            number = len(self.put)
            info = info_of(what, number)
            key = key_for(self.delivery, info, number) if self.delivery.overflow == "latest" else None
            outcome = self.queue.put(info, number, number % 5, key)
            if outcome is Outcome.NO_ROOM and number % 3:
                self.queue.force(info, number, number % 5, beyond=number % 3 == 1)
            elif outcome is Outcome.NO_ROOM:
                self.refused += 1
            self.put.append((what, number))
        elif kind == "take" and len(self.queue):
            info, data, size = self.queue.popleft()
            assert size == data % 5
            self.got.append((info["event"], data))
        elif kind == "lose":
            self.upstream += what
            self.queue.lose(what, "elsewhere", info_of("a", -1))
        elif kind == "tell":
            loss = self.queue.take_loss()
            self.told += [loss] if loss else []
        self.check()

    def check(self) -> None:
        stats = self.queue.stats()
        assert stats["fired"] == len(self.put) - self.refused + self.upstream
        assert stats["fired"] == stats["delivered"] + stats["waiting"] + sum(stats["lost"].values())
        assert stats["delivered"] == len(self.got) and stats["waiting"] == len(self.queue)
        if self.delivery.overflow != "block":
            assert len(self.queue) <= self.delivery.queue

    def drain(self) -> None:
        while len(self.queue):
            self.run(("take", None))
        while self.queue.has_loss:
            self.run(("tell", None))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS)),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("lose"), st.integers(1, 5)),
        st.tuples(st.just("tell"), st.none()),
    ),
    max_size=80,
)


@given(overflow=st.sampled_from(OVERFLOWS), size=st.integers(1, 6), steps=STEPS)
def test_all_that_came_is_delivered_waits_or_is_lost(overflow: str, size: int, steps: list[tuple[str, Any]]) -> None:
    model = Model(Delivery(size, overflow))
    for step in steps:
        model.run(step)
    before = len(model.got)
    model.drain()
    for key in KEYS:  # of one event in order, each once
        numbers = [number for event, number in model.got if event == key]
        assert numbers == sorted(set(numbers))
    if overflow != "latest":  # of all of them
        assert [number for _, number in model.got] == sorted(number for _, number in model.got)
    if overflow == "latest":
        rest = Counter(event for event, _ in model.got[before:])
        assert all(count == 1 for count in rest.values())  # one each was left
        if size >= len(KEYS):
            newest = dict(model.put)
            assert dict(model.got) == newest  # and the last that came is the newest
    lost = model.queue.stats()["lost"]
    told: Counter[str] = Counter()
    for count, reason, _, _ in model.told:
        told[reason] += count
    assert dict(told) == lost


def fill(overflow: str, size: int, events: str) -> ListenerQueue:
    delivery = Delivery(size, overflow)
    queue = queue_for(delivery)
    for number, event in enumerate(events):
        info = info_of(event, number)
        queue.put(info, number, 0, key_for(delivery, info, number))
    return queue


def contents(queue: ListenerQueue) -> list[Any]:
    return [queue.popleft()[1] for _ in range(len(queue))]


def test_what_gives_way() -> None:
    assert contents(fill("block", 3, "aaaaa")) == [0, 1, 2]
    assert contents(fill("oldest", 3, "aaaaa")) == [2, 3, 4]
    assert contents(fill("newest", 3, "aaaaa")) == [0, 1, 2]
    assert contents(fill("latest", 3, "abcba")) == [4, 3, 2]  # each in the place that its key has
    assert contents(fill("latest", 2, "abca")) == [2, 3]


def test_no_key_waits_for_ever_because_others_change_more_often() -> None:
    delivery = Delivery(overflow="latest")
    queue, turns = queue_for(delivery), Counter[str]()
    for number in range(300):
        for event in "aaaaaabac":
            info = info_of(event, number)
            queue.put(info, number, 0, key_for(delivery, info, number))
        turns[queue.popleft()[0]["event"]] += 1
    assert set(turns.values()) == {100}


def test_what_is_told_of_losses() -> None:
    queue = fill("oldest", 2, "abcd")
    assert queue.take_loss() == (2, FULL, info_of("a", 0), info_of("b", 1))
    assert queue.take_loss() is None
    queue = fill("latest", 2, "abab")
    queue.lose(5, "elsewhere", info_of("z", 9))
    assert queue.take_loss() == (2, SUPERSEDED, info_of("a", 0), info_of("b", 1))
    assert queue.take_loss() == (5, "elsewhere", info_of("z", 9), info_of("z", 9))


def test_nothing_is_taken_from_an_empty_one() -> None:
    for overflow in OVERFLOWS:
        with pytest.raises(IndexError):
            queue_for(Delivery(overflow=overflow)).popleft()


@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_clearing_counts_and_gives_the_bytes_back(overflow: str) -> None:
    queue = queue_for(Delivery(5, overflow))
    for number in range(3):
        queue.put(info_of("a", number), None, 7, number)
    assert queue.clear("over") == 21 and len(queue) == 0
    assert queue.stats()["lost"] == {"over": 3}


def test_a_key_that_can_not_be_used() -> None:
    for key in (lambda info, data: [], lambda info, data: 1 // 0):
        with pytest.raises((TypeError, ZeroDivisionError)):
            key_for(Delivery(overflow="latest", key=key), {}, 1)
