"""What a board is: its sender, events, methods and what it listens to, as it registered them."""

from __future__ import annotations

from typing import TypeAlias

from sig_core.errors import RemoteProtocolError
from sig_core.events import Name, Pattern, patterns_of
from sig_core.protocol.board import EventItem, Item, Register, RequestItem

__all__ = ["Match", "Registration"]

REMEMBERED = 1000  # events whose matches are
Match: TypeAlias = tuple[int, tuple[Name, ...]]
"""An item that hears an event: its number, and the names that its pattern left open."""


class Registration:
    """Collects the items of one registration; each kind has numbers of its own, in the order of the items.

    Args:
        begin: the message that began it.

    Attributes:
        name: of the board's sender; None: it has none.
        events, methods: of its sender; None among the methods is a default handler.
        kept: those of the events whose last value is kept.
        listened: the patterns that it listens to.
        latest: numbers of those of which it wants the newest alone of each event.
    """

    def __init__(self, begin: Register) -> None:
        self.name = begin.name
        self.events: list[Name] = []
        self.kept: list[Name] = []
        self.methods: list[str | None] = []
        self.listened: list[Pattern] = []
        self.latest: set[int] = set()
        self._missing = begin.items
        self._matches: dict[tuple[Name, Name], tuple[Match, ...]] = {}

    @property
    def complete(self) -> bool:
        """Whether all items have come."""
        return self._missing == 0

    def add(self, item: Item) -> None:
        """Take the next item.

        Raises:
            RemoteProtocolError: all have come.
        """
        if self.complete:
            raise RemoteProtocolError("an item comes after the last one that was announced")
        self._missing -= 1
        if isinstance(item, EventItem):
            self.events.append(item.event)
            if item.is_state:
                self.kept.append(item.event)
        elif isinstance(item, RequestItem):
            self.methods.append(item.method)
        else:
            if item.is_latest:
                self.latest.add(len(self.listened))
            self.listened.append((item.sender, item.event))

    def number_of(self, method: str) -> int | str:
        """Return the number of a method, or its name if only the board's default handler answers it."""
        return self.methods.index(method) if method in self.methods else method

    def matches(self, sender: Name, event: Name) -> tuple[Match, ...]:
        """Return the items that hear an event, in order of dispatch: number, and the names that the item left open."""
        found = self._matches.get((sender, event))
        if found is None:
            if len(self._matches) >= REMEMBERED:
                self._matches.clear()
            found = self._matches[sender, event] = self._match(sender, event)
        return found

    def _match(self, sender: Name, event: Name) -> tuple[Match, ...]:
        return tuple(
            (number, tuple(name for name, asked in zip((sender, event), pattern, strict=True) if asked is None))
            for pattern in patterns_of(sender, event)
            for number, listened in enumerate(self.listened)
            if listened == pattern
        )
