"""How long a run of events may be that is routed in one piece: some ports make messages of each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sig_core.routing.ports import Port, Run
from sig_core.routing.table import Topic

__all__ = ["RunLength"]

WORK: Final = 1000  # messages that are made in one turn, of 2 us each
HEAR_IT: Final = 40  # listeners of one port, of any event: each of four patterns has ten at most
TRANSCODED: Final = 3  # messages that an event counts which somebody gets in another codec


class RunLength:
    """Knows how much work events are for those who hear them.

    Args:
        route: returns what is known of a number, or None: see `Exchange`.
        topic_of: returns the topic of that.
        targets_of: returns who hears it.
    """

    def __init__(
        self,
        route: Callable[[int], Any],
        topic_of: Callable[[Any], Topic[Port]],
        targets_of: Callable[[Topic[Port]], tuple[Port, ...]],
    ) -> None:
        self._route = route
        self._topic_of = topic_of
        self._targets_of = targets_of

    def at_once(self, port: Port, run: Run) -> int:
        """Return how many events of a run that a port sends are enough for one turn."""
        route = self._route(run.route)
        if route is None or route.open_to is not port:
            return run.count
        topic, work = self._topic_of(route), 0
        for target in self._targets_of(topic):
            if target.makes_messages:
                work += 1 + min(target.listeners, HEAR_IT)
            elif not target.accepts_codec(run.codec):
                work += TRANSCODED
        return max(1, WORK // work) if work else run.count
