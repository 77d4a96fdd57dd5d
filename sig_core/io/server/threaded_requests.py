"""Requests of a server's own program to senders of its clients, waited for by threads."""

from __future__ import annotations

import heapq
import itertools
import time
from concurrent.futures import Future
from typing import Any

from sig_core.clock import Clock
from sig_core.errors import RequestTimeout
from sig_core.events import Name
from sig_core.io.server.server_requests import ServerRequests
from sig_core.io.server.threaded_port import ThreadedPort
from sig_core.io.sync.future import HelpedFuture
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.plugins import Plugins
from sig_core.routing.exchange import Exchange
from sig_core.session.binary.reports import ReplyCallback

__all__ = ["ThreadedRequests"]

SPARE = 1000  # deadlines of answered requests that may be kept


class ThreadedRequests(ServerRequests):
    """Makes requests, and waits for their answers, or returns futures of them.

    Args:
        exchange, port, lock, plugins: see `ServerRequests`.
        clock: returns monotonic seconds, for deadlines.
    """

    _port: ThreadedPort

    def __init__(
        self,
        exchange: Exchange,
        port: ThreadedPort,
        lock: OwnedLock,
        plugins: Plugins,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(exchange, port, lock, plugins)
        self._clock = clock
        self._deadlines: list[tuple[float, int, ReplyCallback, RequestTimeout]] = []  # a heap
        self._count = itertools.count()  # so that entries of one deadline need not be compared

    def ask(self, sender: Name, method: str, params: Any, seconds: float) -> Any:
        """Make a request and return its answer; if this is a dispatch thread, another takes the jobs meanwhile.

        Args:
            sender: who is asked.
            method: that is called.
            params: any value that the codec of its owner carries.
            seconds: to wait at most.

        Raises:
            RequestTimeout: none came within `seconds`.
            SigError: what the answer says.
        """
        waiter = PendingReply()
        when: ReplyCallback = waiter.tell
        try:
            with self._port.dispatcher.waiting(), self._port.answers.waiting():
                self._send(sender, method, params, when)
                waiter.wait(seconds)
        except BaseException:  # an interrupt too: nobody waits for this answer
            self._cancel(when)
            raise
        if not waiter.done and self._cancel(when):
            raise self._late(sender, method, seconds)
        waiter.wait(seconds)  # it came just now
        return waiter.result()

    def ask_async(self, sender: Name, method: str, params: Any, seconds: float) -> Future[Any]:
        """Make a request and return a future of its answer; its callbacks run on a thread of the router.

        Args:
            sender, method, params: see `ask`.
            seconds: after which it fails with RequestTimeout.

        Raises:
            SigError: the request can't be made.
        """
        future = HelpedFuture(self._wait_for)
        when: ReplyCallback = future
        self._send(sender, method, params, when)
        with self._lock:
            deadline = self._clock() + seconds
            heapq.heappush(self._deadlines, (deadline, next(self._count), when, self._late(sender, method, seconds)))
        return future

    def _wait_for(self, future: HelpedFuture, timeout: float | None) -> float | None:
        """Wait for a future; on a dispatch thread another takes the jobs meanwhile (`Help`)."""
        if future.done():
            return timeout
        with self._port.dispatcher.waiting(), self._port.answers.waiting():
            future.block(timeout)
        return None if timeout is None else 0.0

    def expire(self, now: float) -> None:
        """Fail the asynchronous requests whose time is over; under the lock."""
        deadlines, requests = self._deadlines, self._exchange.requests
        while deadlines and deadlines[0][0] <= now:
            _, _, when, error = heapq.heappop(deadlines)
            if requests.cancel(self._port, when):
                self._port.fail_to(when, 0, error)
        open_now = requests.tokens_of(self._port)
        if len(deadlines) > SPARE + 2 * len(open_now):  # most have their answer: let go of what is remembered of them
            self._deadlines = [entry for entry in deadlines if entry[2] in open_now]
            heapq.heapify(self._deadlines)
