"""A port with nobody behind it."""

from __future__ import annotations

from typing import Any

from sig_core.protocol.limits import Limits
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import Run
from sig_core.routing.queued_port import QueuedPort
from sig_core.routing.traffic import Traffic

__all__ = ["LIMIT", "Port", "run"]

LIMIT = 1000  # bytes


class Port(QueuedPort):
    """A port with nobody behind it, and what it was told."""

    def __init__(self) -> None:
        super().__init__("peer", "json", Limits(stall=2.0), Outbox(LIMIT, self._lose), Traffic())
        self.learned: list[tuple[int, Any, Any]] = []
        self.changes: list[bool] = []
        self.on_change = lambda: self.changes.append(self.reading_paused)

    def put(self, size: int, events: int = 1) -> None:
        self.traffic.fired += events
        self._outbox.put(run(events, size))

    def take(self, room: int) -> bytes:
        return self._outbox.take(room)

    def _learn(self, route: int, sender: Any, event: Any) -> None:
        self.learned.append((route, sender, event))

    def _own_figures(self) -> dict[str, Any]:
        return {"kind": "test"}


def run(count: int, size: int = 0) -> Run:
    return Run(7, "json", count, bytes(size))
