"""What a server keeps for durable listeners: it outlives the server, up to what was written, and may be full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sig_core.errors import SigError, StoreFailed
from sig_core.routing.durable_port import described
from sig_core.routing.transcode import decode
from sig_core.store.contract import Durable, KeptEvent, Store
from sig_core.store.memory_store import MemoryStore
from tests.simulation.durable_life import DurableLife, KeptValue
from tests.simulation.observer import PRESENCE
from tests.support.sessions import PLUGINS

if TYPE_CHECKING:
    from tests.simulation.server_node import ServerNode

__all__ = ["Disk", "StoreWorker"]

USUAL, SLOW = 0.004, 0.2  # seconds that it takes to write, at most
SLOW_WRITES = 0.05  # of all

Done = Callable[[Any, SigError | None], None]


class Disk(MemoryStore):
    """Notes all that was ever kept, to compare what listeners hear.

    Attributes:
        is_full: nothing can be written.
        lives: of the durables that there are, by name; one that is dropped and made anew has another life.
        ended: those that were dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.lives: dict[str, DurableLife] = {}
        self.ended: list[DurableLife] = []

    def _check_room(self) -> None:
        if self.is_full:
            raise StoreFailed("the disk is full")

    def add(self, durable: Durable) -> None:
        """See `Store`."""
        self._check_room()
        super().add(durable)
        self.lives[durable.name] = DurableLife(durable.name, durable.pattern)

    def drop(self, name: str) -> None:
        """See `Store`."""
        self._check_room()
        super().drop(name)
        life = self.lives.pop(name, None)
        if life is not None:
            life.is_dropped = True
            self.ended.append(life)

    def append(self, events: Sequence[tuple[str, KeptEvent]]) -> None:
        """See `Store`."""
        self._check_room()
        super().append(events)
        for name, event in events:
            if name in self.lives:
                self.lives[name].keep(event.position, _value_of(event))

    def mark(self, name: str, *, acknowledged: int | None, sent: int | None) -> None:
        """See `Store`."""
        self._check_room()
        super().mark(name, acknowledged=acknowledged, sent=sent)
        if acknowledged is not None and name in self.lives:
            self.lives[name].acknowledge(acknowledged)

    def lose(self, name: str, lost: Mapping[str, int], *, last: int) -> None:
        """See `Store`."""
        self._check_room()
        super().lose(name, lost, last=last)

    def expire(self, name: str, *, before: float, size: int) -> int:
        """See `Store`."""
        self._check_room()
        there = [event.position for event in self._events.get(name, ())]
        lost = super().expire(name, before=before, size=size)
        if lost:
            self.lives[name].expired.update(there[:lost])
        return lost

    def life_of(self, name: str) -> DurableLife:
        """Return the life of a durable, which may have been dropped just now."""
        found = self.lives.get(name)
        return found if found is not None else next(life for life in reversed(self.ended) if life.name == name)

    def clean_up(self) -> None:
        """Let there be room again."""
        self.is_full = False

    def note_killed(self) -> None:
        """Note that a server was killed: what it had not written was never routed, for all that durables know."""
        for record in self.durables():
            self.lives[record.name].due = described(record)["fired"]


def _value_of(event: KeptEvent) -> KeptValue:
    if event.event in PRESENCE:
        return KeptValue.of(event.event, None)
    return KeptValue.of(event.event, decode(PLUGINS.codecs.get(event.codec), event.data))


class StoreWorker:
    """The thread of one server process that has the store: it works by and by, until the process dies.

    Args:
        server: whose it is.
        disk: that it writes.
    """

    def __init__(self, server: ServerNode, disk: Disk) -> None:
        self._server = server
        self._world = server.world
        self._disk = disk
        self._works: deque[tuple[Callable[[Store], Any], Done]] = deque()
        self._untold = self._failed = 0
        self.is_dead = False

    @property
    def is_busy(self) -> bool:
        """Whether anything is to be done, or told."""
        return bool(self._works or self._untold)

    @property
    def has_failed(self) -> bool:
        """Whether something failed, and that is not told yet."""
        return self._failed > 0

    def submit(self, work: Callable[[Store], Any], done: Done) -> None:
        """See `Worker`."""
        self._works.append((work, done))
        if len(self._works) == 1:
            self._later(self._do)

    def _later(self, job: Callable[[], object]) -> None:
        random = self._world.random
        self._world.after(random() * (SLOW if random() < SLOW_WRITES else USUAL), job)

    def _do(self) -> None:
        if self.is_dead or not self._works:
            return
        if self._server.is_stopped_still:
            self._world.after(USUAL, self._do)
            return
        work, done = self._works[0]
        outcome = self._outcome(work)
        self._works.popleft()
        self._untold += 1
        self._failed += outcome[1] is not None
        self._tell(done, outcome)
        if self._works:
            self._later(self._do)

    def _outcome(self, work: Callable[[Store], Any]) -> tuple[Any, SigError | None]:
        try:
            return work(self._disk), None
        except SigError as error:
            return None, error

    def _tell(self, done: Done, outcome: tuple[Any, SigError | None]) -> None:
        def tell() -> None:
            if self._server.is_stopped_still and not self.is_dead:
                self._world.after(USUAL, tell)
            elif not self.is_dead:
                self._untold -= 1
                self._failed -= outcome[1] is not None
                done(*outcome)

        self._world.after(USUAL / 4, tell)  # the same for all, so that they are told in order

    def finish(self) -> None:
        """Do all there is to do: the server ends in order, and is told nothing any more."""
        self.is_dead = True
        while self._works:
            self._outcome(self._works.popleft()[0])
