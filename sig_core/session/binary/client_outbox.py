"""The output of a client's link at the server: a gap stays between the `bind` that it belongs to and the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from typing import TypeAlias

from sig_core.events import Name
from sig_core.routing.outbox import EMPTY, SLOW, Loss, Outbox
from sig_core.routing.ports import Run

__all__ = ["ClientOutbox", "Names", "Place"]

Names: TypeAlias = tuple[Name, Name | None]
"""What a number stands for: an event of a sender, or, with None, the sender itself."""


class Place(Run):
    """Where a gap is to be told: behind this `bind`, or, where there is none, before all that waits.

    Attributes:
        about: the route that is bound.
        names: what that stands for.
        missing: events that were lost between this `bind` and the next.
        reason: why, in words.
    """

    __slots__ = ("about", "missing", "names", "reason")

    def __init__(self, about: int, names: Names, frame: bytes = b"") -> None:
        super().__init__(0, "", 0, frame)
        self.about = about
        self.names = names
        self.missing = 0
        self.reason = ""

    def lose(self, count: int, reason: str) -> None:
        """Add to what is missing."""
        self.missing += count
        self.reason = reason


class ClientOutbox(Outbox):
    """An `Outbox` for binds, events and gaps. A listener adds up what it got and was told of, and compares that with
    the count in a `bind`: so no gap may pass one.

    Args:
        limit, lost: see `Outbox`.
        names: returns what a route stands for, or None: nobody at the client hears it any more.
        make_gap: returns the frame that tells of what is missing at a place.

    Attributes:
        gaps: by route, what is to be told before all that waits.
        binds: by route, the binds that wait, the oldest first.
    """

    __slots__ = ("_make_gap", "_names", "binds", "gaps")

    def __init__(
        self, limit: int, lost: Loss, names: Callable[[int], Names | None], make_gap: Callable[[Place], bytes]
    ) -> None:
        super().__init__(limit, lost)
        self.gaps: dict[int, Place] = {}
        self.binds: dict[int, list[Place]] = {}
        self._names = names
        self._make_gap = make_gap

    def let_go(self) -> None:
        """See `Outbox`."""
        super().let_go()
        self.gaps, self.binds = {}, {}

    def put_bind(self, bind: Place) -> bool:
        """Append a bind; see `put`."""
        self.binds.setdefault(bind.about, []).append(bind)
        return self.put(bind)

    def lose(self, route: int, count: int, reason: str) -> None:
        """Tell, behind all that waits, of events that can't be put."""
        place = self._place_of(route)
        if place is not None:
            place.lose(count, reason)

    def _place_of(self, route: int) -> Place | None:
        """Return where it is told that an event which comes last is lost."""
        waiting = self.binds.get(route)
        return waiting[-1] if waiting else self._first_place(route)

    def take_in_order(self, room: int) -> bytes:
        """Do what `take` does, while there are gaps or binds."""
        parts = [self._make_gap(place) for place in self.gaps.values()]
        self.gaps.clear()
        size = 0
        while self.binds and self.runs and (not size or size + len(self.runs[0].data) <= room):
            run = self.pop()
            assert run is not None
            parts.append(run.data)
            size += len(run.data)
            if isinstance(run, Place):
                parts += self._leave(run)
        if self.runs and (not size or size + len(self.runs[0].data) <= room):
            parts.append(self.take(room - size))
        return b"".join(parts)

    def drop(self, routes: Container[int], reason: str) -> None:
        """See `Outbox.drop`; it is told behind the `bind` that was to be sent before."""
        kept: deque[Run] = deque()
        last: dict[int, Place] = {}  # bind of each route before what is looked at
        for run in self.runs:
            if isinstance(run, Place):
                last[run.about] = run
            if run.route not in routes:
                kept.append(run)
                continue
            self.size -= len(run.data)
            self._lost(run.route, run.count, reason)
            place = last.get(run.route) or self._first_place(run.route) if run.count else None
            if place is not None:
                place.lose(run.count, reason)
        self.runs = kept or EMPTY

    def _leave(self, bind: Place) -> list[bytes]:
        waiting = self.binds[bind.about]
        del waiting[0]
        if not waiting:
            del self.binds[bind.about]
        return [self._make_gap(bind)] if bind.missing else []

    def _first_place(self, route: int) -> Place | None:
        names = self._names(route)
        return None if names is None else self.gaps.setdefault(route, Place(route, names))

    def clear(self) -> None:
        """Drop all that waits; nothing is told of it any more."""
        super().clear()
        self.binds.clear()
        self.gaps.clear()

    def _drop_oldest(self, room: float) -> None:
        last: dict[int, Place] = {}  # bind of each route before what is looked at
        for run in self._look_at_oldest(room):
            if isinstance(run, Place):
                last[run.about] = run
            elif run.route:
                self._lost(run.route, run.count, SLOW)
                place = last.get(run.route) or self._first_place(run.route) if run.count else None
                if place is not None:
                    place.lose(run.count, SLOW)
