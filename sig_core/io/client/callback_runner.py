"""Running the callbacks of a client: listeners, request handlers, futures, in order of arrival."""

from __future__ import annotations

import traceback
from typing import Final, Protocol

from sig_core.clock import Clock
from sig_core.errors import Busy
from sig_core.io.client.inbox import Inbox
from sig_core.io.client.writer import Writer
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Events, Report, RequestsReceived

__all__ = ["CallbackRunner", "Sink"]

MAX_SEND_DELAY: Final = 400e-6  # seconds that an answer, or a request of a callback, may wait for others to join it
CALLBACK_LINGER: Final = 0.001  # seconds after which the writer's thread sends them, should the next callback take long


class Sink(Protocol):
    """What the owner does with what arrives; called on the reading thread, and may run user code."""

    def events(self, report: Events) -> object:
        """Run the listeners."""

    def incoming(self, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        """Run the handler for one of the requests, and answer."""

    def other(self, report: Report) -> None:
        """Take anything else."""


class CallbackRunner:
    """Runs what an inbox has, on the reading thread; only `settle_futures` is for any thread.

    Args:
        session: refuses requests that are nested too deep; its output is what callbacks put out.
        writer: sends that.
        sink: what arrives goes there.
        inbox: what arrives comes from there.
        limits: `max_depth` is used.
        peer: names the link in the log.
        clock: monotonic seconds.

    Attributes:
        depth: callbacks that wait inside each other; `NestedWait` counts them.
        answering: reports whose requests are being run, inside each other.
    """

    def __init__(
        self, session: ClientSession, writer: Writer, sink: Sink, inbox: Inbox, limits: Limits, peer: str, clock: Clock
    ) -> None:
        self.depth = 0
        self.answering = 0
        self._session = session
        self._writer = writer
        self._sink = sink
        self._inbox = inbox
        self._reports = inbox.reports
        self._answers = inbox.answers
        self._max_depth = limits.max_depth
        self._peer = peer
        self._clock = clock
        self._last_push = 0.0
        self._settled: PendingReply | None = None  # for `settle`: told when no request is left

    def run_next(self) -> None:
        """Run the callbacks of the oldest report; there must be one."""
        report = self._reports[0]
        if isinstance(report, RequestsReceived):
            self._run_requests(report)
            return
        self._inbox.remove_first()
        try:
            if isinstance(report, Events):
                self._sink.events(report)
            else:
                self._sink.other(report)
        except BaseException:  # users' exceptions end in the sink: a bug of ours, and the link goes on
            log.error(f"{self._peer}: {type(report).__name__} failed\n{traceback.format_exc()}")
        self._push_in_time()

    def run_all_requests(self) -> None:
        """Run the requests that are there, and leave everything else in order: for a callback that waits."""
        while self._inbox.request_reports:
            self._run_requests(self._inbox.first_requests())

    def settle_futures(self) -> None:
        """Settle the futures whose answers are there, which runs their callbacks."""
        answers = self._answers
        while answers:
            try:
                done = answers.popleft()
            except IndexError:
                return  # another thread took it
            try:
                done.when(done.value, done.error)
            except BaseException:
                log.error(f"{self._peer}: a callback of a future failed\n{traceback.format_exc()}")
            self._push_in_time()

    def settle(self, timeout: float) -> bool:
        """Wait until the requests that have come are answered, at most `timeout` seconds; return whether they are."""
        self._settled = settled = PendingReply()
        return not (self._inbox.request_reports or self.answering) or settled.wait(timeout)

    def _run_requests(self, report: RequestsReceived) -> None:
        """Run requests that came together, as long as nothing else comes first; one that waits finds the rest here."""
        requests = report.requests
        self.answering += 1
        while requests:
            request = requests.popleft()
            if not requests:
                self._inbox.remove_requests(report)
            try:
                if self.depth < self._max_depth:
                    self._sink.incoming(report, *request)
                else:
                    self._refuse(report, request[0])
            except BaseException:  # see `run_next`
                log.error(f"{self._peer}: a request failed\n{traceback.format_exc()}")
            self._push_in_time()
            if self._answers:
                break
        self.answering -= 1
        if self._settled is not None and not (self._inbox.request_reports or self.answering or self._settled.done):
            self._settled.tell(None, None)

    def _refuse(self, report: RequestsReceived, ident: int) -> None:
        text = f"sender {report.sender!r}: {self.depth} requests run inside each other, which is the limit"
        self._session.fail_to(ident, report.route, Busy(text))

    def _push_in_time(self) -> None:
        """Send what callbacks put out: together where they follow each other closely, but nothing waits for long."""
        # Not all at once either: then the other ends would idle until this one is through with all that it has read.
        if self._session.out:
            now = self._clock()
            if now - self._last_push >= MAX_SEND_DELAY or not (self._reports or self._answers):
                self._writer.push()
                self._last_push = now
            elif not self._writer.gathers:
                self._writer.gather(CALLBACK_LINGER)
