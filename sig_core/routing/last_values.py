"""The newest value of each state event: kept while its sender is connected, for who comes to listen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sig_core.events import Name, Pattern, is_channel
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import last_frame
from sig_core.routing.ports import Port, Run, TakesLast
from sig_core.routing.transcode import Transcoder

__all__ = ["LastValue", "LastValues"]

EACH = 300  # bytes that a value takes beside its frame
SHARE = 4  # of the output of a link, values take one part of so many at most: who asks for all of them has room

Tell = Callable[[Run, Name, Name], bool]


@dataclass(slots=True, eq=False)
class LastValue:
    """What is kept of a state event.

    Attributes:
        sender, event: which one.
        run: its newest value, one event in the codec in which it came; None: there is none.
    """

    sender: Name
    event: Name
    run: Run | None = None


class LastValues:
    """Keeps the last value of each state event, of all codecs in one.

    Args:
        limits: `max_state` is for it.
        transcoder: puts values into the codec of who asks.
        may_hear: returns whether a port may hear (sender, event).
        routes_of: returns the routes of the state events of a sender, by its name.

    Attributes:
        size: bytes that the values take.
        told, lost: values that were told because they were the last; those that could not be.
        refused: values that were not kept, since all together would have been too long.
    """

    def __init__(
        self,
        limits: Limits,
        transcoder: Transcoder,
        may_hear: Callable[[Port, Name, Name], bool],
        routes_of: Callable[[Name], Iterable[int]],
    ) -> None:
        self.size = self.told = self.lost = self.refused = 0
        self._most = min(limits.max_state, limits.max_outbox // SHARE)
        self._transcoder = transcoder
        self._may_hear = may_hear
        self._routes_of = routes_of
        self._values: dict[int, LastValue] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, route: int) -> bool:
        """Return whether a route is that of a state event."""
        return route in self._values

    # -- what is kept

    def begin(self, routes: Iterable[tuple[int, Name, Name]]) -> None:
        """Keep values of these (route, sender, event) from now on."""
        self._values.update((route, LastValue(sender, event)) for route, sender, event in routes)

    def end(self, routes: Iterable[int]) -> None:
        """Forget these events: their sender is not connected any more."""
        for route in routes:
            found = self._values.pop(route, None)
            if found is not None:
                self.size -= _size_of(found.run)

    def put(self, run: Run) -> None:
        """Keep the last of these events, unless it is too long; then nor is the one before, which is not the last."""
        found = self._values.get(run.route)
        if found is None:
            return
        kept: Run | None = run if run.count == 1 else Run(run.route, run.codec, 1, last_frame(run.data))
        size = self.size - _size_of(found.run)
        if size + _size_of(kept) > self._most:
            kept, self.refused = None, self.refused + 1
        found.run, self.size = kept, size + _size_of(kept)

    def recount(self) -> None:
        """Be right again about what is kept, after an interrupt."""
        self.size = sum(_size_of(value.run) for value in self._values.values())

    # -- who gets it

    def of(self, port: Port, pattern: Pattern) -> list[LastValue]:
        """Return the values that there are of what a port may hear by a pattern."""
        sender, event = pattern
        routes = self._values if sender is None else self._routes_of(sender)
        found = [self._values[route] for route in routes if route in self._values]
        return [
            value
            for value in found
            if value.run is not None
            and (event is None or (value.event == event and (sender is not None or is_channel(event))))
            and self._may_hear(port, value.sender, value.event)
        ]

    def tell(self, port: Port, value: LastValue, tell: Tell) -> bool:
        """Tell a port a value, in its codec; return whether it took it.

        Args:
            port: who is told.
            value: that there is.
            tell: called with (run, sender, event); returns whether it was taken.
        """
        run = value.run
        if run is not None and not port.accepts_codec(run.codec):
            run = self._transcoder.run(run, port.codec)
        taken = run is not None and bool(run.count) and tell(run, value.sender, value.event)
        self.told += taken
        self.lost += not taken
        return taken

    def give(self, run: Run, targets: Iterable[Port]) -> bool:
        """Keep what the owner of an event, who is back, says is its value, and tell it those who listen.

        Args:
            run: the value; it was not fired just now.
            targets: who hears the event.

        Returns:
            False if it is no state event.
        """
        value = self._values.get(run.route)
        if value is None:
            return False
        self.put(run)
        for target in targets:
            if value.run is not None and isinstance(target, TakesLast):
                self.tell(target, value, target.tell_last)
        return True

    def stats(self) -> dict[str, Any]:
        """Return its figures for `stats`."""
        values = sum(value.run is not None for value in self._values.values())
        figures = {"events": len(self._values), "values": values, "bytes": self.size}
        return figures | {"told": self.told, "lost": self.lost, "refused": self.refused}


def _size_of(run: Run | None) -> int:
    return 0 if run is None else len(run.data) + EACH
