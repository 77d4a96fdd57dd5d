"""Ports that have left with many senders: these are removed a few at a time, so that nobody waits for all of them."""

from __future__ import annotations

from collections.abc import Callable

from sig_core.routing.ports import Port

__all__ = ["FEW", "Leaving"]

FEW = 100  # routes of senders that are removed at once: what tells of the end of one is as long as it has events
SECONDS_PER_TURN = 0.003


class Leaving:
    """The ports that have left, and have senders still.

    Args:
        remove: called with (port, may_return, most): removes so many of its senders, and returns whether it has more.
        ended: called with a port that has none any more.
        clock: returns monotonic seconds.

    Attributes:
        on_work: called when a port comes: `take_turn` is needed, again and again. None: there are no turns, and no port
            may come.
        ports: and whether their senders may return, see `Exchange.remove_sender`.
    """

    def __init__(
        self,
        remove: Callable[[Port, bool, int], bool],
        ended: Callable[[Port], None],
        clock: Callable[[], float],
    ) -> None:
        self.on_work: Callable[[], None] | None = None
        self.ports: dict[Port, bool] = {}
        self._remove = remove
        self._ended = ended
        self._clock = clock

    def add(self, port: Port, routes: int, *, may_return: bool) -> bool:
        """Take a port whose senders have so many routes; False: so few that they are removed at once."""
        if self.on_work is None or routes <= FEW:
            return False
        self.ports[port] = may_return
        self.on_work()
        return True

    def take_turn(self) -> bool:
        """Remove the next senders; return whether there are more."""
        until = self._clock() + SECONDS_PER_TURN
        for port, may_return in self.ports.copy().items():
            while self._remove(port, may_return, 1):
                if self._clock() >= until:
                    return True
            del self.ports[port]
            self._ended(port)
        return False
