"""A listener with a thread of its own: whom it holds back, and how it ends."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.io.delivery.queued_listener import QueuedListener
from sig_core.testing import begin, eventually
from tests.support import nothing_left_behind, within
from tests.support.forked import in_child
from tests.support.injection import Injection, TimeLimit, time_limit
from tests.support.no_threads import no_threads
from tests.support.watched_locks import locks_in_order

__all__ = ["locks_in_order", "nothing_left_behind"]

INFO: sig.Info = {"sender": "s", "event": "e"}


class Slow:
    """A listener that waits until it is let go."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, info: sig.Info, data: Any) -> None:
        self.begun.set()
        assert self.go.wait(within(20))
        self.got.append(data)


Make = Callable[..., QueuedListener]


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.go.set()


@pytest.fixture
def failures() -> list[tuple[Any, sig.Info, BaseException]]:
    return []


@pytest.fixture
def make(failures: list[Any]) -> Iterator[Make]:
    made: list[QueuedListener] = []

    def make(
        listener: Any, delivery: sig.Delivery, on_lost: Any = None, stall: float = 0.0, patient: bool = False
    ) -> QueuedListener:
        def failed(*what: Any) -> None:
            failures.append(what)

        queued = QueuedListener(listener, delivery, on_lost, failed, stall, lambda: patient)
        made.append(queued)
        return queued

    yield make
    for queued in made:
        queued.remove()


def begun(queued: QueuedListener, slow: Slow) -> None:
    """Let it be in the midst of its first event, -1."""
    queued(INFO, -1)
    assert slow.begun.wait(within(5))


def test_it_runs_on_a_thread_of_its_own_in_order(make: Make) -> None:
    got: list[Any] = []
    queued = make(lambda info, data: got.append((data, threading.get_ident())), sig.Delivery())
    for number in range(100):
        queued(INFO, number)
    eventually(lambda: len(got) == 100)
    assert [data for data, _ in got] == list(range(100))
    assert {thread for _, thread in got}.isdisjoint({threading.get_ident()}) and len({t for _, t in got}) == 1
    assert queued.stats() == {"fired": 100, "delivered": 100, "waiting": 0, "lost": {}}


@pytest.mark.parametrize(
    ("overflow", "left", "reason"),
    [("oldest", [-1, 3, 4], "queue full"), ("newest", [-1, 0, 1], "queue full"), ("latest", [-1, 4], "superseded")],
)
def test_a_slow_one_holds_nobody_back(make: Make, slow: Slow, overflow: str, left: list[int], reason: str) -> None:
    lost: list[Any] = []
    queued = make(slow, sig.Delivery(2, overflow), lambda *loss: lost.append(loss), stall=60.0)
    begun(queued, slow)
    for number in range(5):
        queued(INFO, number)
    count = 6 - len(left)
    assert queued.stats() == {"fired": 6, "delivered": 1, "waiting": len(left) - 1, "lost": {reason: count}}
    slow.go.set()
    eventually(lambda: slow.got == left)
    eventually(lambda: lost == [(count, reason, INFO, INFO)])


def test_block_waits_for_room(make: Make, slow: Slow) -> None:
    queued = make(slow, sig.Delivery(2, "block"), patient=True)
    begun(queued, slow)
    put = begin(lambda: [queued(INFO, number) for number in range(20)])
    eventually(lambda: queued.stats()["waiting"] == 2)
    slow.go.set()
    put.result(within(10))
    eventually(lambda: slow.got == list(range(-1, 20)))
    assert queued.stats()["lost"] == {}


def test_block_holds_a_trigger_back_no_longer_than_the_stall(make: Make, slow: Slow) -> None:
    queued = make(slow, sig.Delivery(2, "block"), stall=0.05)
    begun(queued, slow)
    for number in range(10):  # the first that finds no room waits, and after that none
        queued(INFO, number)
    assert queued.stats()["lost"] == {"queue full": 8}
    slow.go.set()
    eventually(lambda: slow.got == [-1, 8, 9])


def test_a_listener_that_fires_its_own_event_waits_for_nobody(make: Make) -> None:
    got: list[int] = []

    def again(info: sig.Info, data: int) -> None:
        got.append(data)
        if data < 3:
            for _ in range(5):
                queued(INFO, data + 1)

    queued = make(again, sig.Delivery(2, "block"), patient=True)
    queued(INFO, 0)
    eventually(lambda: got[-1:] == [3] and queued.stats()["waiting"] == 0)
    stats = queued.stats()
    assert stats["fired"] == stats["delivered"] + stats["lost"]["queue full"]


def test_removing_drops_what_waits_and_lets_go_who_waits(make: Make, slow: Slow) -> None:
    queued = make(slow, sig.Delivery(1, "block"), patient=True)
    begun(queued, slow)
    put = begin(lambda: [queued(INFO, number) for number in range(2)])
    eventually(lambda: queued.stats()["waiting"] == 1)
    queued.remove()
    put.result(within(5))
    slow.go.set()
    eventually(lambda: slow.got == [-1])
    assert queued.stats() == {"fired": 3, "delivered": 1, "waiting": 0, "lost": {"listener removed": 2}}


def test_a_stop_delivers_what_waits(make: Make, slow: Slow) -> None:
    queued = make(slow, sig.Delivery(1, "block"), patient=True)
    begun(queued, slow)
    put = begin(lambda: [queued(INFO, number) for number in range(5)])
    eventually(lambda: queued.stats()["waiting"] == 1)
    queued.stop_soon()
    put.result(within(5))  # nobody is held back any more
    assert queued.stats()["waiting"] == 5
    slow.go.set()
    eventually(lambda: not queued.stats()["waiting"])
    queued(INFO, 5)  # what the link had brought, and nobody had got to yet
    queued.stop(within(5))
    assert slow.got == [-1, *range(6)]


def test_a_stop_gives_a_listener_up_that_hangs(make: Make, slow: Slow) -> None:
    queued = make(slow, sig.Delivery(5, "block"))
    begun(queued, slow)
    for number in range(3):
        queued(INFO, number)
    queued.stop(0.01)
    assert queued.stats() == {"fired": 4, "delivered": 1, "waiting": 0, "lost": {"stopped": 3}}
    queued(INFO, 9)
    assert queued.stats()["lost"] == {"stopped": 4}


def test_a_stop_within_the_listener_does_not_wait_for_it(make: Make) -> None:
    done = threading.Event()

    def stopping(info: sig.Info, data: int) -> None:
        queued.stop(within(60))
        done.set()

    queued = make(stopping, sig.Delivery())
    queued(INFO, 1)
    assert done.wait(within(5))


def test_what_raises_is_told_and_the_rest_goes_on(make: Make, failures: list[Any]) -> None:
    got: list[Any] = []

    def listener(info: sig.Info, data: Any) -> None:
        got.append(data)
        if data == 1:
            raise SystemExit

    def on_lost(*loss: Any) -> None:
        raise ValueError

    queued = make(listener, sig.Delivery(), on_lost)
    queued.lose(3, "elsewhere", INFO)
    for number in range(3):
        queued(INFO, number)
    eventually(lambda: got == [0, 1, 2])
    eventually(lambda: len(failures) == 2)
    assert {type(error) for _, _, error in failures} == {SystemExit, ValueError}


def test_a_key_that_raises_loses_its_event_alone(make: Make, failures: list[Any]) -> None:
    got: list[Any] = []
    newest = sig.Delivery(overflow="latest", key=lambda info, data: 1 // data)
    queued = make(lambda info, data: got.append(data), newest)
    for number in (1, 0, 5):
        queued(INFO, number)
        eventually(lambda: not queued.stats()["waiting"])
    eventually(lambda: got == [1, 5])
    assert queued.stats()["lost"] == {"the key function failed": 1}
    assert [type(error) for _, _, error in failures] == [ZeroDivisionError]


def test_where_no_thread_can_be_started_there_is_no_listener(make: Make) -> None:
    with no_threads("sig-listener*"), pytest.raises(sig.LimitError, match="sig-listener"):
        make(print, sig.Delivery())


def test_who_is_forgotten_ends(failures: list[Any]) -> None:
    router = sig.Router()
    router.add_listener(print, "s", "e", delivery=sig.Delivery())
    there = weakref.ref(router)
    del router
    gc.collect()
    assert there() is None  # and `nothing_left_behind` sees that the thread has ended


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_in_a_forked_child_it_has_another_thread(make: Make, slow: Slow) -> None:
    queued = make(slow, sig.Delivery())
    begun(queued, slow)
    queued(INFO, 1)

    def child() -> bool:
        slow.got.clear()
        slow.go.set()
        queued(INFO, 2)
        eventually(lambda: slow.got == [2])
        return queued.stats()["fired"] == 1

    assert in_child(child)


@pytest.mark.pure_only("its places are those of interpreted code")
@pytest.mark.parametrize("overflow", ["block", "oldest", "newest", "latest"])
def test_interrupted_at_every_place(make: Make, overflow: str) -> None:
    got: list[int] = []
    queued = make(lambda info, data: got.append(data), sig.Delivery(3, overflow))
    number, reached = 0, True
    while reached:
        number += 1
        injection = Injection(number, time_limit)
        try:
            with injection:
                queued(INFO, number)
        except TimeLimit:
            pass
        reached = injection.reached
        eventually(lambda: not queued.stats()["waiting"], 5, injection.where)
        stats = queued.stats()
        assert stats["fired"] == stats["delivered"] + sum(stats["lost"].values()), injection.where
    assert number > 5 and got[-1] == number


@pytest.mark.pure_only("its places are those of interpreted code")
def test_a_call_in_the_midst_of_a_call_is_done_by_the_next(make: Make) -> None:
    got: list[int] = []
    queued = make(lambda info, data: got.append(data), sig.Delivery(1000, "oldest"))
    number, reached = 0, True
    while reached:
        number += 1
        injection = Injection(number, lambda: queued(INFO, 1000))
        with injection:
            queued(INFO, number)
        reached = injection.reached
    eventually(lambda: got.count(1000) == number - 1 and len(got) == 2 * number - 1)
