"""Time that goes on as seconds do, whatever becomes of the system's clock."""

from __future__ import annotations

import pytest

from sig_core.io.store.steady_time import SteadyTime

DAY = 86_400.0


class Clocks:
    def __init__(self, wall: float) -> None:
        self.wall = wall
        self.monotonic = 50.0
        self.steady = SteadyTime(lambda: self.wall, lambda: self.monotonic)


@pytest.mark.parametrize("jump", [-400 * DAY, -1.0, 0.0, 1.0, 400 * DAY])
def test_a_clock_that_is_set_moves_nothing(jump: float) -> None:
    clocks = Clocks(wall=20_000 * DAY)
    assert clocks.steady() == 20_000 * DAY
    clocks.wall += jump
    clocks.monotonic += 10.0
    assert clocks.steady() == 20_000 * DAY + 10.0


def test_it_is_not_before_what_is_kept_already() -> None:
    clocks = Clocks(wall=0.0)  # 1970: the machine has no clock of its own
    clocks.steady.not_before(20_000 * DAY)
    clocks.monotonic += 5.0
    assert clocks.steady() == 20_000 * DAY + 5.0
    clocks.steady.not_before(100 * DAY)
    assert clocks.steady() == 20_000 * DAY + 5.0
