"""The retransmit time: from the speed of the line, then from what was measured, doubled while nothing comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.line.packets import MAX_PAYLOAD, wire_size
from sig_core.line.timing import RetransmitTimer, first_rto, window_for

LAW = settings(derandomize=True, deadline=None, max_examples=200)


@pytest.mark.parametrize("bitrate", [1200, 9600, 57600, 115200, 1_000_000])
def test_the_first_time_has_room_for_two_packets_and_two_adapters(bitrate: int) -> None:
    assert first_rto(bitrate) >= 2 * wire_size(MAX_PAYLOAD) * 10 / bitrate + 0.032
    assert first_rto(bitrate) >= 0.1


def test_a_line_of_unknown_speed() -> None:
    assert first_rto(None) == 0.1
    assert window_for(None, 246) == 8


def test_a_slow_line_has_fewer_packets_open() -> None:
    assert window_for(115200, 48) == 8
    assert [window_for(bitrate, 246) for bitrate in (300, 9600, 57600, 115200, 230400, 1_000_000)] == [2, 2, 2, 3, 6, 8]


def test_it_doubles_up_to_a_second_and_is_as_before_when_something_is_acknowledged() -> None:
    timer = RetransmitTimer(0.1)
    seen = []
    for _ in range(6):
        timer.doubled()
        seen.append(timer.rto)
    assert seen == [0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    timer.answered()
    assert timer.rto == 0.1


def test_a_time_above_a_second_is_not_made_shorter() -> None:
    timer = RetransmitTimer(2.2)
    timer.doubled()
    assert timer.rto == 2.2


@LAW
@given(st.floats(0.01, 3), st.floats(0, 0.3), st.lists(st.floats(0, 5), max_size=30))
def test_what_is_measured_keeps_it_within_bounds(first: float, packet: float, measured: list[float]) -> None:
    timer = RetransmitTimer(first, packet)
    for seconds in measured:
        timer.measured(seconds)
        timer.answered()
        assert min(max(1.0, first), 0.01 + 2 * packet) <= timer.rto <= max(1.0, first)
        timer.doubled()
        assert timer.rto <= max(1.0, first)


def test_it_follows_what_is_measured() -> None:
    timer = RetransmitTimer(0.1)
    for _ in range(50):
        timer.measured(0.5)
    timer.answered()
    assert 0.5 <= timer.rto < 0.6
    for _ in range(100):
        timer.measured(0.002)
    timer.answered()
    assert timer.rto < 0.02
