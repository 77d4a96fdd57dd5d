"""Who is told what becomes of a link: in order, each callback for itself, woken when there is something to tell."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import ConfigError, LinkLost
from sig_core.session.client_state.state_callbacks import STATES, StateCallbacks
from tests.session.client_state.support import FakeLog

ERROR = LinkLost("gone")


def callback(name: str) -> Any:
    def told(state: str, error: Any) -> None:
        raise AssertionError(f"{name} must be called by whoever takes the news")

    return told


def test_each_state_is_told_to_its_own_callbacks_in_order() -> None:
    woken: list[int] = []
    callbacks = StateCallbacks(lambda: woken.append(1), FakeLog())
    first, second, other = callback("first"), callback("second"), callback("other")
    callbacks.add("disconnected", first)
    callbacks.add("reconnected", other)
    callbacks.add("disconnected", second)
    callbacks.tell("disconnected", ERROR)
    callbacks.tell("reconnected", None)
    callbacks.wake()
    assert len(woken) == 1
    taken = [callbacks.take() for _ in range(4)]
    assert taken == [
        (first, "disconnected", ERROR),
        (second, "disconnected", ERROR),
        (other, "reconnected", None),
        None,
    ]


def test_nobody_is_woken_for_nothing() -> None:
    woken: list[int] = []
    callbacks = StateCallbacks(lambda: woken.append(1), FakeLog())
    callbacks.add("gave_up", callback("it"))
    callbacks.tell("connected", None)
    callbacks.wake()
    assert woken == [] and callbacks.take() is None
    callbacks.tell("gave_up", ERROR)
    assert woken == []  # who tells holds a lock
    callbacks.wake()
    assert woken == [1]


def test_one_that_is_added_twice_is_told_twice_and_one_that_comes_late_not_at_all() -> None:
    callbacks = StateCallbacks(lambda: None, FakeLog())
    it = callback("it")
    callbacks.add("connected", it)
    callbacks.add("connected", it)
    callbacks.tell("connected", None)
    callbacks.add("connected", callback("late"))
    assert [callbacks.take(), callbacks.take(), callbacks.take()] == [(it, "connected", None)] * 2 + [None]


@pytest.mark.parametrize("state", ["Connected", "", "gave up", None, 1, ["connected"]])
def test_a_state_that_is_none(state: Any) -> None:
    with pytest.raises(ConfigError, match=f"one of {', '.join(STATES)}"):
        StateCallbacks(lambda: None, FakeLog()).add(state, callback("it"))


def test_a_state_that_is_almost_one() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        StateCallbacks(lambda: None, FakeLog()).add("reconected", callback("it"))


def test_what_can_not_be_called() -> None:
    with pytest.raises(ConfigError, match="can't be called"):
        StateCallbacks(lambda: None, FakeLog()).add("connected", "f")  # type: ignore[arg-type]


def test_one_that_raises_is_named_with_what_it_was_told_and_where_it_raised() -> None:
    log = FakeLog()
    callbacks = StateCallbacks(lambda: None, log)
    try:
        callback("it")("connected", None)
    except AssertionError as error:
        callbacks.raised((callback, "connected", None), error)
    (text,) = log.texts("error")
    assert text.startswith("the callback ") and "of 'connected' raised\nTraceback" in text
    assert "in told" in text and text.endswith("it must be called by whoever takes the news")
