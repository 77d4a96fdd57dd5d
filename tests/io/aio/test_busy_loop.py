"""A loop that is kept awake for a moment: turn after turn, until something comes or its time is over."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest

from sig_core.busy_poll import BUSY, MOST, BusyPoll
from sig_core.io.aio import busy_loop
from sig_core.io.aio.busy_loop import BusyLoop, new_busy_loop


class Turns:
    """An asyncio loop as far as this needs one: what is to be called, and the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None], *, context: Context) -> None:
        self.calls.append(call)

    def take(self, most: int = 1000, each: float = 10e-6) -> int:
        """Take turns until nobody asks for one; return how many."""
        for count in range(most):
            if not self.calls:
                return count
            assert len(self.calls) == 1
            self.now += each
            self.calls.pop()()
        return most


@pytest.fixture
def turns() -> Turns:
    return Turns()


def busy_on(turns: Any) -> BusyLoop:
    return BusyLoop(BusyPoll(0.02), turns, Context(), lambda: turns.now)


def test_it_takes_turns_until_its_time_is_over(turns: Turns) -> None:
    busy = busy_on(turns)
    busy.passed()
    assert turns.take() == pytest.approx(MOST / 10e-6, abs=1)
    busy.passed()  # in vain: the next wait sleeps
    assert turns.take() == 0
    busy.passed()
    assert turns.take() > 0


def test_what_comes_ends_it(turns: Turns) -> None:
    busy = busy_on(turns)
    for _ in range(100):
        busy.passed()
        assert turns.take(3) == 3
        busy.came()
        assert turns.take() == 1
    busy.came()  # nobody looked: nothing happens
    assert turns.take() == 0


def test_who_waits_again_before_the_turn_that_ends_it_goes_on_with_that(turns: Turns) -> None:
    busy = busy_on(turns)
    busy.asks()
    turns.take(2)
    busy.came()
    busy.asks()
    busy.passed()
    assert len(turns.calls) == 1 and turns.take() > 5


def test_a_turn_that_takes_long_ends_it(turns: Turns) -> None:
    busy = busy_on(turns)
    busy.passed()
    assert turns.take(each=BUSY) == 1
    busy.passed()
    assert turns.take() == 0


def test_there_is_none_where_it_would_never_look(monkeypatch: pytest.MonkeyPatch, turns: Any) -> None:
    monkeypatch.setattr(busy_loop, "can_busy_poll", lambda: True)
    assert new_busy_loop(0.02, turns, Context()) is not None
    assert new_busy_loop(0.0, turns, Context()) is None
    monkeypatch.setattr(busy_loop, "can_busy_poll", lambda: False)
    assert new_busy_loop(0.02, turns, Context()) is None
