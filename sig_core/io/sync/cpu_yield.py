"""Giving way: who is busy with events lets those have the processor who wait for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

__all__ = ["CpuYield"]

EVERY = 0.0005  # seconds between two times

sched_yield: Callable[[], object] = getattr(os, "sched_yield", lambda: None)  # not every system has it


class CpuYield:
    """Called between two batches of events, gives the rest of its time slice to who waits, once in half a millisecond.

    A system stops whoever computes at its tick, every 4 ms where that comes 250 times a second. A request that passes
    through busy programs would wait so long at each of them. Where nobody waits it costs 1 us. Not for events that fill
    a send alone: who sends or receives these waits for the other side every few of them, and the caches are worth more.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self) -> None:
        """Give way, if it is time."""
        now = time.perf_counter()
        if now - self._last >= EVERY:
            self._last = now
            sched_yield()
