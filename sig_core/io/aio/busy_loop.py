"""Keeping an asyncio loop from sleeping for a moment; when and how long decides `busy_poll`."""

from __future__ import annotations

import asyncio
import time
from contextvars import Context

from sig_core.busy_poll import BUSY, BusyPoll
from sig_core.clock import Clock
from sig_core.io.sync.busy_wait import can_busy_poll, sched_yield

__all__ = ["BusyLoop", "new_busy_loop"]


class BusyLoop:
    """Asks for one turn of the loop after the other, so that it looks what is ready instead of sleeping.

    Args:
        policy: decides.
        loop: that runs.
        context: for the loop's calls.
        clock: seconds that resolve microseconds.

    Attributes:
        policy: as given.
    """

    __slots__ = ("_began", "_clock", "_context", "_looks", "_loop", "_seen", "_until", "policy")

    def __init__(
        self, policy: BusyPoll, loop: asyncio.AbstractEventLoop, context: Context, clock: Clock = time.perf_counter
    ) -> None:
        self.policy = policy
        self._loop = loop
        self._context = context
        self._clock = clock
        self._began = 0.0
        self._seen = 0.0  # when the last turn was
        self._until = 0.0  # when it may sleep; 0: it may now
        self._looks = False  # `_look` will be called

    def passed(self) -> None:
        """Note that a request or an answer has passed just now: another one may come soon."""
        now = self._clock()
        self.policy.passed(now)
        self._begin(now)

    def asks(self) -> None:
        """Note that somebody asks just now, and waits."""
        now = self._clock()
        self.policy.asks(now)
        self._begin(now)

    def came(self) -> None:
        """Note that something came."""
        if self._until:
            self._until = 0.0
            self.policy.found()

    def _begin(self, now: float) -> None:
        if self._until:
            return  # it looks already
        until = self.policy.start(now)
        if until > now:
            self._began = self._seen = now
            self._until = until
            if not self._looks:
                self._looks = True
                self._loop.call_soon(self._look, context=self._context)

    def _look(self) -> None:
        self._looks = False
        if not self._until:
            return
        now = self._clock()
        if now - self._seen >= BUSY:
            self._until = 0.0
            self.policy.disturbed()
        elif now >= self._until:
            self._until = 0.0
            self.policy.missed(now - self._began)
        else:
            self._seen = now
            sched_yield()
            self._looks = True
            self._loop.call_soon(self._look, context=self._context)


def new_busy_loop(share: float, loop: asyncio.AbstractEventLoop, context: Context) -> BusyLoop | None:
    """Return one that may look in vain for `share` of a processor, 0 to 1; None: it would never look."""
    return BusyLoop(BusyPoll(share), loop, context) if share and can_busy_poll() else None
