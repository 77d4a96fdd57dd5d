"""The thread of a store: in order, told where it may be told, and a store that fails is said so once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sig_core.errors import SigError, StoreFailed
from sig_core.io.store.store_thread import TOLD_AGAIN, StoreThread, taken_up
from sig_core.store.contract import Durable, KeptEvent
from sig_core.store.memory_store import MemoryStore
from tests.support import eventually, nothing_left_behind, within

__all__ = ["nothing_left_behind"]

SOON = within(10.0)


class Place:
    """A thread whose answers are taken by the test."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.now = 100.0
        self.posted: list[Callable[[], None]] = []
        self.told: list[tuple[Any, SigError | None]] = []
        self.thread = StoreThread(store or MemoryStore(), self.posted.append, lambda: self.now)

    def ask(self, work: Callable[[Any], Any]) -> tuple[Any, SigError | None]:
        """Have something done, and return what is told of it."""
        self.thread.submit(work, lambda result, error: self.told.append((result, error)))
        eventually(lambda: self.posted)
        assert not self.told  # whoever posts decides when
        self.posted.pop()()
        return self.told.pop()


def fail(store: Any) -> None:
    raise OSError("broken")


def test_what_is_submitted_is_done_in_order_and_told_where_it_is_posted() -> None:
    place = Place()
    place.thread.start()
    for number in range(100):
        place.thread.submit(lambda store, number=number: number, lambda *told: place.told.append(told))
    assert place.thread.stop(SOON)
    for told in place.posted:
        told()
    assert place.told == [(number, None) for number in range(100)]


def test_all_of_it_happens_on_one_thread_that_is_not_the_caller() -> None:
    place = Place()
    place.thread.start()
    threads = {place.ask(lambda store: threading.current_thread().name) for _ in range(3)}
    assert threads == {("sig-store", None)}
    assert place.thread.stop(SOON) and place.thread.stop(SOON)


def test_a_store_that_fails_is_named_logged_once_a_minute_and_again_when_it_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = Place()
    place.thread.start()
    result, error = place.ask(fail)
    assert result is None and isinstance(error, StoreFailed) and isinstance(error.__cause__, OSError)
    assert "OSError: broken" in str(error)
    place.ask(fail)
    assert caplog.text.count("broken") == 1
    place.now += TOLD_AGAIN
    place.ask(fail)
    assert caplog.text.count("broken") == 2
    assert place.ask(lambda store: store.durables()) == ([], None)
    assert caplog.text.count("it does what it should again") == 1
    place.ask(lambda store: store.add(Durable("d", "", (None, None))))
    assert caplog.text.count("it does what it should again") == 1
    assert place.thread.stop(SOON)


def test_what_is_no_exception_ends_no_thread() -> None:
    place = Place()
    place.thread.start()

    def leave(store: Any) -> None:
        raise SystemExit

    assert isinstance(place.ask(leave)[1], StoreFailed)
    assert place.ask(lambda store: 1) == (1, None)
    assert place.thread.stop(SOON)


def test_a_store_that_can_not_be_opened_is_told_and_no_thread_begins() -> None:
    class Closed(MemoryStore):
        def open(self) -> None:
            raise StoreFailed("no")

    place = Place(Closed())
    with pytest.raises(StoreFailed, match="no"):
        place.thread.start()
    assert place.thread.stop(SOON)


def test_a_stop_does_not_wait_for_ever() -> None:
    place, go_on = Place(), threading.Event()
    place.thread.start()
    place.thread.submit(lambda store: go_on.wait(SOON), lambda result, error: None)
    assert not place.thread.stop(0.01)
    go_on.set()
    assert place.thread.stop(SOON)


def test_what_is_taken_up_tells_when_the_newest_of_it_came() -> None:
    store = MemoryStore()
    assert taken_up(store) == ([], 0.0)
    store.add(Durable("d", "", (None, None)))
    store.add(Durable("e", "", (None, None)))
    store.append([("d", KeptEvent(position, "s", "e", "json", b"", b"1", 10.0 * position)) for position in (1, 2, 3)])
    records, newest = taken_up(store)
    assert ([record.last for record in records], newest) == ([3, 0], 30.0)
