"""The live stream to pages (Server-Sent Events): ten batches a second at most, and of each the newest entries only.

Nothing is queued for a page. Each has a place in the journal, and what came since then is sent when the last batch has
been taken; so a slow browser costs no memory, and is told how many events it skipped.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from names import write_name

from web_events_logger.journal import SHOWN, Entry, Filter, Journal
from web_events_logger.subscriber import Subscriber

__all__ = ["PAGES", "ROWS", "Feed"]

EVERY = 0.1  # seconds between two batches
HEARTBEAT = 5.0  # seconds without a batch after which an empty one is sent
ROWS = 1000  # entries that a page shows at most, however many are kept
PAGES = 64  # pages at one time


class Feed:
    """Tells pages what happens.

    Args:
        stopping: tells whether the program is about to end.

    Attributes:
        pages: that are open.
    """

    def __init__(self, journal: Journal, subscriber: Subscriber, stopping: Callable[[], bool]) -> None:
        self.pages = 0
        self._journal = journal
        self._subscriber = subscriber
        self._stopping = stopping

    async def stream(self, only: Filter) -> AsyncIterator[bytes]:
        """Give the messages for one page, until the program ends."""
        view = _View(self._journal, self._subscriber, only)
        self.pages += 1
        try:
            while not self._stopping():
                message = view.news()
                if message is not None:
                    yield b"data: " + json.dumps(message, separators=(",", ":")).encode() + b"\n\n"
                await asyncio.sleep(EVERY)
        finally:
            self.pages -= 1


class _View:
    """What one page knows already."""

    def __init__(self, journal: Journal, subscriber: Subscriber, only: Filter) -> None:
        self._journal = journal
        self._subscriber = subscriber
        self._only = only
        self._last = 0
        self._clearings = -1
        self._state: dict[str, Any] = {}
        self._told = 0.0

    def news(self) -> dict[str, Any] | None:
        """Give what it does not know yet; None if that is nothing, and it was told something not long ago."""
        state, now = self._current(), time.monotonic()
        if state == self._state and now - self._told < HEARTBEAT:
            return None
        clearings = self._journal.clearings
        reset = clearings != self._clearings
        most = min(self._journal.limit, ROWS)
        entries, last, skipped = self._journal.after(0 if reset else self._last, self._only, most)
        self._last, self._clearings, self._state, self._told = last, clearings, state, now
        return {
            "reset": reset,
            "entries": [_row(entry) for entry in entries],
            "skipped": 0 if reset else skipped,
            "state": state,
        }

    def _current(self) -> dict[str, Any]:
        journal, subscriber = self._journal, self._subscriber
        return {
            "url": subscriber.url,
            "link": subscriber.state,
            "reason": subscriber.reason,
            "limit": journal.limit,
            "rows": min(journal.limit, ROWS),
            "received": journal.received,
            "clearings": journal.clearings,
            "lost": subscriber.lost,
            "registrations": [
                [*map(write_name, each.pattern), each.subscription is not None, each.problem]
                for each in subscriber.registrations
            ],
        }


def _row(entry: Entry) -> list[Any]:
    number, at, sender, event, data = entry
    return [number, at, write_name(sender), write_name(event), data[:SHOWN], len(data)]
