"""The port of a server's own program: what comes for its listeners, its handlers and who asked, as jobs in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import Busy, CodecError, LimitError, SigError
from sig_core.events import Info, Name
from sig_core.io.server.dispatcher import Job
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.routing.entities import Subscription
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.info import info_of, last_info
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import RequestBatch, Run, request_each
from sig_core.routing.queued_port import QueuedPort
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import decode
from sig_core.session.binary.reports import ReplyCallback

__all__ = ["LocalPort"]

SPARE_NAMES = 1000  # that are kept though none of their events waits


class _RequestRun(Run):
    """A request in the queue of runs, so that it keeps its place among the events."""

    __slots__ = ("batch", "token")

    def __init__(self, token: int, batch: RequestBatch, params: bytes) -> None:
        super().__init__(0, batch.codec, 0, params)
        self.token = token
        self.batch = batch


class _LastRun(Run):
    """Values that are told because they are the last ones, in the queue of runs, to keep their place among the events.

    Attributes:
        values: each in its codec, with what it is.
        listener: that came just now; None: all that hear them.
    """

    __slots__ = ("listener", "values")

    def __init__(self, values: list[tuple[Run, Name, Name]], listener: Subscription | None) -> None:
        super().__init__(0, "", 0, b"".join(run.data for run, _, _ in values))
        self.values = values
        self.listener = listener


class LocalPort(QueuedPort):
    """Queues what is for this program, in any codec, and hands it out as jobs. Who runs them is for the subclass.

    A subclass sets `_kick` and `_kick_answers`, which are called, from any thread, when there is another job for
    `_next_job` and `_next_answer`; they must not block.

    Args:
        codec: returns the codec of a name.
        limits: `max_inbound` and `stall` are for it.
        lock: that guards the exchange; the port's methods are called under it.
        flow_control: of the exchange.
        targets: returns who listens to (sender, event).
        answer: called in a job with (token, batch, encoded params), for one request.
        failed: called when a listener raised.

    Attributes:
        codec: what presence is encoded in for it: any will do, once the server listens.
        flow: set while this program's own events may go out.
        joined: called when a listener that was greeted has got the last values: events of others are its from now on.
    """

    _kick: Callable[[], None]  # for listeners and handlers
    _kick_answers: Callable[[], None]  # for what is to be told of requests, and all else that may call the user

    def __init__(
        self,
        codec: Callable[[str], Codec],
        limits: Limits,
        lock: OwnedLock,
        flow_control: FlowControl,
        targets: Callable[[Name, Name], tuple[Subscription, ...]],
        answer: Callable[[int, RequestBatch, bytes], None],
        failed: Callable[[Any, Info, BaseException], None],
    ) -> None:
        super().__init__("this program", "", limits, Outbox(limits.max_inbound, self._lose), Traffic())
        self.joined: Callable[[Subscription], None] = lambda listener: None
        self.flow = Latch()
        self.flow.set()
        self._codec = codec
        self._lock = lock
        self._flow_control = flow_control
        self._targets = targets
        self._answer = answer
        self._failed = failed
        self._names: dict[int, tuple[Name, Name]] = {}  # of the events that wait, and of some that did
        self._most_names = SPARE_NAMES
        self._calls: deque[tuple[Subscription, Info, Any]] = deque()
        self._events: deque[tuple[Run, bytes | None, bytes]] = deque()
        self._answers: deque[Job] = deque()

    # -- the port

    def accepts_codec(self, codec: str) -> bool:
        """Any: what it hears is decoded here."""
        return True

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Queue events for the listeners."""
        self._names[run.route] = (sender, event)
        self.traffic.fired += run.count
        self._outbox.put(run)
        self._kick()

    def tell_last(self, run: Run, sender: Name, event: Name) -> bool:
        """Queue a value for all that hear it; see `Port`."""
        self._outbox.put(_LastRun([(run, sender, event)], None))
        self._kick()
        return True

    def greet(self, listener: Subscription, values: list[tuple[Run, Name, Name]]) -> None:
        """Queue the last values for a listener that came just now, which `joined` is told when they are done."""
        self._outbox.put(_LastRun(values, listener))
        self._kick()

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Count what the sender fired while its link was gone."""
        if missing:
            self.traffic.fired += missing
            self._learn(route, sender, event)
            self._lose(route, missing, "the link of their sender was lost")

    def _learn(self, route: int, sender: Name, event: Name) -> None:
        self._names[route] = (sender, event)

    def _lose(self, route: int, count: int, reason: str) -> None:
        super()._lose(route, count, reason)
        name = self._names.get(route, route)
        self._log(log.warning, f"{count} events of {name} did not reach this program: {reason}")

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """This program's own events are never refused: it sends on its own routes alone."""
        self._log(log.error, f"{count} events on route {route} were refused: {error}")

    def _log(self, write: Callable[[str], None], text: str) -> None:
        # Not here: the lock is held, and a handler of the log may be a user's that triggers an event.
        self.later(partial(write, text))

    def later(self, job: Job) -> None:
        """Run a job where user code may run, after those that were added before."""
        self._answers.append(job)
        self._kick_answers()

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Queue requests for the handlers."""
        return request_each(batch, self._ask)

    def _ask(self, token: int, batch: RequestBatch, params: bytes) -> SigError | None:
        if self._outbox.size > self._outbox.limit:
            return Busy(f"sender {batch.sender!r}: {self._outbox.limit} bytes of input wait already")
        self._outbox.put(_RequestRun(token, batch, params))
        self._kick()
        return None

    def reply(self, route: int, codec: str, values: list[tuple[ReplyCallback, bytes]]) -> None:
        """Pass on the answers to requests of this program."""
        for when, value in values:
            self.later(partial(self._tell, when, codec, value))

    def fail_to(self, ident: ReplyCallback, route: int, error: SigError) -> None:
        """Pass on the failure of a request of this program."""
        self.later(partial(ident, None, error))

    def set_reading_paused(self, on: bool) -> None:
        """Let this program's triggers wait, or go on."""
        super().set_reading_paused(on)
        if on:
            self.flow.clear()
        else:
            self.flow.set()

    def retry(self) -> LimitError | None:
        """Run the jobs for which there was no thread; returns why there still is none, once."""
        return None

    def stats(self) -> dict[str, Any]:
        """See `Port.stats`. What is being taken over just now is in none of the counts."""
        return self._figures(self._outbox.waiting + len(self._events))

    def is_mine(self) -> bool:
        """Return whether this thread is in the midst of a call that has jobs run."""
        return False

    # -- jobs

    def _next_job(self) -> Job | None:
        while not self._calls:
            if not self._events:
                with self._lock:
                    if len(self._names) > self._most_names:
                        self._forget_names()
                    run = self._outbox.pop()
                    if self._outbox.stalled:
                        self._flow_control.note_taken(self)
                if run is None:
                    return None
                if isinstance(run, _RequestRun):
                    return partial(self._answer, run.token, run.batch, run.data)
                if isinstance(run, _LastRun):
                    self._spread_last(run)
                    continue
                self._events.extend((run, additions, data) for additions, data in split_events(run.data))
            else:
                self._spread(*self._events.popleft())
        return partial(self._call, *self._calls.popleft())

    def _forget_names(self) -> None:
        """Forget what numbers stood for whose events are done."""
        self._names = {run.route: self._names[run.route] for run in self._outbox.runs if run.route}
        self._most_names = 2 * len(self._names) + SPARE_NAMES

    def _spread(self, run: Run, additions: bytes | None, data: bytes) -> None:
        """Turn an event into the calls of its listeners."""
        sender, event = self._names[run.route]
        codec = self._codec(run.codec)
        try:
            value = decode(codec, data)
            info = info_of(sender, event, None if additions is None else decode(codec, additions))
        except CodecError as error:
            self._lose(run.route, 1, f"bad payload: {error}")
            return
        self.traffic.delivered += 1
        self._calls.extend((target, info, value) for target in self._targets(sender, event))

    def _spread_last(self, run: _LastRun) -> None:
        """Turn last values into the calls of their listeners."""
        for value, sender, event in run.values:
            ((additions, data),) = split_events(value.data)
            codec = self._codec(value.codec)
            try:
                told = decode(codec, data)
                info = last_info(sender, event, None if additions is None else decode(codec, additions))
            except CodecError as error:
                self._log(log.warning, f"the last value of {(sender, event)} did not reach this program: {error}")
                continue
            targets = self._targets(sender, event) if run.listener is None else (run.listener,)
            self._calls.extend((target, info, told) for target in targets)
        if run.listener is not None:
            self.joined(run.listener)

    def _call(self, target: Subscription, info: Info, value: Any) -> None:
        try:
            target.call(info, value)
        except BaseException as error:
            self._failed(target.callback, info, error)

    def _next_answer(self) -> Job | None:
        return self._answers.popleft() if self._answers else None

    def _tell(self, when: ReplyCallback, codec: str, value: bytes) -> None:
        try:
            when(decode(self._codec(codec), value), None)
        except CodecError as error:
            when(None, error)
