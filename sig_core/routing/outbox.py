"""The bounded queue of one port: a slow port pauses its feeders for a while, then loses its oldest events."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Container, Iterator

from sig_core.routing.ports import Run

__all__ = ["EMPTY", "SLOW", "Loss", "Outbox"]

HIGH_WATER = 0.75  # of the limit: the feeders are paused
LOW_WATER = 0.5  # of the limit: the episode is over
DROP_TO = 0.875  # of the limit: what is left when the oldest were dropped, so that they are dropped in portions

SLOW = "slow listener"  # why events are dropped here
BIG = 32 * 1024  # bytes
FIRST = 128 * 1024  # bytes from which on it is told that more waits
EACH = 192  # bytes that a run counts beside its data; see `session/calls.py`
LOOKS = 32  # runs that are looked at to find out how much is shared
EMPTY: deque[Run] = deque()  # of all that have nothing in them: an empty deque of its own has 600 bytes

Loss = Callable[[int, int, str], None]


def _ignore() -> None:
    return None


def _references(runs: deque[Run], place: int) -> int:
    run = runs[place]
    return sys.getrefcount(run)


_MORE = _references(deque([Run(0, "", 0, b"")]), 0) - 1  # than there are outboxes in which a run waits


class Outbox:
    """Runs that wait to leave, bounded in bytes.

    An episode begins above three quarters of the limit with a stall: the ports that feed this one are paused. The stall
    ends below one half of the limit, or after some time; then the feeders go on and, at the limit, the oldest events
    are dropped. The episode ends below one half.

    Args:
        limit: bytes.
        lost: called with (route, events, reason) for what is dropped.

    Attributes:
        limit: bytes.
        high_water: bytes above which an episode begins.
        runs: what waits, the oldest first.
        size: bytes that wait.
        taken: events that left, without those that were dropped.
        stalled: the feeders are paused.
        dropping: the stall is over, but not the episode.
        on_growth: called when a good deal more waits than before.
        keeps_newest: of some events it has the newest alone: who takes more than is sent soon makes it wait in vain.
    """

    keeps_newest = False

    __slots__ = (
        *("_lost", "_mark", "_since", "dropping", "high_water", "limit", "on_growth", "runs", "size", "stalled"),
        "taken",
    )

    def __init__(self, limit: int, lost: Loss) -> None:
        self.limit = limit
        self.high_water = int(HIGH_WATER * limit)
        self.runs = EMPTY
        self.size = 0  # bytes
        self.taken = 0
        self.stalled = False
        self.dropping = False
        self.on_growth = _ignore
        self._mark = min(FIRST, limit)  # bytes; more are too many, or are told
        self._since = 0.0
        self._lost = lost

    def put(self, run: Run) -> bool:
        """Append a run; beyond the limit the oldest events are dropped. True: it was empty before."""
        was_empty = not self.runs
        if self.runs is EMPTY:
            self.runs = deque()
        self.runs.append(run)
        self.size += len(run.data)
        if self.size > self._mark:
            self._grow()
        return was_empty

    def _grow(self) -> None:
        if self.size > self.limit:
            self._drop_oldest(DROP_TO * self.limit)
        self._set_mark()
        self.on_growth()

    def _set_mark(self) -> None:
        self._mark = min(self.limit, max(FIRST, self.size + self.size // 4))

    def holds(self, runs: Collection[Run]) -> bool:
        """Return whether one of these runs, the objects themselves, waits."""
        return any(waiting is run for waiting in self.runs for run in runs)

    def recount(self) -> None:
        """Be right again about what waits, after an interrupt in the midst of a change."""
        self.size = sum(len(run.data) for run in self.runs)

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes that must not be dropped may be put, and leave room for answers."""
        limit = self.high_water
        return self.size + size <= limit or sum(len(run.data) for run in self.runs if not run.route) + size <= limit

    def take(self, room: int) -> bytes:
        """Take the oldest runs, joined: at least one, more while they fit `room` bytes; b"" if there is none.

        A big one comes alone, as the object that it is: a copy would cost more than a send of its own.
        """
        runs = self.runs
        if not runs:
            return b""
        run = runs.popleft()
        first, events = run.data, run.count
        if not runs or len(first) >= BIG or len(first) + len(runs[0].data) > room:
            self.size -= len(first)
            self.taken += events
            return first
        parts, size = [first], len(first)
        while runs and len(runs[0].data) < BIG and size + len(runs[0].data) <= room:
            run = runs.popleft()
            parts.append(run.data)
            size += len(run.data)
            events += run.count
        self.size -= size
        self.taken += events
        return b"".join(parts)

    def shrink(self) -> None:
        """Free memory that an idle port does not need."""
        if not self.runs:
            self.runs = EMPTY
        self._set_mark()

    def weight(self, *, exact: bool) -> int:
        """Return the bytes that it takes.

        Args:
            exact: a run that waits in several outboxes counts with each of them in part, as far as a few of them show;
                else as a whole.
        """
        runs, count = self.runs, len(self.runs)
        whole = self.size + EACH * count
        if not exact or not count:
            return whole
        sizes, parts = 0, 0.0
        for place in range(0, count, max(1, count // LOOKS)):
            size = len(runs[place].data) + EACH
            sizes += size
            parts += size / self._sharers(place)
        return round(whole * parts / sizes)

    def _sharers(self, place: int) -> int:
        """Return in how many outboxes a run waits."""
        return max(1, _references(self.runs, place) - _MORE)

    def shed(self) -> bool:
        """Drop the oldest events until half is left; false: there are too few for that to help."""
        before = self.size
        self._drop_oldest(before / 2)
        self._set_mark()
        return self.size < 0.75 * before

    def clear(self) -> None:
        """Drop all that waits."""
        for run in self.runs:
            if run.route:
                self._lost(run.route, run.count, SLOW)
        self.runs, self.size = EMPTY, 0

    def let_go(self) -> None:
        """Drop all that waits, uncounted: there is nobody any more to whom it could go."""
        self.runs, self.size = EMPTY, 0

    def pop(self) -> Run | None:
        """Take the oldest run; None if there is none."""
        if not self.runs:
            return None
        run = self.runs.popleft()
        self.size -= len(run.data)
        self.taken += run.count
        return run

    @property
    def waiting(self) -> int:
        """The number of events that wait; looks at each run."""
        return sum(run.count for run in self.runs)

    def describe(self) -> dict[str, float]:
        """Return how full it is for `stats`; at its limit, `fill` is 1."""
        return {"bytes": self.size, "limit": self.limit, "fill": round(self.size / self.limit, 4)}

    def begins_stall(self, now: float) -> bool:
        """Return whether feeders are to be paused because of what waits now; begins an episode if need be."""
        if self.dropping and self.size < LOW_WATER * self.limit:
            self.dropping = False  # nobody was paused any more, so nobody asked when it drained
        if not self.stalled and not self.dropping and self.size > self.high_water:
            self.stalled, self._since = True, now
        return self.stalled

    def ends_stall(self, now: float, stall: float) -> bool:
        """Return whether the feeders that were paused may go on; true once an episode.

        Args:
            now: monotonic seconds.
            stall: seconds that they may be paused in one episode.
        """
        drained = self.size < LOW_WATER * self.limit
        if drained:
            self.dropping = False
        if self.stalled and (drained or now - self._since >= stall):
            self.stalled, self.dropping = False, not drained
            return True
        return False

    def drop(self, routes: Container[int], reason: str) -> None:
        """Drop the events of some routes, which are lost.

        Args:
            routes: of which.
            reason: why, in words.
        """
        dropped = [run for run in self.runs if run.route and run.route in routes]
        if dropped:
            self.runs = deque(run for run in self.runs if not run.route or run.route not in routes)
            self.size -= sum(len(run.data) for run in dropped)
        for run in dropped:
            self._lost(run.route, run.count, reason)

    def _drop_oldest(self, room: float) -> None:
        for run in self._look_at_oldest(room):
            if run.route:
                self._lost(run.route, run.count, SLOW)

    def _look_at_oldest(self, room: float) -> Iterator[Run]:
        """Yield the oldest runs until no more than `room` bytes are left; events are gone then, all else stays."""
        kept: list[Run] = []
        while self.size > room and self.runs:
            oldest = self.runs.popleft()
            if oldest.route:
                self.size -= len(oldest.data)
            else:
                kept.append(oldest)
            yield oldest
        self.runs.extendleft(reversed(kept))
