"""When memory is given back to the system: again and again while links hold much, and a while after."""

from __future__ import annotations

import pytest

from sig_core.io.server import give_back
from sig_core.io.server.give_back import DELAY, MUCH, PERIOD, GiveBack


def test_it_is_given_back_while_much_is_held_and_until_what_has_ended_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    watch, now = GiveBack(), 0.0
    monkeypatch.setattr(give_back, "_trim", lambda: lambda: given.append(now))
    for held in (0, 2 * MUCH, 3 * MUCH, MUCH, MUCH - 1, *[0] * 40):
        watch.note(held, now)
        now += PERIOD / 2
    first, last = PERIOD / 2, 3 * PERIOD / 2
    assert given == [first + PERIOD * number for number in range(round((last + DELAY - first) / PERIOD) + 1)]


def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(give_back, "_trim", lambda: pytest.fail)
    watch = GiveBack()
    for now in range(50):
        watch.note((MUCH - 1) * (now % 2), float(now))


def test_the_system_can_be_asked() -> None:
    give_back._trim()()
