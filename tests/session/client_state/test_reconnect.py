"""When a client that lost its link tries again: the waits before each attempt, and what is told of those that fail."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.errors import AccessDenied, ConfigError, ConnectFailed, LinkLost, SigError
from sig_core.session.client_state.reconnect import Reconnect, ReconnectSchedule

LOST = LinkLost("gone")


def schedule(chance: float = 0.0, **policy: Any) -> ReconnectSchedule:
    return ReconnectSchedule(Reconnect(**policy), lambda: chance)


# -- the policy


def test_the_waits_grow_to_the_most() -> None:
    policy = Reconnect(first=0.1, most=1.0, factor=2, jitter=0.5)
    assert list(islice(policy.waits(lambda: 0.0), 6)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert list(islice(policy.waits(lambda: 1.0), 6)) == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def test_the_attempts_are_counted() -> None:
    assert len(list(Reconnect(attempts=3).waits(lambda: 0.5))) == 3


@given(
    first=st.floats(0.001, 100),
    most=st.floats(0.001, 100),
    factor=st.floats(1, 10),
    jitter=st.floats(0, 1),
    chance=st.floats(0, 1),
)
def test_no_wait_is_longer_than_the_most_or_negative(
    first: float, most: float, factor: float, jitter: float, chance: float
) -> None:
    policy = Reconnect(first=first, most=most, factor=factor, jitter=jitter)
    assert all(0 <= wait <= most for wait in islice(policy.waits(lambda: chance), 50))


def test_each_wait_has_its_own_chance() -> None:
    chances = iter([0.0, 1.0, 0.5])
    assert list(Reconnect(first=1, factor=1, jitter=1, attempts=3).waits(lambda: next(chances))) == [1, 0, 0.5]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in ("first", "most") for value in (0, -1, 3601, math.nan, math.inf, "1", None, True)],
        *[("factor", value) for value in (0.9, 101, math.nan, None)],
        *[("jitter", value) for value in (-0.1, 1.1, None)],
        *[("attempts", value) for value in (0, -1, 1.5, True, 10**9 + 1)],
        *[("keep", value) for value in (-1, 1.5, None, 2**40 + 1)],
    ],
)
def test_a_value_that_can_not_be_meant(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"reconnect {name}="):
        Reconnect(**{name: value})


# -- the schedule


def test_attempts_count_over_links_that_lived_for_less_than_the_most() -> None:
    waits = schedule(first=1, most=4, factor=2, jitter=0, attempts=4)
    found = []
    for lived in (0.0, 3.9, 3.9, 3.9):
        waits.lost(lived, LOST)
        found.append(waits.next_wait())
    assert found == [1, 2, 4, 4] and waits.count == 4
    waits.lost(3.9, LOST)
    assert waits.next_wait() is None and waits.count == 4


def test_a_link_that_lived_for_the_most_begins_anew() -> None:
    waits = schedule(first=1, most=4, factor=2, jitter=0, attempts=2)
    waits.lost(0, LOST)
    assert [waits.next_wait(), waits.next_wait()] == [1, 2]
    waits.lost(4.0, LOST)
    assert waits.count == 0
    assert [waits.next_wait(), waits.next_wait(), waits.next_wait()] == [1, 2, None]


def test_failures_are_told_once_for_each_cause() -> None:
    waits = schedule()
    waits.lost(0, LOST)
    told = []
    for text in ("refused", "refused", "timed out", "refused", "refused"):
        waits.next_wait()
        told.append(waits.failed(ConnectFailed(text)))
    assert told == [
        "attempt 1 to come back failed: refused",
        None,
        "attempt 3 to come back failed: timed out",
        "attempt 4 to come back failed: refused",
        None,
    ]


def test_the_next_loss_tells_the_same_cause_again() -> None:
    waits = schedule()
    for _ in range(2):
        waits.lost(100, LOST)
        waits.next_wait()
        assert waits.failed(ConnectFailed("refused")) == "attempt 1 to come back failed: refused"


def test_the_last_error_is_the_one_that_is_behind_it_now() -> None:
    waits, refused = schedule(), ConnectFailed("refused")
    found: list[SigError] = [waits.last]
    waits.lost(0, LOST)
    found.append(waits.last)
    waits.failed(refused)
    assert [type(found[0]), *found[1:], waits.last] == [ConnectFailed, LOST, refused]


def test_who_is_denied_waits_as_long_as_it_can_be_each_time() -> None:
    waits = schedule(first=1, most=8, jitter=0, attempts=5)
    waits.lost(0, LOST)
    found = [waits.next_wait()]
    for _ in range(5):
        waits.failed(AccessDenied("not in"))
        found.append(waits.next_wait())
    assert found == [1, 8, 8, 8, 8, None]
    waits.lost(8, LOST)
    assert waits.next_wait() == 1
