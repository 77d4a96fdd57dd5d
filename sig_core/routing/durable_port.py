"""The port of a durable: it hears what matches, whether its listener is there or not, and has it kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Protocol

from sig_core.errors import Busy, SigError
from sig_core.events import Name
from sig_core.protocol.limits import Limits
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.queued_port import QueuedPort
from sig_core.routing.traffic import Traffic
from sig_core.store.contract import Durable

__all__ = ["NO_ROOM", "DurablePort", "KeptRun", "described"]

WAITING = 4 << 20  # bytes that wait for the store, of one durable
STALL = 5.0  # seconds that a store may hold its feeders back: what is durable is to be lost last
NO_ROOM = "the store could not follow"


class KeptRun(Run):
    """Events on their way into the store: with what they are, when they came, and the position of the last."""

    __slots__ = ("at", "event", "run", "sender")

    def __init__(self, run: Run, sender: Name, event: Name, at: float) -> None:
        super().__init__(run.route, run.codec, run.count, run.data)
        self.run = run
        self.sender = sender
        self.event = event
        self.at = at


class Writes(Protocol):
    """What a durable's port tells of itself."""

    def has_work(self, port: DurablePort) -> None:
        """Note that something waits for the store."""

    def refused(self, error: SigError) -> None:
        """Note that what came just now is not kept."""

    def now(self) -> float:
        """Return the time of day, seconds."""


class Feeds(Protocol):
    """What a listener that is there gets."""

    @property
    def peer(self) -> str:
        """Whose it is, printable."""

    def pump(self) -> None:
        """Send on, as far as there is something, and room for it."""

    def tell_lost(self, count: int, reason: str) -> None:
        """Tell that events of the durable do not come."""

    def dropped(self) -> None:
        """Note that the durable is no more."""


class DurablePort(QueuedPort):
    """A target of events like others; it has no senders and no link, and what it takes goes to the store.

    Where more waits than the store can follow, who feeds it is held back, and then the newest are lost, counted.

    Args:
        record: how the durable stands.
        limits: of the exchange.
        codec: in which this program's own events are encoded for it.
        writes: is told what waits.

    Attributes:
        record: see above; positions and counts are brought up to date here as the store has them.
        feed: the listener that is there; None: it is away.
        given: the last position that was given.
        known: the last one of which it is known what became of it.
        unsaved: events that were lost, by reason, and are not counted in the store yet.
        settled: up to which position the store knows that nothing is needed again.
        put, done: events that were to be written, and those of them of which it is known what came of them.
    """

    def __init__(self, record: Durable, limits: Limits, codec: str, writes: Writes) -> None:
        outbox = Outbox(2 * WAITING, self._lose)
        outbox.high_water = WAITING
        super().__init__(f"durable {record.name!r}", codec, limits, outbox, Traffic())
        self.record = record
        self.feed: Feeds | None = None
        self.given = self.known = record.last
        self.settled = record.acknowledged
        self.put = self.done = self._failed = 0
        self.unsaved: Counter[str] = Counter()
        self._writes = writes

    def accepts_codec(self, codec: str) -> bool:
        """Any: an event is kept as it came."""
        return True

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Have events kept."""
        if self._outbox.size + len(run.data) > 2 * WAITING and self._outbox.size:
            self.note_lost(run, sender, event, run.count, NO_ROOM)
            self._writes.refused(Busy(f"{self.peer}: {NO_ROOM}: {self._outbox.size} bytes wait for it"))
            return
        self.traffic.fired += run.count
        self.put += run.count
        self._outbox.put(KeptRun(run, sender, event, self._writes.now()))
        self._writes.has_work(self)

    def recovers(self, now: float) -> bool:
        """See `Port`: a store that waits for its disk does so for a moment, as a rule."""
        return self._outbox.ends_stall(now, max(STALL, self.limits.stall))

    def take(self) -> KeptRun | None:
        """Take what has waited longest; None: nothing waits."""
        run = self._outbox.pop()
        assert run is None or isinstance(run, KeptRun)
        return run

    def note_lost(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        """See `Port`."""
        self.traffic.fired += count
        self.traffic.lost[reason] += count
        self.lose(count, reason)

    def note_done(self, run: KeptRun, problem: str) -> None:
        """Note what came of events that were taken: they are on disk, unless there is a problem."""
        self.done += run.count
        if problem:
            self._failed += run.count
            self.traffic.lost[problem] += run.count
            self.lose(run.count, problem)

    def stats(self) -> dict[str, Any]:
        """See `Port.stats`: delivered is what is on disk."""
        self.traffic.delivered = self.done - self._failed
        return self._figures(self.put - self.done)

    def lose(self, count: int, reason: str) -> None:
        """Count events that do not come to the durable's listener, and tell that."""
        self.unsaved[reason] += count
        self.note_gone(count, reason)

    def note_gone(self, count: int, reason: str) -> None:
        """Tell that events do not come to the durable's listener, which the store has counted."""
        if self.feed is not None:
            self.feed.tell_lost(count, reason)

    def left(self, feed: Feeds) -> None:
        """Note that a listener is not there any more."""
        if self.feed is feed:
            self.feed = None

    def has_waiting(self, runs: Collection[Run]) -> bool:
        """See `Port`."""
        return any(isinstance(each, KeptRun) and each.run in runs for each in self._outbox.runs)

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Counts of senders are of no matter here."""

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """It has no senders."""
        return [(token, Busy("nobody answers here")) for token in batch.tails]

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """It asks nothing."""

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """It asks nothing."""

    def describe(self, kept: Durable) -> dict[str, Any]:
        """Return how it stands, in the words of the call `durables`: fired = delivered + waiting + lost.

        Args:
            kept: how it stands in the store.
        """
        told = described(kept)
        told["lost"] = dict(Counter(kept.lost) + self.unsaved)
        told["waiting"] += self.put - self.done
        told["fired"] = told["delivered"] + told["waiting"] + sum(told["lost"].values())
        return told | {"heard_by": None if self.feed is None else self.feed.peer}


def described(kept: Durable) -> dict[str, Any]:
    """Return how a durable stands in a store, in the words of the call `durables`."""
    sender, event = kept.pattern
    fired = kept.last + kept.lost.get(NO_ROOM, 0)  # these have no positions
    return {
        "durable": kept.name,
        "owner": kept.owner,
        "sender": sender,
        "event": event,
        "fired": fired,
        "delivered": fired - kept.events - sum(kept.lost.values()),
        "waiting": kept.events,
        "lost": kept.lost,
        "last": kept.last,
        "acknowledged": kept.acknowledged,
        "sent": kept.sent,
        "heard_by": None,
    }
