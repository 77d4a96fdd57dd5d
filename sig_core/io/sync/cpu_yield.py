"""Yielding the processor: a thread that is busy with events lets those run that wait for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from sig_core.clock import Clock

__all__ = ["CpuYield"]

INTERVAL = 0.0005  # seconds between two yields at least

sched_yield: Callable[[], object] = getattr(os, "sched_yield", lambda: None)  # not every system has it


class CpuYield:
    """Called between two batches of events, leaves the rest of the time slice to other threads, every half millisecond.

    A system preempts a thread that computes at its tick, every 4 ms where that comes 250 times a second. A request that
    passes through busy programs would wait so long at each of them. Where nobody waits it costs 1 us. Not for events
    that fill a send alone: whoever sends or receives these waits for the other side every few of them, and the caches
    are worth more.

    Args:
        clock: seconds, with a resolution of microseconds.
    """

    __slots__ = ("_clock", "_last")

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        self._last = 0.0

    def __call__(self) -> None:
        """Yield, if it is time."""
        now = self._clock()
        if now - self._last >= INTERVAL:
            self._last = now
            sched_yield()
