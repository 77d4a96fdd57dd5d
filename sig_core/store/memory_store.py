"""A store in memory: the twin of the one on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sig_core.store.contract import EXPIRED, Durable, KeptEvent

__all__ = ["MemoryStore"]


class MemoryStore:
    """See `Store`."""

    def __init__(self) -> None:
        self._durables: dict[str, Durable] = {}
        self._events: dict[str, deque[KeptEvent]] = {}

    def open(self) -> None:
        """See `Store`."""

    def close(self) -> None:
        """See `Store`."""

    def durables(self) -> list[Durable]:
        """See `Store`."""
        return [replace(each, lost=dict(each.lost)) for each in self._durables.values()]

    def add(self, durable: Durable) -> None:
        """See `Store`."""
        self._durables[durable.name] = replace(durable, lost=dict(durable.lost))
        self._events[durable.name] = deque()

    def drop(self, name: str) -> None:
        """See `Store`."""
        self._durables.pop(name, None)
        self._events.pop(name, None)

    def append(self, events: Sequence[tuple[str, KeptEvent]]) -> None:
        """See `Store`."""
        for name, event in events:
            durable = self._durables.get(name)
            if durable is not None:
                self._events[name].append(event)
                durable.last = event.position
                durable.events += 1
                durable.bytes += len(event.info) + len(event.data)

    def read(self, name: str, after: int, events: int, size: int) -> list[KeptEvent]:
        """See `Store`."""
        found: list[KeptEvent] = []
        for event in self._events.get(name, ()):
            if event.position > after:
                size -= len(event.info) + len(event.data)
                if len(found) == events or (found and size < 0):
                    break
                found.append(event)
        return found

    def mark(self, name: str, *, acknowledged: int | None, sent: int | None) -> None:
        """See `Store`."""
        durable = self._durables.get(name)
        if durable is None:
            return
        if sent is not None:
            durable.sent = max(durable.sent, sent)
        if acknowledged is not None:
            durable.acknowledged = max(durable.acknowledged, acknowledged)
            waiting = self._events[name]
            while waiting and waiting[0].position <= durable.acknowledged:
                self._take_out(name)

    def _take_out(self, name: str) -> None:
        event, durable = self._events[name].popleft(), self._durables[name]
        durable.events -= 1
        durable.bytes -= len(event.info) + len(event.data)

    def lose(self, name: str, lost: Mapping[str, int], *, last: int) -> None:
        """See `Store`."""
        durable = self._durables.get(name)
        if durable is not None:
            _add(durable.lost, lost)
            durable.last = max(durable.last, last)

    def expire(self, name: str, *, before: float, size: int) -> int:
        """See `Store`."""
        if name not in self._durables:
            return 0
        durable, waiting, lost = self._durables[name], self._events[name], 0
        while waiting and (waiting[0].at < before or durable.bytes > size):
            self._take_out(name)
            lost += 1
        _add(durable.lost, {EXPIRED: lost})
        return lost


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for reason, count in more.items():
        if count:
            counts[reason] = counts.get(reason, 0) + count
