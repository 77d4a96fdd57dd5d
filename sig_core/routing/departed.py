"""Senders that left a server and may come back: their numbers, and what had been routed of them."""

from __future__ import annotations

from collections.abc import Iterable

from sig_core.events import Key, Name, key_of

__all__ = ["Departed", "DepartedSenders"]


class Departed:
    """What a server remembers of a sender that left.

    Attributes:
        route: of its requests.
        events: route of each event.
        life: that it had; see `SenderEntry`.
        counts: what had been fired in that life, by event.
        may_return: in the same life: its link was lost.
    """

    __slots__ = ("counts", "events", "life", "may_return", "route")

    def __init__(
        self, route: int, events: dict[Name, int], life: str, counts: dict[Name, int], *, may_return: bool = False
    ) -> None:
        self.route = route
        self.events = events
        self.life = life
        self.may_return = may_return and life != ""
        self.counts = counts

    def __len__(self) -> int:
        """The routes that it has."""
        return (self.route > 0) + len(self.events)


class DepartedSenders:
    """Remembers senders by name, up to so many routes; beyond that the first that left is forgotten.

    Args:
        most: routes.

    Attributes:
        routes: that are remembered.
    """

    def __init__(self, most: int) -> None:
        self.routes = 0
        self._most = most
        self._senders: dict[Key, Departed] = {}  # in the order in which they left

    def __len__(self) -> int:
        return len(self._senders)

    def add(self, name: Name, sender: Departed) -> None:
        """Remember a sender; what is remembered already of events that it had once, and has not now, stays."""
        key = key_of(name)
        before = self._pop(key)
        if before is not None:
            sender.events = before.events | sender.events
        self._keep(key, sender)
        self.shrink(self._most)

    def find(self, name: Name) -> Departed | None:
        """Return the sender of a name, if it is remembered."""
        return self._senders.get(key_of(name))

    def take(self, name: Name, events: Iterable[Name]) -> Departed | None:
        """Return what is remembered of a sender that is back with these events; that of others stays."""
        key = key_of(name)
        known = self._pop(key)
        if known is None:
            return None
        back = {event: known.events.pop(event) for event in events if event in known.events}
        if known.events:
            self._keep(key, Departed(0, known.events, "", {}))
        return Departed(known.route, back, known.life, known.counts)

    def _keep(self, key: Key, sender: Departed) -> None:
        self._senders[key] = sender
        self.routes += len(sender)

    def _pop(self, key: Key) -> Departed | None:
        known = self._senders.pop(key, None)
        if known is not None:
            self.routes -= len(known)
        return known

    def shrink(self, most: int) -> None:
        """Forget the first that left, until no more than so many routes are remembered."""
        while self.routes > most:
            self._pop(next(iter(self._senders)))

    def has_route(self, route: int) -> bool:
        """Return whether a number is remembered; looks at all."""
        return any(route == known.route or route in known.events.values() for known in self._senders.values())
