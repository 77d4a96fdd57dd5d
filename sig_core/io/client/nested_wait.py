"""Waiting inside a callback of a client: the reading thread reads on, since nobody else would."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from sig_core.clock import Clock
from sig_core.errors import Backpressure, Busy, LocalProtocolError
from sig_core.io.client.callback_runner import CallbackRunner
from sig_core.io.client.inbox import Inbox
from sig_core.io.client.lifetime import overflow
from sig_core.io.client.receive_role import ReceiveRole
from sig_core.io.client.writer import Writer
from sig_core.io.sync.owned_lock import INSIDE
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession

__all__ = ["NestedWait"]

ROLE_RETRY: Final = 0.001  # seconds after which a callback that waits while another thread reads looks again

OPEN, CLOSED = State.OPEN, State.CLOSED  # looking a member up on an Enum class costs more than the comparison


class NestedWait:
    """Waits on the reading thread, inside a callback; what it reads meanwhile is run, or kept.

    Requests run at once, nested, so that two programs that ask each other in circles get their answers; so do the
    callbacks of futures. Events are kept, in order, up to `max_inbound` bytes.

    Args:
        session, writer, inbox: that belong together.
        role: to read.
        runner: runs requests and settles futures, and keeps the depth.
        limits: `max_inbound` and `max_depth` are used.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        session: ClientSession,
        writer: Writer,
        inbox: Inbox,
        role: ReceiveRole,
        runner: CallbackRunner,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._session = session
        self._writer = writer
        self._inbox = inbox
        self._role = role
        self._runner = runner
        self._max_inbound = limits.max_inbound
        self._max_depth = limits.max_depth
        self._clock = clock

    def wait_inside(self, done: Callable[[], bool], timeout: float) -> None:
        """Read on until `done()`, at most `timeout` seconds. Only for callbacks on the reading thread.

        Raises:
            Overflow: more events arrived than may be kept.
        """
        until = self._clock() + timeout
        runner, role = self._runner, self._role
        runner.depth += 1
        try:
            while not done() and self._session.state is not CLOSED:
                if runner.depth < self._max_depth:
                    runner.settle_futures()
                runner.run_all_requests()
                left = until - self._clock()
                if done() or left <= 0:
                    return
                if self._session.out:
                    self._writer.push()  # what this callback asked for may be what it waits for
                if self._inbox.event_bytes > self._max_inbound:
                    raise overflow(self._inbox.event_bytes, self._max_inbound)
                if not role.read_if_free(left):
                    role.news.wait(ROLE_RETRY)
        finally:
            runner.depth -= 1

    def settle_inside(self, future: Future[Any], timeout: float | None) -> float | None:
        """Read on until a future is done, if this is the reading thread: the `help` of a `HelpedFuture`.

        Args:
            future: that somebody is about to block on.
            timeout: seconds that may pass; None: any.

        Returns:
            The seconds that may still pass when this returns.

        Raises:
            Busy: too many callbacks wait inside each other already.
            Overflow: see `wait_inside`.
        """
        if future.done():
            return timeout
        if self._role.lock.is_mine():
            raise LocalProtocolError(f"a wait: {INSIDE}")
        if threading.get_ident() != self._writer.reading_thread:
            return timeout
        depth = self._runner.depth + 1
        if depth >= self._max_depth:
            raise Busy(f"{depth} callbacks wait inside each other, which is the limit")
        self.wait_inside(future.done, threading.TIMEOUT_MAX if timeout is None else timeout)
        if self._session.state is CLOSED:
            self._inbox.take(self._session.end())
        self._runner.settle_futures()
        return None if timeout is None else 0.0

    def make_room(self) -> None:
        """Read on until output drains. Only for callbacks on the reading thread.

        Raises:
            Backpressure: it does not drain before as much input has come as may be kept.
        """
        while self._writer.full and self._session.state is OPEN:
            if self._inbox.event_bytes > self._max_inbound:
                kept, limit = self._inbox.event_bytes, self._max_inbound
                raise Backpressure(f"output is full, and {kept} bytes of events wait, {limit} may be kept")
            self._writer.flush()
            if self._writer.full and not self._role.read_if_free(ROLE_RETRY):
                self._role.news.wait(ROLE_RETRY)
