"""A store whose work is done when a test says so: nothing between a server and its store happens by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from sig_core.errors import SigError, StoreFailed
from sig_core.protocol.runs import split_events
from sig_core.routing.durables import Durables
from sig_core.session.binary.reports import Kept
from sig_core.store.contract import Store
from sig_core.store.memory_store import MemoryStore
from tests.support.sessions import Link, Net

__all__ = ["HandStore", "kept", "listed", "listen"]


class HandStore:
    """A worker without a thread.

    Attributes:
        fails: the store can't do anything now.
        done: works that were done.
    """

    def __init__(self, net: Net, store: Store | None = None) -> None:
        self.net = net
        self.store = store or MemoryStore()
        self.time = 1_000_000.0  # of day
        self.fails = False
        self.done = 0
        self._works: deque[tuple[Callable[[Store], Any], Callable[[Any, SigError | None], None]]] = deque()
        exchange = net.exchange
        self.durables = exchange.durables = Durables(
            *(exchange, exchange.flow_control.note_taken, net.limits, self, lambda: self.time, "json")
        )
        self.durables.begin(self.store.durables())

    def submit(self, work: Callable[[Store], Any], done: Callable[[Any, SigError | None], None]) -> None:
        self._works.append((work, done))

    def step(self) -> None:
        """Do one work, and carry what comes of it."""
        work, done = self._works.popleft()
        self.done += 1
        if self.fails:
            done(None, StoreFailed("the disk is full"))
        else:
            done(work(self.store), None)
        self.net.pump()

    def run(self) -> None:
        """Do all there is to do, and carry what comes of it."""
        self.net.pump()
        while self._works:
            self.step()


def listen(link: Link, name: str = "billing", sender: Any = None, event: Any = "#order", **more: Any) -> Any:
    """Add a durable listener; give what the server said."""
    told: list[Any] = []
    params = {"sender": sender, "event": event, "durable": name, **more}
    link.client.call("add_listener", params, lambda value, error: told.append(error or value))
    assert link.net.exchange.durables is not None
    worker: Any = link.net.exchange.durables._worker
    worker.run()
    (answer,) = told
    if isinstance(answer, SigError):
        raise answer
    return answer


def kept(link: Link) -> list[tuple[int, Any]]:
    """Take (position, value) of the durable events that have come."""
    found = []
    for report in link.of(Kept):
        ((_, data),) = split_events(report.data)
        found.append((report.position, link.decode(data)))
    return found


def listed(store: HandStore, link: Link) -> list[dict[str, Any]]:
    """What the call `durables` tells, of which each adds up."""
    told: list[Any] = []
    link.client.call("durables", {}, lambda value, error: told.append(value))
    store.run()
    for each in told[0]:
        assert each["fired"] == each["delivered"] + each["waiting"] + sum(each["lost"].values())
        assert min(each[key] for key in ("fired", "delivered", "waiting")) >= 0
    found: list[dict[str, Any]] = told[0]
    return found
