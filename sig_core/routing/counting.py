"""Counting events: what was fired, and what of it is missing where it was to arrive."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from sig_core.events import Name, Pattern

__all__ = ["EventCounter", "LossDetector"]

Key = tuple[Name, Name]
Wanted = Callable[[Name, Name], object]


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
    """What a listener's end should have got of each event, by the count that its sender keeps through all its links.

    A sender's count is told where a link begins to hear the event, and again when the sender, or the listener, is back.
    What was fired beyond the count that should stand then is missing, whoever lost it.
    """

    def __init__(self) -> None:
        self._expected: dict[Key, tuple[str, int]] = {}

    def __len__(self) -> int:
        return len(self._expected)

    def begin(self, sender: Name, event: Name, life: str, count: int) -> int:
        """Note that number `count` + 1 of its sender's `life` comes next; give how many are missing before it."""
        before, expected = self._expected.get((sender, event), ("", 0))
        self._expected[sender, event] = (life, count)
        return max(0, count - expected) if before == life else 0

    def add(self, sender: Name, event: Name, count: int) -> None:
        """Note that `count` events arrived, or were said to be lost."""
        known = self._expected.get((sender, event))
        if known is not None:
            self._expected[sender, event] = (known[0], known[1] + count)

    def topics(self) -> list[Key]:
        """Return what is counted."""
        return list(self._expected)

    def keep(self, wanted: Wanted, pattern: Pattern) -> None:
        """Forget what nobody listens to any more, of what matches `pattern`."""
        sender, event = pattern
        keys = [(sender, event)] if sender is not None and event is not None else self.topics()
        for key in keys:
            if not wanted(*key):
                self._expected.pop(key, None)
