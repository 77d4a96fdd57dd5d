"""Locks that know their owner, and what is done by another thread instead."""

from __future__ import annotations

import gc
import threading

import pytest

from sig_core.io.sync import owned_lock
from sig_core.io.sync.owned_lock import NEVER_WAIT, Deferred, OwnedLock, is_inside
from sig_core.testing import begin, eventually
from tests.support.held import held_elsewhere


def test_a_lock_knows_who_has_it() -> None:
    lock = OwnedLock()
    assert (lock.is_mine(), is_inside()) == (False, False)
    with lock:
        assert (lock.is_mine(), is_inside()) == (True, True)
        assert not begin(is_inside).result(10)
    with held_elsewhere(lock):
        assert (lock.is_mine(), is_inside()) == (False, False)


def test_a_lock_that_is_gone_is_not_asked() -> None:
    before = len(owned_lock._living)
    lock = OwnedLock()
    assert len(owned_lock._living) == before + 1
    del lock
    gc.collect()
    assert len(owned_lock._living) <= before


def test_a_thread_that_must_not_wait() -> None:
    def ask() -> bool:
        NEVER_WAIT.add(threading.get_ident())
        try:
            return is_inside()
        finally:
            NEVER_WAIT.discard(threading.get_ident())

    assert begin(ask).result(10)


def test_jobs_run_in_order_on_a_thread_of_their_own() -> None:
    deferred, done = Deferred(), list[tuple[int, int]]()
    for number in range(100):
        deferred(lambda number=number: done.append((number, threading.get_ident())))  # type: ignore[misc]
    eventually(lambda: len(done) == 100)
    assert [number for number, _ in done] == list(range(100))
    assert threading.get_ident() not in {ident for _, ident in done}


def test_a_job_that_fails_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    deferred, done = Deferred(), list[int]()
    deferred(lambda: 1 // 0)
    deferred(lambda: done.append(1))
    eventually(lambda: done)
    assert "a call of a destructor, or of a signal handler, failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_job_that_comes_while_the_thread_ends_is_run_too() -> None:
    deferred, done = Deferred(), list[int]()
    for number in range(300):  # each waits for the one before, so that threads end and begin
        deferred(lambda: done.append(1))
        eventually(lambda number=number: len(done) == number + 1)  # type: ignore[misc]
