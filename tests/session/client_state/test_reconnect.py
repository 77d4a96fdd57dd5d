"""The waits before each attempt to come back."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from sig_core.session.client_state.reconnect import Reconnect


def test_the_waits_grow_to_the_most() -> None:
    policy = Reconnect(first=0.1, most=1.0, factor=2, jitter=0.5)
    assert list(islice(policy.waits(lambda: 0.0), 6)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert list(islice(policy.waits(lambda: 1.0), 6)) == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def test_the_attempts_are_counted() -> None:
    assert len(list(Reconnect(attempts=3).waits(lambda: 0.5))) == 3


@given(
    first=st.floats(0.001, 100), most=st.floats(0.001, 100), factor=st.floats(1, 10), jitter=st.floats(0, 1),
    chance=st.floats(0, 1),
)
def test_no_wait_is_longer_than_the_most_or_negative(
    first: float, most: float, factor: float, jitter: float, chance: float
) -> None:
    policy = Reconnect(first=first, most=most, factor=factor, jitter=jitter)
    assert all(0 <= wait <= most for wait in islice(policy.waits(lambda: chance), 50))
