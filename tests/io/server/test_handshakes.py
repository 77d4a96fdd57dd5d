"""Handshakes on a thread beside the loop."""

from __future__ import annotations

import threading

import pytest

from sig_core.io.server.handshakes import Handshakes
from sig_core.io.sync.owned_lock import is_inside
from tests.support import within
from tests.support.no_threads import no_threads


def test_steps_are_done_in_order_on_a_thread_that_must_not_wait() -> None:
    handshakes, done, end = Handshakes(), list[tuple[int, bool, bool]](), threading.Event()
    here = threading.get_ident()
    for number in range(5):
        handshakes.add(lambda number=number: done.append((number, threading.get_ident() != here, is_inside())))
    handshakes.add(end.set)
    assert end.wait(within(5))
    assert done == [(number, True, True) for number in range(5)]
    handshakes.stop()
    handshakes.join(within(5))


def test_what_waits_at_the_end_is_done() -> None:
    handshakes, begin, done = Handshakes(), threading.Event(), list[bool]()
    handshakes.add(lambda: done.append(begin.wait(within(5))))
    handshakes.add(lambda: done.append(False))
    handshakes.stop()
    begin.set()
    handshakes.join(within(5))
    assert done == [True, False]


def test_nobody_came() -> None:
    handshakes = Handshakes()
    handshakes.stop()
    handshakes.join(1)


def test_without_another_thread_they_are_done_here(caplog: pytest.LogCaptureFixture) -> None:
    handshakes, done = Handshakes(), list[int]()
    with no_threads("sig-handshakes"):
        handshakes.add(lambda: done.append(threading.get_ident()))
    assert done == [threading.get_ident()] and "sig-handshakes" in caplog.text
