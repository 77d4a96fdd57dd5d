"""What has arrived at a client and waits for the thread that runs callbacks."""

from __future__ import annotations

from collections import deque

from sig_core.io.sync.future import HelpedFuture
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.session.binary.reports import Events, Kept, Last, ReplyReceived, Report, RequestsReceived

__all__ = ["Inbox"]

SIZED = (Events, Kept, Last)


class Inbox:
    """Reports for callbacks in order of arrival, and beside them the answers of futures.

    Any thread may `take`; only the reading thread removes. The lock is for the order and the counts, and is the
    innermost of all: nothing is called while it is held.

    Attributes:
        reports: for callbacks, in order of arrival. The deque is never replaced.
        answers: of futures: settling these runs their callbacks, which are user code. It is never replaced either.
        event_bytes: how much of `reports` is events.
        request_reports: how many of `reports` are requests.
    """

    __slots__ = ("_lock", "answers", "event_bytes", "reports", "request_reports")

    def __init__(self) -> None:
        self.reports: deque[Report] = deque()
        self.answers: deque[ReplyReceived] = deque()
        self.event_bytes = 0
        self.request_reports = 0
        self._lock = OwnedLock()

    def take(self, reports: list[Report]) -> None:
        """Tell answers to the threads that wait for them, here and now; keep the rest.

        Args:
            reports: are removed from it in the step in which they are kept: after an interrupt all are there or none,
                and an answer may be told twice.
        """
        kept: list[Report] = []
        for report in reports:
            if not isinstance(report, ReplyReceived):
                kept.append(report)
            elif isinstance(report.when, HelpedFuture):
                self.answers.append(report)
            else:
                report.tell()
        if kept:
            self._keep(kept, reports)
        else:
            del reports[:]

    def _keep(self, kept: list[Report], reports: list[Report]) -> None:
        size = sum([len(report.data) for report in kept if isinstance(report, SIZED)])
        requests = sum([isinstance(report, RequestsReceived) for report in kept])
        with self._lock:
            self.event_bytes += size
            self.request_reports += requests
            self.reports += kept
            del reports[:]

    def remove_first(self) -> None:
        """Remove the oldest report, which must not be one of requests."""
        with self._lock:
            report = self.reports.popleft()
            if isinstance(report, SIZED):
                self.event_bytes -= len(report.data)

    def first_requests(self) -> RequestsReceived:
        """Return the oldest report of requests; it stays."""
        with self._lock:
            return next(report for report in self.reports if isinstance(report, RequestsReceived))

    def remove_requests(self, report: RequestsReceived) -> None:
        """Remove a report of requests, wherever it stands."""
        with self._lock:
            self.reports.remove(report)
            self.request_reports -= 1
