"""The time of day that what is kept came at, which nobody's setting of a clock moves."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["SteadyTime"]


class SteadyTime:
    """The time of day as it was at the beginning, and the seconds since.

    A clock that is put forward by years, such as that of a machine which begins in 1970 and then asks the network, must
    not make all that is kept too old; nor may one that is put back make what comes now older than what came before.

    Args:
        wall: returns the time of day, seconds; asked once.
        monotonic: returns seconds that only grow.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ahead = wall() - monotonic()

    def __call__(self) -> float:
        """Return the time of day, seconds."""
        return self._monotonic() + self._ahead

    def not_before(self, moment: float) -> None:
        """Be at `moment` at least by now: something is kept that came then."""
        self._ahead = max(self._ahead, moment - self._monotonic())
