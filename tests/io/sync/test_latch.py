"""A latch: who waits goes on when it is opened, and who opens it never waits."""

from __future__ import annotations

from typing import Any

from sig_core.io.sync.latch import Latch
from sig_core.testing import begin
from tests.support import within


def test_it_is_shut_until_it_is_opened() -> None:
    latch = Latch()
    assert (latch.is_set(), latch.wait(0)) == (False, False)
    latch.set()
    latch.set()
    assert (latch.is_set(), latch.wait(0), latch.wait(within(5))) == (True, True, True)
    latch.clear()
    assert (latch.is_set(), latch.wait(0)) == (False, False)
    latch.clear()
    latch.set()
    assert latch.wait(0)


def test_all_who_wait_go_on() -> None:
    latch = Latch()
    waiting = [begin(latch.wait, within(20)) for _ in range(3)]
    latch.set()
    assert [each.result(within(10)) for each in waiting] == [True] * 3


def test_it_may_be_opened_in_the_midst_of_a_wait_on_the_same_thread() -> None:
    latch = Latch()

    class Lock:
        """Opens it just before the wait blocks, as a signal handler might."""

        def acquire(self, timeout: float) -> bool:
            latch._lock = lock
            latch.set()
            return lock.acquire(timeout=timeout)

    lock, made = latch._lock, Lock()
    fake: Any = made
    latch._lock = fake
    assert latch.wait(within(20))
