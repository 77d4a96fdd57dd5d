"""Looking for a message for a moment before a thread sleeps; when and how long decides `busy_poll`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from sig_core.busy_poll import BUSY, BusyPoll
from sig_core.clock import Clock

__all__ = ["BusyWait", "can_busy_poll", "new_busy_wait"]

R = TypeVar("R")

sched_yield: Callable[[], object] = getattr(os, "sched_yield", lambda: None)


class BusyWait:
    """Looks, gives way to others, looks again, and sleeps at last.

    Args:
        policy: decides.
        clock: seconds that resolve microseconds.

    Attributes:
        policy: as given.
    """

    __slots__ = ("_clock", "policy")

    def __init__(self, policy: BusyPoll, clock: Clock = time.perf_counter) -> None:
        self.policy = policy
        self._clock = clock

    def passed(self) -> None:
        """Note that a request or an answer has passed just now."""
        self.policy.passed(self._clock())

    def asks(self) -> None:
        """Note that somebody asks just now, and will wait."""
        self.policy.asks(self._clock())

    def wait(self, ready: Callable[[float], R], timeout: float) -> R:
        """Return what `ready` returns for 0, if that is something and it is worth to look; else for `timeout`.

        Args:
            ready: waits so long until something is there.
            timeout: how long it may take, in its unit.
        """
        policy, clock = self.policy, self._clock
        began = now = clock()
        until = policy.start(now)
        while now < until:
            found = ready(0)
            if found:
                policy.found()
                return found
            before = now
            sched_yield()
            now = clock()
            if now - before >= BUSY:
                policy.disturbed()
                return ready(timeout)
        if until > began:
            policy.missed(now - began)
        return ready(timeout)


def can_busy_poll() -> bool:
    """Return whether there is a second processor, and a way to give way."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors > 1 and hasattr(os, "sched_yield")


def new_busy_wait(share: float) -> BusyWait | None:
    """Return one that may look in vain for `share` of a processor, 0 to 1; None: it would never look."""
    return BusyWait(BusyPoll(share)) if share and can_busy_poll() else None
