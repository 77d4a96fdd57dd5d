"""One link of a client on the running asyncio loop: no thread, nothing but the sans-IO session and a pollable link."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, PollableLink
from sig_core.errors import (
    Backpressure,
    ConnectFailed,
    LinkClosed,
    LinkLost,
    LocalProtocolError,
    Overflow,
    RequestTimeout,
    SigError,
)
from sig_core.io.aio.coroutine_listener import CoroutineListeners, in_listener
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.client.lifetime import link_failed
from sig_core.io.sync.cpu_yield import CpuYield
from sig_core.io.sync.receive_buffer import ReceiveBuffer
from sig_core.links.close_once import CloseOnce
from sig_core.links.close_once import link_lost as lost
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.gate import FRAMES
from sig_core.session.binary.reports import (
    Closed,
    Events,
    Opened,
    ReplyReceived,
    Report,
    RequestsReceived,
)
from sig_core.session.client_state.asks import Steps
from sig_core.session.client_state.inbound import Inbound
from sig_core.session.errors import error_of_handler

__all__ = ["AsyncReply", "AsyncioLink", "settle"]

BURST_GAP = 50e-6  # seconds: what is asked within this time of the last send waits for its neighbours in this turn
SEND_AT = 64 * 1024  # bytes: who triggers sends when so many are gathered, or FRAMES
FULL = 1024 * 1024  # bytes that may wait while the link takes none; then `trigger` raises Backpressure
SHARE = 32 * 1024  # bytes of one read at most ...
SLICE = 0.005  # ... and seconds after which the loop has its turn, though more may be there

T = TypeVar("T")


class AsyncReply:
    """An answer that one coroutine awaits. Told on the loop's thread."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def tell(self, value: Any, error: SigError | None) -> None:
        """See `Reply`."""
        settle(self.future, value, error)


class AsyncioLink:
    """Reads, writes and ticks on the loop. Everything but `added` happens in the loop's thread.

    Args:
        link: live.
        session: nothing received yet.
        inbound: takes what arrives.
        listeners, handlers: of the client: what they can't follow waits with the server.
        ended: called with this link, and why, when it has ended.
        clock: see `Clock`.

    Attributes:
        full, gathers: see `Gate`.
        opened: done when the server has answered the hello, or the link has ended.
    """

    def __init__(
        self,
        link: PollableLink,
        session: ClientSession,
        inbound: Inbound,
        listeners: CoroutineListeners,
        handlers: HandlerTasks,
        ended: Callable[[AsyncioLink, SigError], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self.session = session
        self.full = False
        self.gathers = False
        self.loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self.loop.create_future()
        self._link = link
        self._inbound = inbound
        self._listeners = listeners
        self._handlers = handlers
        self._ended = ended
        self._clock = clock
        self._thread = threading.get_ident()
        self._once = CloseOnce(link, link.peer)
        self._context = copy_context()  # not that of who triggers or listens: what the loop calls is nobody's own
        self._context.run(in_listener.set, None)
        self._buffer = ReceiveBuffer(SHARE)
        self._yield_cpu = CpuYield()
        self._rest: bytes | memoryview = b""
        self._size = 0  # bytes gathered, but for small frames
        self._last = 0.0  # when something was sent
        self._writing = False  # the loop tells when the link can be written
        self._reading = False
        self._resumed = 0.0  # when it began to read, or to read again, monotonic seconds
        self._passing = False  # what was read is passed on just now
        self._room = asyncio.Event()
        self._inside: set[asyncio.Future[Any]] = set()  # awaited by coroutine listeners
        self._next_tick = 0.0
        self._timer: asyncio.TimerHandle | None = None
        session.gate = self

    @property
    def codec(self) -> Codec:
        """The codec that was agreed on."""
        assert self.session.encoding is not None
        return self.session.encoding

    async def open(self) -> AsyncioLink:
        """Send the hello; returns when the server has answered it.

        Raises:
            ConnectFailed: no answer within the limit `handshake`.
            SigError: what the answer says, or what became of the link.
        """
        handshake = self.session.limits.handshake
        try:
            self._resume_reading()
            self._tick()
            self.flush()
            async with asyncio.timeout(handshake):
                await self.opened
            if self.session.error is not None:
                raise link_failed(self.session.error, self._link.peer)
        except TimeoutError as error:
            self.close()
            raise ConnectFailed(f"{self._link.peer}: no answer to the hello within {handshake:g} s") from error
        except BaseException:
            self.close()
            raise
        return self

    # -- waiting

    async def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, awaiting each answer, and return its result; it raises what the plan raises."""
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                ask = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            value = error = None
            try:
                if ask is None:
                    self.flush()
                else:
                    value = await self.finish(ask.reply, ask.ident, None, ask.what)
            except BaseException as caught:
                error = caught

    async def finish(self, reply: Any, ident: int | None, seconds: float | None, what: str) -> Any:
        """Send, await an answer, and return it.

        Args:
            reply: an `AsyncReply` that is told the answer.
            ident: of the request or call; None: of nobody's own.
            seconds: that it may take; None: the limit `request_timeout`.
            what: was asked.

        Raises:
            RequestTimeout: none came within `seconds`; it is not waited for any more.
            Overflow: a coroutine listener waits for it, and too many events wait for that.
            SigError: what the answer says.
        """
        if seconds is None:
            seconds = self.session.limits.request_timeout
        self.flush()
        try:
            async with asyncio.timeout(seconds):
                return await (self.answer_inside(reply.future) if in_listener.get() is not None else reply.future)
        except TimeoutError as error:
            if isinstance(error, SigError):
                raise
            raise RequestTimeout(f"{what}: no answer within {seconds:g} s") from None
        finally:
            if ident is not None and (reply.future.cancelled() or not reply.future.done()):
                self.session.cancel(ident)

    async def answer_inside(self, future: asyncio.Future[T]) -> T:
        """Await an answer inside a coroutine listener: no longer than its events may pile up, or raise Overflow."""
        if not self._listeners.is_inside():
            return await future
        if not self._reading:
            raise self._overflow()
        self._inside.add(future)
        try:
            return await future
        finally:
            self._inside.discard(future)

    def _overflow(self) -> Overflow:
        limit = self.session.limits.max_inbound
        return Overflow(f"{self._listeners.waiting} bytes of events came while a listener waits, {limit} may be kept")

    async def wait_for_room(self) -> None:
        """Return when output has drained, or the link has ended."""
        while self.full and not self._once.closed:
            self._room.clear()
            await self._room.wait()

    def create_task(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run what belongs to the client, and to nobody who calls it."""
        return self.loop.create_task(coroutine, name=name, context=self._context.copy())

    # -- the gate

    def make_room(self) -> None:
        """See `Gate`: nothing waits here.

        Raises:
            Backpressure: always.
        """
        waits = self._size + len(self._rest)
        text = f"{self._link.peer}: {waits} bytes wait to be sent, {FULL} may: `await signal.trigger_wait(...)` waits"
        raise Backpressure(text)

    def added(self, size: int) -> None:
        """Note that an event was appended to the output: it leaves at the loop's next turn, with its neighbours."""
        self._size += size
        if threading.get_ident() != self._thread:
            self.full = self._size + len(self._rest) > FULL
            if not self.gathers:
                self._gather(self.loop.call_soon_threadsafe)
        elif self._writing:  # the link takes nothing now
            self.full = self._size + len(self._rest) > FULL
        elif self._size >= SEND_AT or len(self.session.out) >= FRAMES:
            self.flush()
            if size < SEND_AT:
                self._yield_cpu()
        elif not self.gathers:
            self._gather(self.loop.call_soon)

    def _gather(self, soon: Callable[..., object]) -> None:
        self.gathers = True
        try:
            soon(self.flush, context=self._context)
        except RuntimeError as error:
            self.gathers = False
            self.session.fail(LinkClosed("the loop of its client is closed"))
            self._once.close()
            raise LinkClosed(f"{self._link.peer}: nothing leaves any more: the loop of its client is closed") from error

    def asked(self, now: float, deadline: float) -> None:
        """Note that a request was appended: it leaves now, or with others that are made in the same turn.

        Args:
            now, deadline: monotonic seconds when it was made, and when its answer is late.
        """
        if now - self._last >= BURST_GAP:
            self.flush()
        elif not self.gathers:
            self._gather(self.loop.call_soon)
        if deadline < self._next_tick:
            self._tick()

    # -- the end

    def close(self) -> None:
        """Say goodbye, as far as it goes now, and end."""
        self.session.close("the client stops")
        self.flush()
        self._finish()

    async def drain(self, timeout: float) -> None:
        """Return when all output has left, or the link has ended, or after `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while (self._rest or self.session.out) and not self._once.closed:
                    self._room.clear()
                    await self._room.wait()

    def cut(self) -> None:
        """Close the link alone: in a forked child, whose loop is the parent's."""
        self._once.close()

    # -- the loop's side: input

    def _resume_reading(self) -> None:
        if not self._reading and not self._once.closed:
            self._reading = True
            self._resumed = self._clock()
            self._context.copy().run(self.loop.add_reader, self._link.fileno(), self._read)

    def _pause_reading(self) -> None:
        self._reading = False
        self.loop.remove_reader(self._link.fileno())
        for future in self._inside:  # what they wait for is not read before they go on
            if not future.done():
                future.set_exception(self._overflow())

    def relieved(self) -> None:
        """Note that less waits for coroutine listeners than before."""
        if not self._reading and self._waiting <= self.session.limits.max_inbound // 2:
            self._resume_reading()

    @property
    def _waiting(self) -> int:
        """Bytes of what listeners and handlers have not got to yet."""
        return self._listeners.waiting + self._handlers.waiting

    def _read(self) -> None:
        session, until = self.session, self._clock() + SLICE
        while True:
            try:
                data = self._buffer.read(self._link, session.read_hint)
            except BlockingIOError:
                break
            except Exception as error:
                self._lose(lost(self._link.peer, error))
                return
            if not data:
                self._lose(LinkLost("the link ended without a goodbye"))
                return
            self._pass_on(session.receive_data(data, self._clock()))
            if session.state is State.CLOSED:
                self._finish()
                return
            if not self._buffer.full or not self._reading or self._clock() >= until:
                break
        if session.out:
            self.flush()

    def _pass_on(self, reports: list[Report]) -> None:
        left = iter(reports)
        self._passing = True
        try:
            for report in left:
                if isinstance(report, ReplyReceived):
                    report.tell()
                elif isinstance(report, Events):
                    self._listeners.size_each = len(report.data) // report.count
                    self._inbound.events(report)
                    self._listeners.size_each = 0
                elif isinstance(report, RequestsReceived):
                    self._handle(report)
                else:
                    self._note(report)
        except BaseException:  # an interrupt: whoever runs the loop again gets the rest
            self.loop.call_soon(self._pass_on, list(left))
            raise
        finally:
            self._passing = False
        if self._reading and self._waiting > self.session.limits.max_inbound:
            self._pause_reading()

    def _handle(self, report: RequestsReceived) -> None:
        session, inbound = self.session, self._inbound
        for ident, method, params in report.requests:

            def answer(value: Any, error: BaseException | None, ident: int = ident) -> None:
                if error is None:
                    session.reply(ident, report.route, value)
                else:
                    session.fail_to(ident, report.route, error_of_handler(error))
                if not self._passing:  # else it leaves when all that was read is passed on
                    self.added(0)

            handle = partial(inbound.call, report, method, params)
            self._handlers.run(handle, answer, len(params))

    def _note(self, report: Report) -> None:
        if isinstance(report, Opened):
            settle(self.opened, None, None)
            self._tick()  # only now it is known how often the server wants to hear something
        elif isinstance(report, Closed):
            settle(self.opened, None, None)
            self._ended(self, report.error)
        else:
            self._inbound.other(report)

    # -- the loop's side: output and time

    def flush(self) -> None:
        """Send what goes now; the rest leaves when the link can take it."""
        self.gathers = False
        if self._once.closed:
            return
        try:
            while data := self._rest or self._batch():
                count = self._link.send_some(data)
                if count:
                    self.session.sent(count, self._clock())
                self._rest = memoryview(data)[count:] if count < len(data) else b""
                if self._rest:
                    break
        except Exception as error:
            self._lose(lost(self._link.peer, error))
            return
        self._last = self._clock()
        if bool(self._rest) is not self._writing:
            self._watch_writing(bool(self._rest))
        self.full = self._writing and self._size + len(self._rest) > FULL
        if not self.full:
            self._room.set()

    def _batch(self) -> bytes:
        out = self.session.out
        batch = out[:]  # the list is never replaced: another thread may be between looking `append` up and calling it
        del out[: len(batch)]
        self._size = 0
        return batch[0] if len(batch) == 1 else b"".join(batch)

    def _watch_writing(self, on: bool) -> None:
        self._writing = on
        if on:
            self._context.copy().run(self.loop.add_writer, self._link.fileno(), self.flush)
        else:
            self.loop.remove_writer(self._link.fileno())
            self._room.set()

    def _tick(self) -> None:
        if self._once.closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        now, session = self._clock(), self.session
        reports, wait = session.tick(now)
        self._pass_on(reports)
        silent, allowed = min(session.silence(now), now - self._resumed), session.patience
        if self._reading and silent > allowed:
            self._lose(LinkLost(f"{self._link.peer} was silent for {silent:.1f} s, allowed are {allowed:g}"))
            return
        if session.out and not self.gathers:
            self._gather(self.loop.call_soon)
        self._next_tick = now + max(0.001, wait)
        self._timer = self.loop.call_later(max(0.001, wait), self._tick, context=self._context)

    def _lose(self, error: SigError) -> None:
        self.session.fail(error)
        self._finish()

    def _finish(self) -> None:
        if self._once.closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._reading:
            self._reading = False
            self.loop.remove_reader(self._link.fileno())
        if self._writing:
            self._watch_writing(False)
        self.full = False
        self._once.close()
        self._room.set()
        self._pass_on(self.session.end())

    def check_loop(self) -> None:
        """Raise LocalProtocolError if the running loop is not that of this link."""
        if asyncio.get_running_loop() is not self.loop:
            raise LocalProtocolError(f"{self._link.peer}: its client was started on another loop; make one for each")


def settle(future: asyncio.Future[Any], value: Any, error: SigError | None) -> None:
    """Fill a future, unless it is done; on the loop's thread."""
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
        future.exception()  # who asked may not wait any more: that is nothing to warn of
