"""The input of a client on asyncio: reads in the loop's turns, tells answers, runs callbacks in order of arrival."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Generator
from contextvars import Context
from functools import partial
from typing import Any, Final, Protocol

from sig_core.busy_poll import FEW
from sig_core.clock import Clock
from sig_core.contract import HasPending, PollableLink
from sig_core.errors import LinkLost, Overflow, SigError
from sig_core.interrupts import pass_end_on
from sig_core.io.aio.async_reply import settle
from sig_core.io.aio.busy_loop import new_busy_loop
from sig_core.io.aio.coroutine_listener import CoroutineListeners, in_listener
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.aio.turn import TURN
from sig_core.io.client.asyncio_writer import AsyncioWriter
from sig_core.io.client.lifetime import check_silence, overflow
from sig_core.io.sync.receive_buffer import ReceiveBuffer
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.fan_out import MOST
from sig_core.session.binary.reports import Events, ReplyReceived, Report, RequestsReceived
from sig_core.session.client_state.inbound import Inbound

__all__ = ["AsyncioReader", "AsyncioSink"]

MAX_READ: Final = 32 * 1024  # bytes of one read: small events enough to keep listeners busy for a millisecond

IDLE: Final = -1

CLOSED = State.CLOSED  # looking a member up on an Enum class costs more than the comparison


class AsyncioSink(Protocol):
    """The link whose input this is."""

    def other(self, report: Report) -> None:
        """Take what is no event, request or answer."""

    def lose(self, error: SigError) -> None:
        """End: the link broke, or its peer has ended."""

    def end(self) -> None:
        """End: the session is closed."""


class AsyncioReader:
    """Reads a link into its session, and runs callbacks; all of it on the loop's thread.

    Args:
        session, link, once, writer: that belong together.
        sink: what arrives goes there, but for events and requests.
        inbound: takes these.
        listeners, handlers: of the client: what they can't follow waits with the server.
        context: that of the client: what the loop calls is nobody's own.
        clock: monotonic seconds.

    Attributes:
        busy: keeps the loop awake for a moment; None: it may not. Who asks tells it.
    """

    def __init__(
        self,
        session: ClientSession,
        link: PollableLink,
        once: CloseOnce,
        writer: AsyncioWriter,
        sink: AsyncioSink,
        inbound: Inbound,
        listeners: CoroutineListeners,
        handlers: HandlerTasks,
        context: Context,
        clock: Clock = time.monotonic,
    ) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self.busy = new_busy_loop(session.limits.busy_poll, self._loop, context)
        self._use(link)
        self._once = once
        self._writer = writer
        self._sink = sink
        self._inbound = inbound
        self._listeners = listeners
        self._handlers = handlers
        self._context = context.copy()  # what a listener sets is seen by none but listeners
        self._clock = clock
        self._max_inbound = session.limits.max_inbound
        self._buffer = ReceiveBuffer(MAX_READ)
        self._reads = False
        self._back = 0.0  # when it began to read, or to read again, monotonic seconds
        self._inside: set[asyncio.Future[Any]] = set()  # awaited by coroutine listeners
        self._reports: deque[Report] = deque()  # for callbacks, in order of arrival
        self._runs = False  # callbacks run just now
        self._begun: Events | None = None  # the run that this is at, between two turns ...
        self._passing = self._pass_on()
        self._left = next(self._passing)  # ... with so many events left, or other reports; IDLE: all is passed on

    def _use(self, link: PollableLink) -> None:
        self._link = link
        self._ahead = link if isinstance(link, HasPending) else None
        self._on_readable = self._read if self._ahead is None else self._read_all
        if self.busy is not None and self._ahead is not None:
            self.busy.policy.take_longer()

    # -- reading

    def read_from(self, link: PollableLink, rest: bytes) -> None:
        """Read another link, after `stop`. `rest`: what came of it already."""
        self._use(link)
        if rest:
            self.take(self._session.receive_data(rest, self._clock()))
        if self._session.state is CLOSED:
            self._sink.end()
        elif self._waiting <= self._max_inbound:
            self.resume()

    def resume(self) -> None:
        """Read, until `pause`."""
        if not self._reads and not self._once.closed and self._session.suspended is None:
            self._reads = True
            self._back = self._clock()
            self._context.copy().run(self._loop.add_reader, self._link.fileno(), self._on_readable)
            if self._ahead is not None:
                self._read_soon()

    def pause(self) -> None:
        """Read no more: what comes waits with the server. What coroutine listeners wait for would not come either: of
        these, queues that are full are patient, but not the limit of bytes."""
        if self._waiting <= self._max_inbound and self._inside:
            return
        self._reads = False
        self._loop.remove_reader(self._link.fileno())
        for answer in self._inside:
            settle(answer, None, self._overflow())

    def relieved(self) -> None:
        """Note that less waits for listeners and handlers than before."""
        if not self._reads and self._waiting <= self._max_inbound // 2 and not self._listeners.held:
            self.resume()

    @property
    def _waiting(self) -> int:
        """Bytes of what listeners and handlers have not got to yet."""
        return self._listeners.waiting + self._handlers.waiting

    def _overflow(self) -> Overflow:
        return overflow(self._waiting, self._max_inbound)

    async def wait_inside(self, answer: asyncio.Future[Any]) -> Any:
        """Await an answer inside a coroutine listener: no longer than its events may pile up.

        Raises:
            Overflow: they have.
        """
        if in_listener.get() is None or not self._listeners.is_inside():
            return await answer
        if not self._reads:
            if self._waiting > self._max_inbound // 2:
                raise self._overflow()
            self.resume()
        self._inside.add(answer)
        try:
            return await answer
        finally:
            self._inside.discard(answer)
            if self._reads and self._listeners.held:
                self.pause()

    def check_silence(self, now: float) -> None:
        """End the session if its peer has said nothing for too long."""
        session, allowed = self._session, self._session.patience
        if session.silence(now) >= allowed:
            self._read()  # what kept the loop may have kept it from that
        if self._reads and self._left is IDLE:
            check_silence(session, now, self._back, allowed, self._link.peer)

    def _read_all(self) -> None:
        """Read a link of which no poll may tell that it has more."""
        self._read()
        self._read_soon()

    def _read_soon(self) -> None:
        if self._ahead is not None and self._ahead.pending and self._reads:
            self._loop.call_soon(self._read_all, context=self._context)

    def _read(self) -> None:
        if self._left is not IDLE or not self._reads:
            return  # what was read before has its turns first
        session, until = self._session, self._clock() + TURN
        while True:
            try:
                data = self._buffer.read(self._link, session.read_hint)
            except BlockingIOError:
                break
            except BaseException as error:
                pass_end_on(error)
                self._sink.lose(link_lost(self._link.peer, error))
                return
            if not data:
                self._sink.lose(LinkLost("the link ended without a goodbye"))
                return
            reports = session.receive_data(data, self._clock())
            if self.busy is not None:
                self.busy.came()
                if reports and len(data) < FEW and not isinstance(reports[-1], Events):
                    self.busy.passed()
            self.take(reports, until)
            if session.state is CLOSED:
                self._sink.end()
                return
            if not self._buffer.full or not self._reads or self._left is not IDLE or self._clock() >= until:
                break
        if session.out:
            self._writer.flush()

    # -- passing on

    def take(self, reports: list[Report], until: float = 0.0) -> None:
        """Tell answers here and now; run callbacks for the rest, in order: now, and in turns to come.

        Args:
            until: monotonic seconds when this turn is over.
        """
        for report in reports:
            if isinstance(report, ReplyReceived):
                report.tell()
            else:
                self._reports.append(report)
        if self._reports and self._left is IDLE and not self._runs:
            self._go_on(until or self._clock() + TURN)

    def _next_turn(self) -> None:
        if self._left is not IDLE:
            self._go_on(self._clock() + TURN)
            self._back = self._clock()  # until now nothing was read
            if self._session.out:
                self._writer.flush()

    def _go_on(self, until: float) -> None:
        """Run callbacks until all have run, or this turn is over: then the next one goes on."""
        passing, left = self._passing, 0
        self._runs = True
        try:
            if self._begun is not None:
                self._listeners.size_each = len(self._begun.data) // self._begun.count
            left = passing.send(1)
            while left is not IDLE and self._clock() < until:
                left = next(passing)
        except BaseException:  # an interrupt: whoever runs the loop again gets the rest
            self._passing, self._begun = self._pass_on(), None
            next(self._passing)
            left = 0
            raise
        finally:
            self._left, self._runs, self._listeners.size_each = left, False, 0
            if left is not IDLE:
                self._loop.call_soon(self._next_turn, context=self._context)
        if self._reads and (self._waiting > self._max_inbound or self._listeners.held):
            self.pause()

    def _pass_on(self) -> Generator[int, int | None, None]:
        """Run the callbacks of what comes, in order, for ever. Yields IDLE, or how many events of a run are left.

        It yields after the first, then after twice as many each time, unless it is sent how many: see `fan_out`.
        """
        reports, inbound, listeners = self._reports, self._inbound, self._listeners
        while True:
            most, done = (yield IDLE) or 1, 0
            while reports:
                report = reports.popleft()
                if isinstance(report, Events):
                    self._begun, listeners.size_each = report, len(report.data) // report.count
                    if report.count <= most:
                        inbound.events(report)
                    else:
                        yield from inbound.events(report, most)
                    self._begun, listeners.size_each = None, 0
                    done += report.count
                elif isinstance(report, RequestsReceived):
                    while report.requests:
                        self._handle(report)
                        done += 1
                        if done >= most and report.requests:
                            most, done = (yield 0) or min(2 * most, MOST), 0
                else:
                    self._sink.other(report)
                if done >= most and reports:
                    most, done = (yield 0) or min(2 * most, MOST), 0

    def _handle(self, report: RequestsReceived) -> None:
        """Run the handler of the oldest request."""
        inbound, (ident, method, params) = self._inbound, report.requests.popleft()

        def answer(value: Any, error: BaseException | None) -> None:
            inbound.answer(report, ident, value, error)
            if not self._runs:  # else it leaves when this turn is over
                self._writer.gather()

        self._handlers.run(partial(inbound.call, report, method, params), answer, len(params))

    # -- the end

    async def settle(self, timeout: float) -> None:
        """Return when all that came is passed on, or after `timeout` seconds."""
        until = self._loop.time() + timeout
        while self._left is not IDLE and self._loop.time() < until:
            await asyncio.sleep(0)  # each turn goes on with it

    def stop(self) -> None:
        """Read no more, before the link is closed."""
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._link.fileno())

    def discard(self) -> None:
        """Drop, counted, the events that have come and that no listener got yet; what else has come is passed on."""
        reports, begun = [*self._reports], self._begun
        self._reports.clear()
        if self._left is not IDLE and not self._runs:
            self._passing.close()
            if begun is not None:
                self._inbound.drop(begun, self._left)
            self._begun, self._passing = None, self._pass_on()
            self._left = next(self._passing)
        for report in reports:
            if isinstance(report, Events):
                self._inbound.drop(report, report.count)
            elif not isinstance(report, RequestsReceived):  # who asked is told by the server
                self._sink.other(report)
