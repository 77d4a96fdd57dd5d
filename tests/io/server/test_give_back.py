"""When memory is given back to the system: once, a while after much of it has become free."""

from __future__ import annotations

import pytest

from sig_core.io.server import give_back
from sig_core.io.server.give_back import DELAY, MUCH, GiveBack


def test_it_is_given_back_once_a_while_after_it_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    watch, now = GiveBack(), 0.0
    monkeypatch.setattr(give_back, "_trim", lambda: lambda: given.append(now))
    for held in (0, 2 * MUCH, 3 * MUCH, 2 * MUCH + 1, MUCH):
        watch.note(held, now)
        now += 1.0
    assert not given
    for _ in range(20):
        watch.note(0, now)
        now += 1.0
    assert given == [4.0 + DELAY]


def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(give_back, "_trim", lambda: pytest.fail)
    watch = GiveBack()
    for now in range(50):
        watch.note(MUCH * (now % 2), float(now))


def test_the_system_can_be_asked() -> None:
    give_back._trim()()
