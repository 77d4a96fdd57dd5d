"""Counting events: what was fired, and what of it is missing where it was to arrive."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sig_core.events import Name, Pattern

__all__ = ["GONE", "EventCounter", "LossDetector", "give_back"]

Key = tuple[Name, Name]
Wanted = Callable[[Name, Name], object]


GONE: tuple[Any, Any] = ("", None)  # no name: what is counted for all whose own count was given back
KEPT = 10_000  # topics of which a whole link told nothing: their senders may yet come back
OWN_COUNTS = 1000  # that are kept of senders which are gone


def give_back(counts: Counter[Any], topics: Iterable[Any]) -> None:
    """Count what is counted for topics that are gone under `GONE`, where counts have become many.

    Args:
        counts: events by (sender, event).
        topics: whose senders do not come back.
    """
    if len(counts) > OWN_COUNTS:
        for topic in topics:
            counts[GONE] += counts.pop(topic, 0)


class EventCounter:
    """A count that any number of threads may add to without a lock; who reads it must be one at a time.

    Attributes:
        increment: adds one. (An integer that is added to by two threads at once would miss some.)
    """

    __slots__ = ("_looks", "increment")

    def __init__(self) -> None:
        self.increment = itertools.count(1).__next__
        self._looks = 0

    def value(self) -> int:
        """Return the number counted so far."""
        counted = self.increment() - 1 - self._looks
        self._looks += 1
        return counted


class LossDetector:
    """Finds out which events did not reach a listener's end, by the counts that senders keep over all their links.

    A listener's end is told the count of an event when it begins to hear it, and again when the sender, or the
    listener, has reconnected. If that is more than what arrived since, the difference was lost somewhere.
    """

    def __init__(self) -> None:
        self._expected: dict[Key, tuple[str, int]] = {}  # what was told of last comes last
        self._paused: dict[Key, tuple[str, int]] = {}  # whose sender has left, and one of its name keeps no counts
        self._told: set[Key] = set()  # of on this link

    def __len__(self) -> int:
        return len(self._expected) + len(self._paused)

    def knows(self, sender: Name, event: Name) -> bool:
        """Return whether the count of an event was told."""
        return (sender, event) in self._expected or (sender, event) in self._paused

    def stands_at(self, sender: Name, event: Name, life: str = "") -> int:
        """Return how often an event was fired, by what has arrived here; -1: that is not known.

        Args:
            sender, event: which one.
            life: in which; "": whichever it is.
        """
        known, count = self._expected.get((sender, event), self._paused.get((sender, event), ("", -1)))
        return count if not life or life == known else -1

    def begin(self, sender: Name, event: Name, life: str, count: int, *, anew: bool = False) -> int:
        """Note where the count of an event stands.

        Args:
            sender, event: which one.
            life: text that the sender's owner keeps while the sender lives; with another one, counts begin anew.
            count: events that were fired in this life so far.
            anew: what was fired since the count was told last was not meant to arrive here.

        Returns:
            How many of them did not arrive here since the count was told last.
        """
        key = (sender, event)
        before, expected = self._expected.pop(key, self._paused.pop(key, ("", 0)))
        self._expected[sender, event] = (life, count)
        self._told.add((sender, event))
        return max(0, count - expected) if before == life and not anew else 0

    def pause(self, sender: Name, event: Name) -> None:
        """Note that who fires an event now keeps no counts: what comes is of no matter to them until `begin`."""
        known = self._expected.pop((sender, event), None)
        if known is not None:
            self._paused[sender, event] = known
            self._told.add((sender, event))

    def add(self, sender: Name, event: Name, count: int) -> None:
        """Note that `count` events arrived, or were reported as lost."""
        known = self._expected.get((sender, event))
        if known is not None:
            self._expected[sender, event] = (known[0], known[1] + count)

    def forget(self, topics: Iterable[Key]) -> None:
        """Forget events whose sender does not come back."""
        for topic in topics:
            self._expected.pop(topic, None)
            self._paused.pop(topic, None)
            self._told.discard(topic)

    def begin_link(self) -> None:
        """Note that a link has come; of what nobody told on the last one only the newest is kept, lest it adds up."""
        untold = [topic for topic in self.topics() if topic not in self._told]
        self.forget(untold[:-KEPT])
        self._told.clear()

    def topics(self) -> list[Key]:
        """Return the events that are counted."""
        return [*self._paused, *self._expected]

    def keep(self, wanted: Wanted, pattern: Pattern) -> None:
        """Forget the events that nobody listens to any more.

        Args:
            wanted: called with (sender, event); returns whether somebody listens.
            pattern: that the events match which it is about.
        """
        sender, event = pattern
        keys = [(sender, event)] if sender is not None and event is not None else self.topics()
        for key in keys:
            if not wanted(*key):
                self.forget([key])
