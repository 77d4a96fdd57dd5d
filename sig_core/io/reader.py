"""The reading thread of a client: receives, tells answers at once, and runs callbacks in order of arrival."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from sig_core.contract import Link, PollableLink
from sig_core.errors import Backpressure, Busy, LinkLost, Overflow
from sig_core.io.guard import Once, lost
from sig_core.io.writer import Writer, wait_ready
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.client import ClientSession
from sig_core.session.reports import Done, Events, Incoming, Report

__all__ = ["Reader", "Sink"]

SMALL, LARGE = 16 * 1024, 256 * 1024  # bytes of the receive buffer, idle and under load
SLICE = 0.25  # seconds after which a blocked receive looks whether it should end
LONGEST = 1.0  # seconds between looks at the peer's silence
REPLY_WITHIN = 0.001  # seconds that a reply may wait for others to be sent with


class Sink(Protocol):
    """What the reader's owner does with what arrives. May run user code, except in `ended`'s part before callbacks."""

    def events(self, report: Events) -> None:
        """Run the listeners."""

    def incoming(self, report: Incoming) -> None:
        """Run the handler, and answer."""

    def other(self, report: Report) -> None:
        """Take anything else."""


class Reader:
    """Reads a link into its session, on a thread of its own.

    A callback that waits for an answer (`wait`) reads on itself meanwhile: answers are told, requests run nested, and
    events are kept for later, in order, up to a limit.

    Args:
        session, link, writer: that belong together.
        sink: what arrives goes there.
        limits: `keepalive`, `max_inbound` and `max_depth` are used.
    """

    def __init__(self, session: ClientSession, link: Link, writer: Writer, sink: Sink, limits: Limits) -> None:
        self._session = session
        self._link = link
        self._pollable = link if isinstance(link, PollableLink) else None
        self._writer = writer
        self._sink = sink
        self._limits = limits
        self._once = Once(link, link.peer)
        self._buffer = memoryview(bytearray(SMALL))
        self._inbox: deque[Report] = deque()
        self._answers: deque[Done] = deque()
        self._kept = 0  # bytes of events in the inbox
        self._calls = 0  # requests in the inbox
        self._depth = 0
        self._back = time.monotonic()  # when it last began to listen
        self._replied = 0.0
        self._thread = threading.Thread(target=self._run, name=f"sig-reader {link.peer}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_current(self) -> bool:
        """Tell whether this is the reading thread: then a callback runs on it."""
        return threading.get_ident() == self._writer.reading_thread

    def join(self, timeout: float) -> bool:
        """Wait for the thread, at most `timeout` seconds; tell whether it has ended."""
        if self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def cut(self) -> None:
        """Close the link; a read that waits ends."""
        self._once.close()

    # -- the thread

    def _run(self) -> None:
        self._writer.reading_thread = threading.get_ident()
        while True:
            while self._inbox:
                self._run_next()
                self._back = time.monotonic()
            if self._session.state is State.CLOSED:
                break
            self._read(LONGEST)
        self._writer.stop()
        self._once.close()

    def _run_next(self) -> None:
        report = self._inbox.popleft()
        if isinstance(report, Events):
            self._kept -= len(report.data)
            self._sink.events(report)
        elif isinstance(report, Incoming):
            self._calls -= 1
            self._answer(report)
        else:
            self._sink.other(report)

    def _answer(self, report: Incoming) -> None:
        if self._depth >= self._limits.max_depth:
            text = f"sender {report.sender!r}: {self._depth} requests run inside each other, which is the limit"
            self._session.fail_to(report.ident, report.route, Busy(text))
        else:
            self._sink.incoming(report)
        now = time.monotonic()
        if not self._inbox or now - self._replied > REPLY_WITHIN:  # answers to one read leave together
            self._replied = now
            self._writer.flush()

    # -- waiting inside a callback

    def wait(self, ended: Callable[[], bool], timeout: float) -> None:
        """Read on until `ended()`, at most `timeout` seconds. Only for callbacks on the reading thread.

        Raises:
            Overflow: more events arrived than may be kept.
        """
        until = time.monotonic() + timeout
        self._depth += 1
        try:
            while not ended() and self._session.state is not State.CLOSED:
                self._tell_answers()
                self._run_calls()
                left = until - time.monotonic()
                if ended() or left <= 0:
                    return
                if self._kept > self._limits.max_inbound:
                    limit = self._limits.max_inbound
                    raise Overflow(f"{self._kept} bytes of events came while a callback waits, {limit} may be kept")
                self._read(left)
        finally:
            self._depth -= 1

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
            if self._writer.full:
                self._read(REPLY_WITHIN)

    def _run_calls(self) -> None:
        """Run the requests of the inbox, leaving the rest in order."""
        while self._calls:
            for index, report in enumerate(self._inbox):
                if isinstance(report, Incoming):
                    del self._inbox[index]
                    self._calls -= 1
                    self._answer(report)
                    break

    # -- reading

    def _read(self, timeout: float) -> None:
        """Receive once, within `timeout` seconds; tell answers, put the rest into the inbox."""
        session = self._session
        try:
            data = self._receive(timeout)
        except EOFError:
            session.receive_eof()
            data = b""
        except Exception as error:
            session.fail(lost(self._link.peer, error))
            data = b""
        if data:
            reports = session.receive_data(data, time.monotonic())
        else:
            self._check_silence()
            reports = session.end() if session.state is State.CLOSED else []
        for report in reports:
            self._sort(report)
        self._tell_answers()
        if session.out:
            self._writer.flush()

    def _sort(self, report: Report) -> None:
        if isinstance(report, Done):
            self._answers.append(report)
            return
        self._inbox.append(report)
        if isinstance(report, Events):
            self._kept += len(report.data)
        elif isinstance(report, Incoming):
            self._calls += 1

    def _tell_answers(self) -> None:
        # One queue for all depths: who is told may wait for an answer that stands further back.
        while self._answers:
            self._answers.popleft().tell()

    def _receive(self, timeout: float) -> bytes:
        if self._pollable is None:
            try:
                return self._link.receive(min(timeout, SLICE)) or b""
            except TimeoutError:
                return b""
        if not wait_ready(self._pollable, min(timeout, LONGEST)):
            return b""
        try:
            count = self._pollable.recv_into(self._buffer)
        except BlockingIOError:
            return b""
        if not count:
            raise EOFError
        data = bytes(self._buffer[:count])
        if count == len(self._buffer) and count < LARGE:
            self._buffer = memoryview(bytearray(count * 2))
        return data

    def _check_silence(self) -> None:
        now, allowed = time.monotonic(), self._limits.keepalive
        silent = min(self._session.silence(now), now - self._back)
        if silent >= allowed and self._session.state is not State.CLOSED:
            self._session.fail(LinkLost(f"{self._link.peer} was silent for {silent:.1f} s, allowed are {allowed:g}"))
