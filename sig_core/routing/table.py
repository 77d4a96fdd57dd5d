"""The subscription table: who listens to an event of a sender, in the order of dispatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from sig_core.compiling import mypyc_attr
from sig_core.events import Info, Key, Name, Pattern, is_channel, key_of, patterns_of

__all__ = ["Table", "Topic"]

T = TypeVar("T")
SALT = "pattern"  # the first part of a key: what is beside it can't be chosen so that keys meet, see `key_of`

Publisher = Callable[[Info, Any], None]


class Topic(Generic[T]):
    """One (sender, event) with the targets that hear it.

    Attributes:
        targets: those who hear it, in order of dispatch; None: out of date, `refresh` finds them. Replaced, never
            changed, so that a dispatch in progress keeps its own.
        publisher: called before the targets with (info, data): sends the event beyond this table, or raises.
        fired: events that were handed to targets here, each counted once, however many the targets.
    """

    __slots__ = ("_table", "event", "fired", "publisher", "sender", "targets")

    def __init__(self, table: Table[T], sender: Name, event: Name) -> None:
        self._table = table
        self.sender = sender
        self.event = event
        self.targets: tuple[T, ...] | None = None
        self.publisher: Publisher | None = None
        self.fired = 0

    def refresh(self) -> tuple[T, ...]:
        """Look the targets up again, and keep them; needs no guard."""
        table = self._table
        version = table.version
        self.targets = targets = table.match(self.sender, self.event)
        table.note_fresh(self)  # now: a change marks it from here on, and one that came between is seen here
        if table.version != version:  # what was kept may be older than it
            self.targets = None
        return targets


@mypyc_attr(allow_interpreted_subclasses=True)
class Table(Generic[T]):
    """Subscriptions by pattern, and the topics whose targets follow from them.

    Targets are any hashable things: callbacks in a router, ports in the exchange. Not thread-safe: who shares one
    guards its changes; looking targets up needs no guard.

    Attributes:
        size: subscriptions.
        version: of the subscriptions: grows after each change, before topics are marked out of date.
        fresh: the topics that may have targets: a change costs no more than what was looked up since the last one.
    """

    def __init__(self) -> None:
        self.size = 0
        self.version = 0
        self.fresh: set[Topic[T]] = set()
        self._at: dict[tuple[str, Name | None, Name | None], dict[T, None]] = {}
        self._topics: dict[Key, dict[Name, Topic[T]]] = {}

    # -- subscriptions

    def add(self, pattern: Pattern, target: T) -> bool:
        """Subscribe; true if it is the first of its pattern."""
        key = (SALT, *pattern)
        there = self._at.get(key)
        first = there is None
        if there is None:
            there = self._at[key] = {}
        self.size += target not in there
        there[target] = None
        self._outdate(pattern)
        return first

    def remove(self, pattern: Pattern, target: T) -> bool:
        """Unsubscribe; true if it was the last of its pattern. Without such a subscription it does nothing: false."""
        key = (SALT, *pattern)
        there = self._at.get(key)
        if there is None or target not in there:
            return False
        del there[target]
        self.size -= 1
        if not there:
            del self._at[key]
        self._outdate(pattern)
        return not there

    def at(self, pattern: Pattern) -> tuple[T, ...]:
        """Return the targets that subscribed to exactly this pattern, in order of registration."""
        return tuple(self._at.get((SALT, *pattern), ()))

    def patterns(self) -> list[Pattern]:
        """Return all patterns that somebody subscribed to."""
        return [(sender, event) for _, sender, event in self._at]

    def names_sender(self, sender: Name) -> bool:
        """Return whether a subscription names this sender (looks at each pattern)."""
        return any(named == sender for _, named, _ in self._at if named is not None)

    def match(self, sender: Name, event: Name) -> tuple[T, ...]:
        """Return who hears it: router broadcast, sender broadcast, channel, specific; each target once."""
        found: dict[T, None] = {}
        for pattern in patterns_of(sender, event):
            there = self._at.get((SALT, *pattern))
            if there:
                found.update(dict.fromkeys(tuple(there)))  # tuple: a copy in one step
        return tuple(found)

    # -- topics

    def topic(self, sender: Name, event: Name) -> Topic[T]:
        """Return the topic of (sender, event), always the same one until it is dropped."""
        events = self._topics.setdefault(key_of(sender), {})
        topic = events.get(event)
        return topic if topic is not None else events.setdefault(event, Topic(self, sender, event))

    def drop(self, sender: Name) -> None:
        """Forget the topics of a sender; who still holds one has it out of date from the next change on."""
        self.fresh.difference_update(self._topics.pop(key_of(sender), {}).values())

    def drop_topic(self, sender: Name, event: Name) -> None:
        """Forget one topic; see `drop`."""
        events = self._topics.get(key_of(sender), {})
        topic = events.pop(event, None)
        if topic is not None:
            self.fresh.discard(topic)
        if not events:
            self._topics.pop(key_of(sender), None)

    def drop_all(self) -> None:
        """Forget all topics; see `drop`."""
        self._topics.clear()
        self.fresh.clear()

    def outdate_all(self) -> None:
        """Have all targets looked up again: who may hear what has changed."""
        self.version += 1
        for topic in self.fresh.copy():
            self.fresh.discard(topic)
            topic.targets = None

    def note_fresh(self, topic: Topic[T]) -> None:
        """Note that a topic has targets, unless it was dropped."""
        if self._topics.get(key_of(topic.sender), {}).get(topic.event) is topic:
            self.fresh.add(topic)

    def _outdate(self, pattern: Pattern) -> None:
        self.version += 1
        for topic in self._affected(pattern):
            self.fresh.discard(topic)  # before: who looks it up meanwhile puts it in again
            topic.targets = None

    def _affected(self, pattern: Pattern) -> Iterator[Topic[T]]:
        sender, event = pattern
        if sender is None:
            if event is None or is_channel(event):
                topics = self.fresh.copy()  # in one step: topics are looked up without a guard
                yield from (topic for topic in topics if event in (None, topic.event))
            return
        events = self._topics.get(key_of(sender), {})
        if event is None:
            yield from tuple(events.values())
        elif event in events:
            yield events[event]
