"""Handshakes on a thread beside the loop."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from sig_core.io.server.handshakes import FEW, NICE, Handshakes
from sig_core.io.sync.owned_lock import is_inside
from sig_core.testing import FakeClock
from tests.support import within
from tests.support.no_threads import no_threads

HERE = "tcp://127.0.0.1"


def test_steps_are_done_in_order_on_a_thread_that_must_not_wait() -> None:
    handshakes, done, end = Handshakes(), list[tuple[int, bool, bool]](), threading.Event()
    here = threading.get_ident()
    for number in range(5):
        handshakes.add(lambda number=number: done.append((number, threading.get_ident() != here, is_inside())), HERE)
    handshakes.add(end.set, HERE)
    assert end.wait(within(5))
    assert done == [(number, True, True) for number in range(5)]
    handshakes.stop()
    handshakes.join(within(5))


def test_what_waits_at_the_end_is_done() -> None:
    handshakes, begin, done = Handshakes(), threading.Event(), list[bool]()
    handshakes.add(lambda: done.append(begin.wait(within(5))), HERE)
    handshakes.add(lambda: done.append(False), HERE)
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
        handshakes.add(lambda: done.append(threading.get_ident()), HERE)
    assert done == [threading.get_ident()] and "sig-handshakes" in caplog.text


def test_who_comes_in_numbers_has_a_thread_that_gives_way_and_nobody_else_does() -> None:
    clock, told = FakeClock(), list[tuple[str, int, str, int]]()
    handshakes = Handshakes(clock)

    def note(number: int, source: str) -> None:
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        told.append((source, number, threading.current_thread().name, nice))

    def come(count: int, source: str) -> None:
        for number in range(count):
            handshakes.add(lambda number=number: note(number, source), source)

    come(FEW + 3, "many")
    come(1, "other")
    clock.advance(1.0)
    come(1, "many")
    handshakes.stop()
    handshakes.join(within(5))
    here = os.getpriority(os.PRIO_PROCESS, 0)
    nice = max(here, NICE) if sys.platform == "linux" else here
    beyond = [("many", number, "sig-handshakes-many", nice) for number in range(FEW, FEW + 3)]
    assert [each for each in told if each[2] != "sig-handshakes"] == beyond
    few = [each for each in told if each[2] == "sig-handshakes"]
    assert few == [("many", number, "sig-handshakes", here) for number in range(FEW)] + [
        ("other", 0, "sig-handshakes", here),
        ("many", 0, "sig-handshakes", here),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
@pytest.mark.parametrize(("own", "nice"), [(0, NICE), (NICE + 5, NICE + 5)])
def test_a_program_that_gives_way_more_is_not_made_to_give_way_less(
    own: int, nice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = list[int]()
    monkeypatch.setattr(os, "getpriority", lambda which, who: own)
    monkeypatch.setattr(os, "setpriority", lambda which, who, priority: given.append(priority))
    handshakes = Handshakes(FakeClock())
    for _ in range(FEW + 1):
        handshakes.add(lambda: None, HERE)
    handshakes.stop()
    handshakes.join(within(5))
    assert given == [nice]


def test_where_it_may_not_give_way_it_works_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    handshakes, done = Handshakes(FakeClock()), list[int]()
    for number in range(FEW + 1):
        handshakes.add(lambda number=number: done.append(number), HERE)
    handshakes.stop()
    handshakes.join(within(5))
    assert sorted(done) == list(range(FEW + 1))
