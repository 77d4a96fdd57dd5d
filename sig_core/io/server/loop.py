"""What serves all pollable links and acceptors of a server, on a thread or on an asyncio loop. It runs no user code."""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Protocol, TypeAlias

from sig_core.busy_poll import BusyPoll
from sig_core.clock import NEVER, Clock
from sig_core.interrupts import pass_end_on
from sig_core.io.server.handshakes import Handshakes
from sig_core.log import log
from sig_core.session.fair_shares import LONG, FairShares, Shift

__all__ = ["Loop", "Ready", "StaysAwake", "Watched"]


class Watched(Protocol):
    """What a loop polls."""

    @property
    def peer(self) -> str:
        """Whose it is, printable; "": the server's own."""

    def fileno(self) -> int:
        """Stable until it is unwatched."""

    def ready(self, events: int) -> None:
        """Called with READ, WRITE or both. What it raises is a bug, and is logged as one."""


Ready: TypeAlias = "tuple[Watched, int]"  # and for what


class StaysAwake(Protocol):
    """What keeps a loop from sleeping for a moment.

    Attributes:
        policy: decides when, and for how long.
    """

    policy: BusyPoll

    def passed(self) -> None:
        """Note that a request or an answer has passed just now."""


def _nothing() -> None:
    return None


class Loop(ABC):
    """Polls, then lets `turn` flush what came of it, then `tick`s when it is time. Its parts run on one thread.

    Args:
        turn: called after each batch of events, on that thread.
        tick: called with `now`; returns the seconds until it wants to be called again.
        name: for the log.
        clock: returns monotonic seconds.

    Attributes:
        has_turn_ahead: what is there now will be seen by the next `turn`, without a `wake`.
        awake: keeps it awake for a moment; None: it may not. The `turn` tells it what passes.
        between: called between the turns of two who are ready, while many are.
        shares: who had long turns of late.
    """

    def __init__(
        self,
        turn: Callable[[], None],
        tick: Callable[[float], float],
        name: str,
        clock: Clock = time.monotonic,
    ) -> None:
        self.has_turn_ahead = False
        self.awake: StaysAwake | None = None
        self.between: Callable[[], None] = _nothing
        self.handshakes = Handshakes()
        self.shares = FairShares()
        self._turn = turn
        self._tick = tick
        self._name = name
        self._clock = clock
        self._next_tick = 0.0
        self._asked_tick = NEVER

    # -- from any thread

    @abstractmethod
    def start(self) -> None:
        """Begin; only now it takes descriptors."""

    @abstractmethod
    def busy_poll(self, share: float) -> None:
        """Let it look in vain, for what comes next, for `share` of a processor: see `busy_poll`."""

    @abstractmethod
    def stop(self) -> None:
        """End: nothing is polled, and no turn is taken, any more. What was posted before still runs."""

    @abstractmethod
    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's."""

    @abstractmethod
    def post(self, function: Callable[[], None]) -> None:
        """Let `function` be called soon, on the loop's thread."""

    @abstractmethod
    def run_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Let `function` be called in so many seconds, on the loop's thread."""

    @abstractmethod
    def wake(self) -> None:
        """Let a turn be taken soon."""

    @abstractmethod
    def is_current(self) -> bool:
        """Return whether this is the loop's thread."""

    def tick_soon(self) -> None:
        """Let the next turn tick."""
        self._next_tick = 0.0
        self.wake()

    def tick_at(self, when: float) -> None:
        """Let a turn tick at `when` (monotonic seconds) at the latest; for who holds the lock that `tick` takes."""
        self._asked_tick = min(self._asked_tick, when)
        if when < self._next_tick:
            self._next_tick = when
            self.wake()

    # -- on the loop's thread

    @abstractmethod
    def watch(self, watched: Watched, events: int) -> None:
        """Poll `watched` for events (not 0)."""

    @abstractmethod
    def change(self, watched: Watched, events: int) -> None:
        """Poll it for other events (not 0)."""

    @abstractmethod
    def unwatch(self, watched: Watched) -> None:
        """Poll it no more."""

    def _tick_now(self, now: float) -> None:
        self._next_tick = now + 0.25
        self._asked_tick = NEVER  # what was asked for before, `tick` sees for itself
        try:
            self._next_tick = min(now + self._tick(now), self._asked_tick)
        except BaseException as error:
            pass_end_on(error)
            log.error(f"{self._name}: a tick failed\n{traceback.format_exc()}")

    def _note_few(self, served: Iterable[Watched], began: float) -> None:
        """Note who had short turns while nobody had to wait: when many come, that counts. They began at `began`."""
        now, unproved = self._clock(), self.shares.unproved
        if unproved and now - began <= LONG:
            for watched in served:
                if watched.peer in unproved:
                    self.shares.note(watched.peer, 0.0, now)

    def _serve_many(self, ready: Sequence[Ready]) -> None:
        """Serve many who are ready, and no more of them than others, who may come, can wait for.

        Who is not served now is ready still when the next poll asks.
        """
        now, shares = self._clock(), self.shares
        worked = time.thread_time()  # the clock goes on while others have the processor
        shift = Shift(worked)
        found = [(shares.place_of(watched.peer, now), watched, events) for watched, events in ready]
        for place, watched, events in sorted(found, key=itemgetter(0)):
            if shift.is_over(place, worked):
                continue
            peer, began = watched.peer, time.thread_time()
            try:
                watched.ready(events)
            finally:
                worked = time.thread_time()
                shares.note(peer, worked - began, self._clock())
            self.between()
