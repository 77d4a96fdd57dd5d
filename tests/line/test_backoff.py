"""Pauses that grow, and shrink with progress."""

from __future__ import annotations

import pytest

from sig_core.clock import NEVER
from sig_core.line.backoff import Backoff


def test_nothing_wanted_is_never_due() -> None:
    pace = Backoff()
    assert pace.due == NEVER
    assert not pace.take(1.0)


def test_the_first_time_is_at_once_and_the_next_ones_behind_pauses_that_double() -> None:
    pace, now, pauses = Backoff(), 1.0, []
    pace.want()
    assert pace.take(now)
    for _ in range(7):
        pace.want()
        assert not pace.take(now)
        pauses.append(round(pace.due - now, 6))
        now = pace.due
        assert pace.take(now)
    assert pauses == [0.002, 0.004, 0.008, 0.016, 0.03, 0.03, 0.03]


def test_what_got_through_is_not_wanted_any_more_and_shortens_the_pause() -> None:
    pace, now = Backoff(), 1.0
    for _ in range(5):
        pace.want()
        now = max(now, pace.due)
        assert pace.take(now)
    pace.want()
    pace.relax()
    assert pace.due == NEVER
    pace.want()
    assert pace.due == pytest.approx(now + 0.03 / 8)


def test_on_a_slow_line_the_bound_is_what_four_packets_take() -> None:
    pace, now = Backoff(packet=0.1), 0.0
    for _ in range(20):
        pace.want()
        now = max(now, pace.due)
        assert pace.take(now)
    pace.want()
    assert pace.due == pytest.approx(now + 0.4)
