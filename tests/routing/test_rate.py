"""So many a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sig_core.routing.rate import Rate


def test_a_seconds_worth_at_once_then_what_is_owed_is_waited_for() -> None:
    rate = Rate(10, 0.0)
    assert rate.take(10, 0.0) == 0
    assert rate.take(5, 0.0) == 0.5
    assert rate.take(0, 0.5) == 0
    assert rate.take(1, 0.5) == 0.1
    assert rate.take(10, 100.0) == 0  # no more than a second's worth is saved up
    assert rate.take(1, 100.0) == 0.1
    assert rate.take(-1, 100.0) == 0  # taken back


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 3)), max_size=50))
def test_who_waits_as_told_takes_no_more_than_it_may(
    per_second: int, takes: list[tuple[int, float]]
) -> None:
    rate, now, taken = Rate(per_second, 0.0), 0.0, 0
    for count, pause in takes:
        taken += count
        now += pause + rate.take(count, now + pause)
        assert taken <= per_second * (now + 1) * (1 + 1e-9) + 1e-6
