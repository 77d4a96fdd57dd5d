"""A thread that looks for a moment before it sleeps."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sig_core.busy_poll import BUSY, MOST, REST, BusyPoll
from sig_core.io.sync import busy_wait
from sig_core.io.sync.busy_wait import BusyWait, new_busy_wait


class Machine:
    """Time that passes as it is looked; something comes at a time that the test says."""

    def __init__(self) -> None:
        self.now = 100.0
        self.each = 5e-6  # seconds of one look
        self.comes = 0.0
        self.looked = 0
        self.slept: list[float] = []

    def ready(self, timeout: float) -> str:
        self.now += self.each
        if not timeout:
            self.looked += 1
        elif self.now < self.comes:
            self.slept.append(timeout)
            self.now = self.comes
        return "it" if self.now >= self.comes else ""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine()

    def give_way() -> None:
        made.now += made.each

    monkeypatch.setattr(busy_wait, "sched_yield", give_way)
    yield made


def test_what_comes_soon_is_found_without_sleep(machine: Machine) -> None:
    busy = BusyWait(BusyPoll(0.02), lambda: machine.now)
    busy.passed()
    machine.comes = machine.now + MOST / 2
    assert busy.wait(machine.ready, 5.0) == "it"
    assert not machine.slept and machine.looked > 3


def test_what_does_not_come_soon_is_slept_for(machine: Machine) -> None:
    busy = BusyWait(BusyPoll(0.02), lambda: machine.now)
    busy.passed()
    machine.comes = machine.now + 2 * MOST
    assert busy.wait(machine.ready, 5.0) == "it" and machine.slept == [5.0]
    looked = machine.looked
    busy.passed()
    machine.comes = machine.now + MOST / 2
    assert busy.wait(machine.ready, 5.0) == "it" and machine.looked == looked  # this wait was skipped


def test_without_requests_it_sleeps_at_once(machine: Machine) -> None:
    busy = BusyWait(BusyPoll(0.02), lambda: machine.now)
    machine.comes = machine.now + MOST / 2
    assert busy.wait(machine.ready, 5.0) == "it" and machine.slept == [5.0] and not machine.looked


def test_a_look_that_takes_long_is_the_last_one_for_a_while(machine: Machine) -> None:
    busy = BusyWait(BusyPoll(0.02), lambda: machine.now)
    machine.each = BUSY
    for _ in range(1 + REST):
        busy.passed()
        machine.comes = machine.now + 10 * BUSY
        assert busy.wait(machine.ready, 5.0) == "it"
    assert machine.looked == 1 and len(machine.slept) == 1 + REST


def test_there_is_none_where_it_would_never_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert new_busy_wait(0.0) is None
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert new_busy_wait(1.0) is None
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 4}, raising=False)
    monkeypatch.setattr(os, "sched_yield", lambda: None, raising=False)
    assert new_busy_wait(1.0) is not None
    monkeypatch.delattr(os, "sched_yield")
    assert new_busy_wait(1.0) is None
