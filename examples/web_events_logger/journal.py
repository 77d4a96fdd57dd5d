"""The log: the newest events, and no more of them than it was told to keep."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from sig_core.events import Name

__all__ = ["SHOWN", "Batch", "Entry", "Filter", "Journal", "read_limit"]

MOST = 100_000  # entries
ROOM = 64 << 20  # characters of all data together; beyond them the oldest entries give way
SHOWN = 16 << 10  # characters of one entry's data that a page is sent
BATCH = 1 << 20  # characters of data that a page is sent at once


class Entry(NamedTuple):
    """An event, as it came.

    Attributes:
        number: of the event, from 1, since the program started.
        time: when it came, in seconds since 1970.
        data: as JSON.
    """

    number: int
    time: float
    sender: Name
    event: Name
    data: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are meant; None stands for any."""

    sender: Name | None = None
    event: Name | None = None

    def takes(self, entry: Entry) -> bool:
        """Tell whether an entry is meant."""
        return self.sender in (None, entry.sender) and self.event in (None, entry.event)


class Batch(NamedTuple):
    """What is new to somebody.

    Attributes:
        entries: the newest ones, oldest first.
        last: number of the newest event there is.
        skipped: how many came since the last batch and are not looked at in this one.
    """

    entries: list[Entry]
    last: int
    skipped: int


class Journal:
    """Keeps the newest entries. May be used by several threads.

    Args:
        limit: entries to keep, 1 .. 100,000.

    Attributes:
        received: events that came, since the program started.
        clearings: how often it was cleared.
    """

    def __init__(self, limit: int) -> None:
        self.received = 0
        self.clearings = 0
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def limit(self) -> int:
        """How many entries are kept."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        with self._lock:
            self._limit = limit
            self._trim()

    def add(self, sender: Name, event: Name, data: str) -> None:
        """Note an event that has just come."""
        with self._lock:
            self.received += 1
            self._entries.append(Entry(self.received, time.time(), sender, event, data))
            self._size += len(data)
            self._trim()

    def clear(self) -> int:
        """Forget all entries; gives how many there were."""
        with self._lock:
            count, self._size = len(self._entries), 0
            self._entries.clear()
            self.clearings += 1
            return count

    def all(self, only: Filter) -> list[Entry]:
        """Give the entries that are meant, oldest first."""
        with self._lock:
            entries = list(self._entries)
        return [entry for entry in entries if only.takes(entry)]

    def find(self, number: int) -> Entry | None:
        """Give the entry of that number; None if it is not there (any more)."""
        with self._lock:
            place = number - self._entries[0].number if self._entries else -1
            return self._entries[place] if 0 <= place < len(self._entries) else None

    def after(self, number: int, only: Filter, most: int) -> Batch:
        """Give what came after the event `number`: the newest `most` that are meant, or fewer if they are long."""
        found: list[Entry] = []
        room = BATCH
        with self._lock:
            oldest = self.received + 1
            for entry in reversed(self._entries):
                if entry.number <= number or len(found) == most or room <= 0:
                    break
                oldest = entry.number
                if only.takes(entry):
                    found.append(entry)
                    room -= min(len(entry.data), SHOWN)
            return Batch(found[::-1], self.received, oldest - 1 - number)

    def _trim(self) -> None:
        while len(self._entries) > self._limit or self._size > ROOM:
            self._size -= len(self._entries.popleft().data)


def read_limit(text: str) -> int:
    """Make a limit of a text.

    Raises:
        ValueError: it is no integer from 1 to 100,000.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= MOST:
        raise ValueError(f"limit {text[:40]!r}: must be an integer from 1 to {MOST}")
    return int(text)
