"""The reading side of a client: receives, tells answers at once, and runs callbacks in order of arrival."""

from __future__ import annotations

import select
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from sig_core.contract import Link, PollableLink
from sig_core.errors import Backpressure, Busy, LinkLost, Overflow
from sig_core.io.client.writer import Writer, wait_ready
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.io.sync.cpu_yield import CpuYield
from sig_core.io.sync.future import HelpedFuture
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.io.sync.receive_buffer import SMALL, ReceiveBuffer
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Events, ReplyReceived, Report, RequestsReceived

__all__ = ["Reader", "Sink"]

RECEIVE_TIMEOUT = 0.25  # seconds after which a blocked receive looks whether it should end
LONGEST = 1.0  # seconds between looks at the peer's silence
GATHER = 400e-6  # seconds that an answer, or a request of a callback, may wait for others to be sent with
PATIENCE = 0.001  # seconds after which the writer's thread sends them, should the next callback take its time
SHARE = 32 * 1024  # bytes of one read at most: small events enough to keep listeners busy for a millisecond
PARK = 0.001  # seconds after a request for which the link is left to its caller, should it ask again


class Sink(Protocol):
    """What the owner does with what arrives; called on the reading thread, and may run user code."""

    def events(self, report: Events) -> None:
        """Run the listeners."""

    def incoming(self, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        """Run the handler for one of the requests, and answer."""

    def other(self, report: Report) -> None:
        """Take anything else."""


class Reader:
    """Reads a link into its session, and runs callbacks on a thread of its own.

    One thread at a time has the role to read. Most of the time it is the reading thread. A thread that waits for an
    answer may take the role, so that the answer reaches it without passing through another thread; callbacks stay with
    the reading thread even then. A callback that waits reads on itself: requests run nested, and events are kept for
    later, in order, up to a limit.

    Args:
        session, link, writer: that belong together.
        sink: what arrives goes there.
        limits: `keepalive`, `max_inbound` and `max_depth` are used.
    """

    def __init__(self, session: ClientSession, link: Link, writer: Writer, sink: Sink, limits: Limits) -> None:
        self._session = session
        self._link = link
        self._pollable = link if isinstance(link, PollableLink) else None
        self._ready = _poller(self._pollable)
        self._writer = writer
        self._sink = sink
        self._limits = limits
        self._once = CloseOnce(link, link.peer)
        self._role = threading.Lock()  # to read
        self._news = AutoResetEvent()  # what another reader found, for the reading thread
        self._asked = 0.0  # when a thread last waited for an answer
        self._waiters: dict[PendingReply, None] = {}  # of threads that wait without the role
        self._buffer = ReceiveBuffer(SHARE)
        self._give_way = CpuYield()
        self._flows = False  # the last read brought so much that more is likely there: no need to ask first
        self._standing_by = False  # the reading thread waits for another to give the role back
        self._guard = threading.Lock()  # of the inbox and its counts
        self._inbox: deque[Report] = deque()
        self._later: deque[ReplyReceived] = deque()  # of futures
        self._kept = 0  # bytes of events in the inbox
        self._calls = 0  # reports in the inbox that have requests
        self._depth = 0
        self._answering = 0  # reports whose requests are being run, inside each other
        self._settled: PendingReply | None = None  # for who stops: tells that none is, and none is left
        self._back = time.monotonic()  # when it last came back from a callback
        self._pushed = 0.0
        self._leave_by = 0.0
        self._thread = threading.Thread(target=self._run, name=f"sig-reader {link.peer}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_current(self) -> bool:
        """Return whether this is the reading thread: then a callback runs on it."""
        return threading.get_ident() == self._writer.reading_thread

    def join(self, timeout: float) -> None:
        """Wait for the thread, at most `timeout` seconds."""
        if self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(timeout)

    def cut(self) -> None:
        """Close the link; a read that waits ends."""
        self._once.close()
        self._news.set()

    def settle(self, timeout: float) -> bool:
        """Wait until the requests that have come are answered, at most `timeout` seconds; tell whether they are."""
        self._settled = settled = PendingReply()
        return not (self._calls or self._answering) or settled.wait(timeout)

    def leave(self, timeout: float) -> None:
        """Once the session is closed, go on reading until the peer ends, at most `timeout` seconds."""
        self._leave_by = time.monotonic() + timeout

    def run_later(self) -> None:
        """Settle the futures whose answers are there."""
        while self._later:
            try:
                done = self._later.popleft()
            except IndexError:
                return  # another thread took it
            try:
                done.when(done.value, done.error)
            except (Exception, SystemExit):
                log.error(f"{self._link.peer}: a callback of a future failed\n{traceback.format_exc()}")
            self._push_in_time()

    def _push_in_time(self) -> None:
        """Send what callbacks put out: together where they follow each other closely, but nothing waits for long."""
        # Not all at once either: then the other ends would idle until this one is through with all that it has read.
        if self._session.out:
            now = time.monotonic()
            if now - self._pushed >= GATHER or not (self._inbox or self._later):
                self._writer.push()
                self._pushed = now
            elif not self._writer.gathers:
                self._writer.gather(PATIENCE)

    # -- the reading thread

    def _run(self) -> None:
        self._writer.reading_thread = threading.get_ident()
        while True:
            while self._inbox or self._later:
                self.run_later()
                if self._inbox:
                    self._run_next()
                self._back = time.monotonic()
            if self._session.state is State.CLOSED:
                with self._role:  # who reads now may have found the end, and not yet passed on what came before it
                    ended = not self._end()
                if ended:
                    break
            else:
                self._read_or_stand_by()
        self._hear_out()
        self._writer.stop()
        self._once.close()

    def _hear_out(self) -> None:
        """After our goodbye let the peer end first: closing on unread input would reset what is on its way."""
        with self._role:
            while not self._once.closed and (left := self._leave_by - time.monotonic()) > 0:
                try:
                    self._receive(left)
                except Exception:
                    return  # EOFError: the peer has ended; anything else: there is nothing left to wait for

    def tell_the_end(self) -> None:
        """Tell who waits that the session has ended, though a callback may keep the reading thread."""
        self.take(self._session.end())

    def _end(self) -> bool:
        """Tell whoever still waits that the session has ended; false if nothing is left to do."""
        self.take(self._session.end())
        return bool(self._inbox or self._later)

    def _read_or_stand_by(self) -> None:
        if self._flows and not self._session.missing:
            self._give_way()
        if time.monotonic() - self._asked < PARK and not self._is_awaited():
            self._news.wait(PARK)
        elif not self._read_in_role(LONGEST):
            self._standing_by = True
            self._news.wait(RECEIVE_TIMEOUT)
            self._standing_by = False

    def _run_next(self) -> None:
        report = self._inbox[0]
        if isinstance(report, RequestsReceived):
            self._run_requests(report)
            return
        with self._guard:
            self._inbox.popleft()
            self._count(report, -1)
        try:
            if isinstance(report, Events):
                self._sink.events(report)
            else:
                self._sink.other(report)
        except (Exception, SystemExit):  # users' exceptions end in the sink: a bug of ours, and the link goes on
            log.error(f"{self._link.peer}: {type(report).__name__} failed\n{traceback.format_exc()}")
        self._push_in_time()

    def _run_requests(self, report: RequestsReceived) -> None:
        """Run requests that came together, as long as nothing else comes first; one that waits finds the rest here."""
        requests = report.requests
        self._answering += 1
        while requests:
            request = requests.popleft()
            if not requests:
                with self._guard:
                    self._inbox.remove(report)
                    self._count(report, -1)
            try:
                if self._depth < self._limits.max_depth:
                    self._sink.incoming(report, *request)
                else:
                    self._refuse(report, request[0])
            except (Exception, SystemExit):  # see `_run_next`
                log.error(f"{self._link.peer}: a request failed\n{traceback.format_exc()}")
            self._push_in_time()
            if self._later:
                break
        self._answering -= 1
        if self._settled is not None and not (self._calls or self._answering or self._settled.done):
            self._settled.tell(None, None)

    def _count(self, report: Report, sign: int) -> None:
        if isinstance(report, Events):
            self._kept += sign * len(report.data)
        elif isinstance(report, RequestsReceived):
            self._calls += sign

    def _refuse(self, report: RequestsReceived, ident: int) -> None:
        text = f"sender {report.sender!r}: {self._depth} requests run inside each other, which is the limit"
        self._session.fail_to(ident, report.route, Busy(text))

    # -- waiting for an answer

    def wait(self, waiter: PendingReply, timeout: float) -> None:
        """Wait at most `timeout` seconds for an answer, on any thread but the reading one."""
        self._asked = now = time.monotonic()
        until = now + timeout
        if self._role.acquire(blocking=False):
            try:
                while not waiter.done and now < until and self._session.state is not State.CLOSED:
                    if self._kept > self._limits.max_inbound:
                        break  # the callbacks do not keep up: what more there is waits with the peer
                    self._read(until - now)
                    if self._inbox or self._later:
                        self._news.set()
                    now = time.monotonic()
            finally:
                self._asked = now
                self._role.release()
            if self._standing_by or self._is_awaited():
                self._news.set()
        if not waiter.done:
            self._waiters[waiter] = None
            waiter.wait(until - now)
            del self._waiters[waiter]

    def _is_awaited(self) -> bool:
        return any(not waiter.done for waiter in tuple(self._waiters))

    def wait_inside(self, done: Callable[[], bool], timeout: float) -> None:
        """Read on until `done()`, at most `timeout` seconds. Only for callbacks on the reading thread.

        Raises:
            Overflow: more events arrived than may be kept.
        """
        until = time.monotonic() + timeout
        self._depth += 1
        try:
            while not done() and self._session.state is not State.CLOSED:
                if self._depth < self._limits.max_depth:
                    self.run_later()
                self._run_calls()
                left = until - time.monotonic()
                if done() or left <= 0:
                    return
                if self._session.out:
                    self._writer.push()  # what this callback asked for may be what it waits for
                if self._kept > self._limits.max_inbound:
                    limit = self._limits.max_inbound
                    raise Overflow(f"{self._kept} bytes of events came while a callback waits, {limit} may be kept")
                if not self._read_in_role(left):
                    self._news.wait(PARK)
        finally:
            self._depth -= 1

    def settle_inside(self, future: Future[Any], timeout: float | None) -> float | None:
        """Read on until a future is done, if this is the reading thread: nobody else would (`Help`).

        Raises:
            Busy: too many callbacks wait inside each other already.
            Overflow: see `wait_inside`.
        """
        if future.done() or not self.is_current():
            return timeout
        if self._depth + 1 >= self._limits.max_depth:
            raise Busy(f"{self._depth + 1} callbacks wait inside each other, which is the limit")
        self.wait_inside(future.done, threading.TIMEOUT_MAX if timeout is None else timeout)
        if self._session.state is State.CLOSED:
            self.tell_the_end()
        self.run_later()
        return None if timeout is None else 0.0

    def make_room(self) -> None:
        """Read on until output drains. Only for callbacks on the reading thread.

        Raises:
            Backpressure: it does not drain before as much input has come as may be kept.
        """
        while self._writer.full and self._session.state is State.OPEN:
            if self._kept > self._limits.max_inbound:
                limit = self._limits.max_inbound
                raise Backpressure(f"output is full, and {self._kept} bytes of events wait, {limit} may be kept")
            self._writer.flush()
            if self._writer.full and not self._read_in_role(PARK):
                self._news.wait(PARK)

    def _run_calls(self) -> None:
        """Run the requests of the inbox, leaving the rest in order."""
        while self._calls:
            with self._guard:
                first = next(report for report in self._inbox if isinstance(report, RequestsReceived))
            self._run_requests(first)

    # -- reading

    def _read_in_role(self, timeout: float) -> bool:
        """Read once if nobody else does; tell whether that was so."""
        if not self._role.acquire(blocking=False):
            return False
        try:
            self._read(timeout)
        finally:
            self._role.release()
        return True

    def _read(self, timeout: float) -> None:
        """Receive once, within `timeout` seconds; tell answers, put the rest into the inbox."""
        session = self._session
        try:
            data = self._receive(timeout)
        except EOFError:
            session.receive_eof()
            data = b""
        except Exception as error:
            session.fail(link_lost(self._link.peer, error))
            data = b""
        if data:
            reports = session.receive_data(data, time.monotonic())
        else:
            self._check_silence()
            reports = session.end() if session.state is State.CLOSED else []
        self.take(reports)
        if session.out:
            self._writer.push()

    def take(self, reports: Iterable[Report]) -> None:
        """Tell who asked; what is for callbacks, those of futures among them, is kept for the reading thread."""
        for report in reports:
            if isinstance(report, ReplyReceived):
                if isinstance(report.when, HelpedFuture):
                    self._later.append(report)
                else:
                    report.tell()
                continue
            with self._guard:
                self._inbox.append(report)
                self._count(report, 1)

    def _receive(self, timeout: float) -> bytes:
        if self._pollable is None:
            with suppress(TimeoutError):
                received = self._link.receive(min(timeout, RECEIVE_TIMEOUT))
                if received is None or isinstance(received, bytes):
                    return received or b""
                raise TypeError(f"its receive gave {type(received).__name__}, not bytes")
            return b""
        if not (self._flows or self._ready(min(timeout, LONGEST) * 1000)):
            return b""
        try:
            data = self._buffer.read(self._pollable, self._session.missing)
        except BlockingIOError:
            self._flows = False
            return b""
        if not data:
            raise EOFError
        self._flows = len(data) >= SMALL
        return data

    def _check_silence(self) -> None:
        now, allowed = time.monotonic(), self._limits.keepalive
        silent = min(self._session.silence(now), now - self._back)
        if silent >= allowed and self._session.state is not State.CLOSED:
            self._session.fail(LinkLost(f"{self._link.peer} was silent for {silent:.1f} s, allowed are {allowed:g}"))


def _poller(link: PollableLink | None) -> Callable[[float], object]:
    """Make what waits, some ms, until the link can be read; a poll object as old as the link saves 1 us a read."""
    if link is None or not hasattr(select, "poll"):
        return lambda milliseconds: wait_ready(link, milliseconds / 1000)
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    return poll.poll
