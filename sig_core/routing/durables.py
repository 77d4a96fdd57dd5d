"""The durables of a server: what each hears goes to the store in groups, and from there to a listener that is there.

Nothing here waits, nor touches the store itself: what is to be done there is handed to a `Worker`, and what came of it
is told later. All of it happens under the lock of the exchange.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from sig_core.errors import Busy, ConfigError, NotOwner, SigError
from sig_core.events import Pattern
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.routing.deferred import Deferred
from sig_core.routing.durable_feed import DurableFeed, HearsKept
from sig_core.routing.durable_port import DurablePort, KeptRun
from sig_core.routing.ports import Port
from sig_core.store.contract import EXPIRED, Durable, KeptEvent, Store

__all__ = ["Durables", "Routes", "Worker"]

GROUP = 1 << 20  # bytes that are written in one transaction, at the most, but for the last run
LOOK = 1.0  # seconds between looks at what is too old, or too much
FAILED = "the store failed"

Done = Callable[[Any, SigError | None], None]
Group = list[tuple[DurablePort, KeptRun, int]]


class Worker(Protocol):
    """Has the store do something."""

    def submit(self, work: Callable[[Store], Any], done: Done) -> None:
        """Have `work` called with the store soon, after what was submitted before; then tell (result, error)."""


class Routes(Protocol):
    """What durables need of the exchange."""

    def join(self, port: Port, *, own: bool = False) -> None: ...
    def leave(self, port: Port) -> None: ...
    def listen(self, port: Port, pattern: Pattern) -> None: ...
    def unlisten(self, port: Port, pattern: Pattern) -> None: ...


class _Wait:
    """Who waits until events that were fired just now are on disk."""

    __slots__ = ("error", "left", "told")

    def __init__(self) -> None:
        self.left = 0
        self.error: SigError | None = None
        self.told: Callable[[SigError | None], None] | None = None


class Durables:
    """All of one server.

    Args:
        exchange: that events come from.
        note_taken: called when something left a port whose feeders are held back.
        limits: `max_durables`, `max_durable_bytes` and `max_durable_age` are for it.
        worker: has the store do something.
        clock: returns the time of day, seconds.
        codec: name of that in which this program's own events are encoded for it.
    """

    def __init__(
        self,
        exchange: Routes,
        note_taken: Callable[[Port], None],
        limits: Limits,
        worker: Worker,
        clock: Callable[[], float],
        codec: str,
    ) -> None:
        self._exchange = exchange
        self._note_taken = note_taken
        self._limits = limits
        self._worker = worker
        self._clock = clock
        self._codec = codec
        self._ports: dict[str, DurablePort] = {}
        self._making: set[str] = set()  # names that are on their way into the store
        self._dirty: dict[DurablePort, None] = {}  # that have something for the store
        self._writes = False  # a group is under way
        self._marks: dict[DurablePort, list[Deferred]] = {}  # that were acknowledged since the last mark
        self._unmarked: dict[DurablePort, None] = {}  # of which the store could not be told
        self._marking = False
        self._looks = False  # it is looked at just now what is too old
        self._heard: list[tuple[DurablePort, int]] | None = None  # who heard what is to be confirmed
        self._refusal: SigError | None = None  # of what is to be confirmed
        self._waits: dict[DurablePort, list[tuple[int, _Wait]]] = {}
        self._next_look = 0.0  # monotonic

    # -- which there are

    def begin(self, found: Iterable[Durable]) -> None:
        """Take up what a store has."""
        for record in found:
            self._begin(record)

    def _begin(self, record: Durable) -> DurablePort:
        port = self._ports[record.name] = DurablePort(record, self._limits, self._codec, self)
        self._exchange.join(port, own=True)
        self._exchange.listen(port, record.pattern)
        return port

    def attach(self, name: str, pattern: Pattern, owner: str, listener: HearsKept) -> Deferred:
        """Let a listener hear a durable, which is made if there is none; the answer has its `DurableFeed`.

        Args:
            name: of the durable.
            pattern: that it hears.
            owner: the user who asks; "": nobody in particular.
            listener: who is there.

        Raises:
            ConfigError: it hears something else.
            NotOwner: it is somebody else's.
            Busy: another listener is there, or there are too many durables.
        """
        answer, port = Deferred(), self._ports.get(name)
        if port is not None:
            self._check(port, pattern, owner)
            answer.settle(self._feed(port, listener))
            return answer
        most = self._limits.max_durables
        if name in self._making:
            raise Busy(f"durable {name!r}: it is just being made for another listener")
        if len(self._ports) + len(self._making) >= most:
            raise Busy(f"durable {name!r}: {most} durables is the limit (max_durables): drop one that nobody needs")
        record = Durable(name, owner, pattern)
        self._making.add(name)

        def made(_: Any, error: SigError | None) -> None:
            self._making.discard(name)
            answer.settle(None if error is not None else self._feed(self._begin(record), listener), error)

        self._worker.submit(lambda store: store.add(replace(record)), made)
        return answer

    def _check(self, port: DurablePort, pattern: Pattern, owner: str) -> None:
        record = port.record
        if record.owner != owner:
            raise NotOwner(f"durable {record.name!r}: it belongs to another user: take another name")
        if record.pattern != pattern:
            words = f"it hears {record.pattern}, not {pattern}"
            raise ConfigError(f"durable {record.name!r}: {words}: take another name, or drop it first")
        if port.feed is not None:
            raise Busy(f"durable {record.name!r}: {port.feed.peer} listens to it: one at a time can")

    def _feed(self, port: DurablePort, listener: HearsKept) -> DurableFeed:
        feed = DurableFeed(port, listener, self)
        port.feed = feed
        return feed

    def find(self, name: str) -> DurablePort:
        """Return a durable, or raise ConfigError: there is none of that name."""
        port = self._ports.get(name)
        if port is None:
            raise ConfigError(f"durable {name!r}: there is none of that name")
        return port

    def all(self) -> list[DurablePort]:
        """Return all there are."""
        return list(self._ports.values())

    def drop(self, name: str) -> Deferred:
        """End a durable, with all that waits in it; ConfigError: there is none."""
        port, answer = self.find(name), Deferred()
        if name in self._making:
            raise Busy(f"durable {name!r}: it is just being dropped")
        self._making.add(name)  # until it is gone from the store nobody makes it anew

        def dropped(_: Any, error: SigError | None) -> None:
            self._making.discard(name)
            if error is None:
                self._end(port)
            answer.settle(None, error)

        self._worker.submit(lambda store: store.drop(name), dropped)
        return answer

    def _end(self, port: DurablePort) -> None:
        del self._ports[port.record.name]
        self._dirty.pop(port, None)
        self._exchange.unlisten(port, port.record.pattern)
        self._exchange.leave(port)
        gone = ConfigError(f"durable {port.record.name!r} was dropped")
        if port.feed is not None:
            port.feed.dropped()
        for _, wait in self._waits.pop(port, ()):
            self._settle(wait, gone)
        for answer in self._marks.pop(port, ()):
            answer.settle(None, gone)

    # -- into the store

    def now(self) -> float:
        """Return the time of day, seconds."""
        return self._clock()

    def has_work(self, port: DurablePort) -> None:
        """See `Writes`."""
        self._dirty[port] = None
        if self._heard is not None:
            self._heard.append((port, port.put))
        if not self._writes:
            self._write()

    def _write(self) -> None:
        """Write what waits now, as one group: what comes meanwhile is the next one."""
        group: Group = []
        size = 0
        while self._dirty and size < GROUP:
            port = next(iter(self._dirty))
            run = port.take()
            if run is None:
                del self._dirty[port]
                continue
            group.append((port, run, port.given))
            port.given += run.count
            size += len(run.data)
        if group:
            self._save_losses()  # first: were the server killed between, positions of these would count as heard
            self._writes = True
            self._worker.submit(partial(_append, group), partial(self._written, group))

    def _written(self, group: Group, _: Any, error: SigError | None) -> None:
        self._writes = False
        ports = dict.fromkeys(port for port, _, _ in group)
        for port, run, before in group:
            port.known = before + run.count
            if error is None:
                port.record.last = before + run.count
            port.note_done(run, "" if error is None else FAILED)
        for port in ports:
            self._note_done(port, error)
            self._note_taken(port)
        self._write()  # first: who has to confirm waits for that
        for port in ports:
            if port.feed is not None:
                port.feed.pump()

    def finish(self) -> None:
        """Have all written that waits: the server stops."""
        while self._dirty:
            self._write()
        self._save_losses()

    # -- confirmed events

    def watch(self) -> None:
        """Note from now on who hears an event, until `when_kept`."""
        self._heard, self._refusal = [], None

    def refused(self, error: SigError) -> None:
        """See `Writes`."""
        self._refusal = error

    def when_kept(self, told: Callable[[SigError | None], None]) -> bool:
        """Have it told when what was heard since `watch` is on disk, or why it is not; False: no durable heard it."""
        heard, self._heard = self._heard or [], None
        wait = _Wait()
        if self._refusal is not None:
            told(self._refusal)
            return True
        for port, number in heard:
            if port.done < number:
                wait.left += 1
                self._waits.setdefault(port, []).append((number, wait))
        if not wait.left:
            return False
        wait.told = told
        return True

    def _note_done(self, port: DurablePort, error: SigError | None) -> None:
        waits = self._waits.get(port)
        while waits and waits[0][0] <= port.done:
            self._settle(waits.pop(0)[1], error)
        if waits is not None and not waits:
            del self._waits[port]

    def _settle(self, wait: _Wait, error: SigError | None) -> None:
        wait.left -= 1
        wait.error = wait.error or error
        if not wait.left and wait.told is not None:
            wait.told(wait.error)

    # -- out of it

    def read(self, port: DurablePort, after: int, events: int, size: int, done: Done) -> None:
        """Have events read that are sent now: the store knows before that they may have been heard."""

        def work(store: Store) -> list[KeptEvent]:
            found = store.read(port.record.name, after, events, size)
            if found and found[-1].position > port.record.sent:
                store.mark(port.record.name, acknowledged=None, sent=found[-1].position)
            return found

        self._worker.submit(work, done)

    def acknowledge(self, port: DurablePort) -> Deferred:
        """Have the store know that nothing up to `record.acknowledged` is needed again."""
        answer = Deferred()
        self._marks.setdefault(port, []).append(answer)
        if not self._marking:
            self._mark()
        return answer

    def _mark(self) -> None:
        marks, self._marks = self._marks, {}
        if not marks:
            return
        self._save_losses()  # first: of what is acknowledged they say what nobody has heard
        positions = [(port.record.name, port.record.acknowledged) for port in marks]

        def work(store: Store) -> None:
            for name, position in positions:
                store.mark(name, acknowledged=position, sent=None)

        def done(_: Any, error: SigError | None) -> None:
            self._marking = False
            if error is None:
                for port, (_, position) in zip(marks, positions, strict=True):
                    port.settled = max(port.settled, position)
            else:
                self._unmarked.update(dict.fromkeys(marks))
            for answers in marks.values():
                for answer in answers:
                    answer.settle(None, error)
            self._mark()

        self._marking = True
        self._worker.submit(work, done)

    def _mark_again(self) -> None:
        """Have the store told what it could not be told: a listener that hears nothing more does not say it again."""
        unmarked, self._unmarked = self._unmarked, {}
        for port in unmarked:
            if self._ports.get(port.record.name) is port:
                self._marks.setdefault(port, [])
        if not self._marking:
            self._mark()

    # -- time

    def tick(self, now: float) -> None:
        """Do what is due."""
        for port in self._ports.values():
            if port.feed is not None:
                port.feed.pump()
        if now >= self._next_look and self._ports:
            self._next_look = now + LOOK
            self._save_losses()
            self._mark_again()
            if not self._looks:
                self._look()

    def _look(self) -> None:
        """Have the store lose what is too old, or too much."""
        before, size = self._clock() - self._limits.max_durable_age, self._limits.max_durable_bytes
        self._looks = True
        self._worker.submit(partial(_expire, list(self._ports), before, size), self._expired)

    def _expired(self, found: Any, error: SigError | None) -> None:
        self._looks = False
        lost: dict[str, int] = {} if error is not None else found
        for name, count in lost.items():
            if count and name in self._ports:
                self._ports[name].note_gone(count, EXPIRED)
        if any(lost.values()):  # one call loses a bounded number: more may be due
            self._look()

    # -- figures

    def _save_losses(self) -> None:
        """Have the store count what was lost, so that it is known when the server is started anew."""
        lost = {port: port.unsaved for port in self._ports.values() if port.unsaved}
        if not lost:
            return
        for port in lost:
            port.unsaved = Counter()
        losses = [(port.record.name, counts, port.known) for port, counts in lost.items()]

        def work(store: Store) -> None:
            while losses:  # of what was saved none is saved again
                name, counts, last = losses[-1]
                store.lose(name, counts, last=last)
                losses.pop()

        def done(_: Any, error: SigError | None) -> None:
            left = {name for name, _, _ in losses}
            for port, counts in lost.items():
                if port.record.name in left:
                    port.unsaved += counts

        self._worker.submit(work, done)

    def described(self, ports: Iterable[DurablePort]) -> Deferred:
        """Return how durables stand, in the words of the call `durables`."""
        answer, asked = Deferred(), list(ports)
        self._save_losses()

        def found(records: Any, error: SigError | None) -> None:
            kept: dict[str, Durable] = {} if error is not None else {record.name: record for record in records}
            there = [port.describe(kept[port.record.name]) for port in asked if port.record.name in kept]
            answer.settle(None if error is not None else there, error)

        self._worker.submit(lambda store: store.durables(), found)
        return answer

    def complete(self, ledger: dict[str, Any]) -> Any:
        """Return an answer to the call `ledger` in which durables have what the store knows of them, now or later."""
        rows, answer = {row["listener"]: row for row in ledger["listeners"]}, Deferred()
        ports = [port for port in self._ports.values() if port.peer in rows]
        if not ports:
            return ledger

        def found(told: Any, error: SigError | None) -> None:
            for each in told or ():
                row = rows[f"durable {each['durable']!r}"]
                row.update({key: each[key] for key in ("fired", "delivered", "waiting", "lost", "heard_by")})
            answer.settle(None if error is not None else ledger, error)

        self.described(ports).when_settled(found)
        return answer


def _append(group: Group, store: Store) -> None:
    """Write a group; on the thread of the store."""
    events: list[tuple[str, KeptEvent]] = []
    for port, run, position in group:
        for additions, data in split_events(run.data):
            position += 1
            kept = KeptEvent(position, run.sender, run.event, run.codec, additions or b"", data, run.at)
            events.append((port.record.name, kept))
    store.append(events)


def _expire(names: list[str], before: float, size: int, store: Store) -> dict[str, int]:
    """Drop what is too old, or too much; return how many of each."""
    return {name: store.expire(name, before=before, size=size) for name in names}
