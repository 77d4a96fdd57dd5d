"""The output of a client's link at the server where of some events only the newest is wanted: no older one waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Container
from typing import Final

from sig_core.protocol.runs import frames_of
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.routing.ports import Run
from sig_core.session.binary.client_outbox import ClientOutbox, Place

__all__ = ["LatestOutbox"]

KNOWN: Final = 10_000  # routes of which it is remembered whether only the newest is wanted


class _Newest(Run):
    """The place of a route in the queue: one event, which newer ones replace. It is in one queue alone.

    Attributes:
        source: the run that it was taken from.
    """

    __slots__ = ("source",)

    def __init__(self, source: Run, frame: bytes) -> None:
        super().__init__(source.route, source.codec, 1, frame)
        self.source = source


class LatestOutbox(ClientOutbox):
    """Does what a `ClientOutbox` does, in whose place it is put; but it costs each event a look more.

    Args:
        before: what was there, with all that waits in it.
        is_latest: returns whether of the events of a route only the newest is wanted.
        counts: returns where losses are counted, by reason.
        note: called with (route, events, reason) for what was superseded, and is counted already.
    """

    keeps_newest = True

    __slots__ = ("_counts", "_is_latest", "_known", "_newest", "_note")

    def __init__(
        self,
        before: ClientOutbox,
        is_latest: Callable[[int], bool],
        counts: Callable[[], Counter[str]],
        note: Callable[[int, int, str], None],
    ) -> None:
        super().__init__(before.limit, before._lost, before._names, before._make_gap)
        for name in ("binds", "dropping", "gaps", "on_growth", "runs", "size", "stalled", "taken", "_mark", "_since"):
            setattr(self, name, getattr(before, name))
        self._is_latest = is_latest
        self._counts = counts
        self._note = note
        self._known: dict[int, bool] = {}
        self._newest: dict[int, _Newest] = {}  # those that wait, and may be replaced where they are

    def forget_wishes(self) -> None:
        """Ask again of each route; what waits stays as it is."""
        self._known.clear()
        self._newest.clear()

    def _wants_newest(self, route: int) -> bool:
        known = self._known.get(route)
        if known is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            known = self._known[route] = self._is_latest(route)
        return known

    def put(self, run: Run) -> bool:
        """See `Outbox`; an older event that is not wanted any more makes place."""
        route = run.route
        if route and not run.count:  # a last value: what comes behind it takes no place before it
            self._newest.pop(route, None)
            return super().put(run)
        if not route or not self._wants_newest(route):
            return super().put(run)
        frame = run.data
        if run.count > 1:
            *_, frame = frames_of(run.data)
        waiting = self._newest.get(route)
        if waiting is None:
            waiting = _Newest(run, frame)
            was_empty = super().put(waiting)
            self._newest[route] = waiting
            if run.count > 1:
                self._supersede(waiting, run, frame, run.count - 1)
            return was_empty
        self._supersede(waiting, run, frame, run.count)
        if self.size > self._mark:
            self._grow()
        return False

    def _supersede(self, waiting: _Newest, run: Run, frame: bytes, count: int) -> None:
        """Let a newer event take the place of one that waits, and count `count` of them as lost."""
        counts, place = self._counts(), self._place_of(run.route)
        total = counts.get(SUPERSEDED, 0) + count
        size = self.size + len(frame) - len(waiting.data)
        counts[SUPERSEDED] = total  # from here on in one step, see `sig_core/interrupts.py`
        waiting.data = frame
        waiting.source = run
        self.size = size
        if place is not None:
            place.missing += count
            place.reason = SUPERSEDED
        self._note(run.route, count, SUPERSEDED)

    def holds(self, runs: Collection[Run]) -> bool:
        """See `Outbox`."""
        return super().holds(runs) or any(newest.source is run for newest in self._newest.values() for run in runs)

    def put_bind(self, bind: Place) -> bool:
        """See `ClientOutbox`: what comes behind it takes no place before it."""
        self._newest.pop(bind.about, None)
        self._known.pop(bind.about, None)
        return super().put_bind(bind)

    # -- out

    def take(self, room: int) -> bytes:
        """See `Outbox`."""
        parts: list[bytes] = []
        size = 0
        while self.runs and (not parts or size + len(self.runs[0].data) <= room):
            run = self.pop()
            assert run is not None
            parts.append(run.data)
            size += len(run.data)
        return b"".join(parts)

    def pop(self) -> Run | None:
        """See `Outbox`."""
        run = super().pop()
        if isinstance(run, _Newest) and self._newest.get(run.route) is run:
            del self._newest[run.route]
        return run

    def clear(self) -> None:
        """See `ClientOutbox`."""
        self._newest.clear()
        super().clear()

    def drop(self, routes: Container[int], reason: str) -> None:
        """See `ClientOutbox`."""
        super().drop(routes, reason)
        self._forget_gone()

    def _drop_oldest(self, room: float) -> None:
        super()._drop_oldest(room)
        self._forget_gone()

    def _forget_gone(self) -> None:
        """Forget what does not wait any more."""
        there = {id(run) for run in self.runs}
        self._newest = {route: newest for route, newest in self._newest.items() if id(newest) in there}
