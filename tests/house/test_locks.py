"""The watch over locks finds what it is there for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sig_core.io.sync.owned_lock import OwnedLock
from tests.support import within
from tests.support.watched_locks import PACKAGES, Watch, watching


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """A watch of its own, over the locks that this file makes."""
    monkeypatch.setattr("tests.support.watched_locks.PACKAGES", (*PACKAGES, __name__))
    made = Watch()
    with watching(made):
        yield made


def test_two_locks_that_are_taken_both_ways_are_a_circle(watch: Watch) -> None:
    one = threading.Lock()
    two = threading.RLock()
    with one, two:
        watch.check()
    with two, one:
        pass
    with pytest.raises(AssertionError, match=r"in a circle: .*test_locks:\d+ -> .*test_locks:\d+ -> "):
        watch.check()
    watch.check()


def test_a_circle_of_three(watch: Watch) -> None:
    one = threading.Lock()
    two = threading.Lock()
    three = threading.Lock()
    for first, second in ((one, two), (two, three), (three, one)):
        with first, second:
            pass
    with pytest.raises(AssertionError, match="in a circle"):
        watch.check()


def test_who_does_not_wait_is_in_no_circle(watch: Watch) -> None:
    one = threading.Lock()
    two = threading.Lock()
    with one, two:
        pass
    with two:
        assert one.acquire(blocking=False)
        one.release()
        assert one.acquire(timeout=within(1))
        one.release()
    watch.check()


def test_a_lock_that_is_taken_twice(watch: Watch) -> None:
    again, lock = threading.RLock(), threading.Lock()
    with again, again, lock:
        watch.waits(lock)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="is taken twice by one thread"):
        watch.check()


def test_a_condition_gives_its_lock_back_while_it_waits(watch: Watch) -> None:
    changed, told = threading.Condition(), threading.Event()

    def wait() -> None:
        with changed, changed:
            told.set()
            assert changed.wait(within(20))
            assert watch.held

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert told.wait(within(20))
    with changed:
        changed.notify()
    waiting.join(within(20))
    assert not watch.held
    watch.check()


def test_a_call_under_a_lock(watch: Watch) -> None:
    lock = threading.Lock()
    watch.calls("a listener")
    watch.check()
    with lock:
        watch.calls("a listener")
    with pytest.raises(AssertionError, match=r"'a listener' is called under .*test_locks:\d+"):
        watch.check()


def test_what_others_make_is_not_watched(watch: Watch) -> None:
    assert type(threading.Event()._cond._lock).__name__ == "lock"  # type: ignore[attr-defined]


def test_a_lock_that_knows_its_owner_is_watched_as_well(watch: Watch) -> None:
    one, two = OwnedLock(), threading.Lock()
    with one, two:
        assert len(watch.held) == 2
    assert not watch.held
    with two, one:
        pass
    with pytest.raises(AssertionError, match="in a circle"):
        watch.check()
