"""The reading side of a client: receives, tells answers at once, and runs callbacks in order of arrival.

Who may read when, which locks there are and who wakes whom stands at the head of `receive_role`.
"""

from __future__ import annotations

import threading
import time

from sig_core.clock import Clock
from sig_core.contract import Link
from sig_core.io.client.callback_runner import CallbackRunner, Sink
from sig_core.io.client.inbox import Inbox
from sig_core.io.client.link_receiver import LinkReceiver
from sig_core.io.client.nested_wait import NestedWait
from sig_core.io.client.receive_role import ReceiveRole
from sig_core.io.client.writer import Writer
from sig_core.io.sync.busy_wait import new_busy_wait
from sig_core.links.close_once import CloseOnce
from sig_core.links.threads import start_thread
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession

__all__ = ["Reader"]

CLOSED = State.CLOSED  # looking a member up on an Enum class costs more than the comparison


class Reader:
    """Reads a link into its session, and runs callbacks on a thread of its own.

    Args:
        session, link, writer: that belong together.
        sink: what arrives goes there.
        limits: `keepalive`, `max_inbound` and `max_depth` are used.
        clock: monotonic seconds.

    Attributes:
        role: to read.
        inbox: what waits for callbacks.
        runner: runs them.
        wait: waits for an answer on any other thread: `ReceiveRole.wait`.
        wait_inside, settle_inside, make_room: wait inside a callback; see `NestedWait`.
        take: takes reports that the session gave; see `Inbox.take`.
        run_later: settles futures; see `CallbackRunner.settle_futures`.
        settle: waits until requests are answered; see `CallbackRunner.settle`.
    """

    def __init__(
        self,
        session: ClientSession,
        link: Link,
        writer: Writer,
        sink: Sink,
        limits: Limits,
        clock: Clock = time.monotonic,
    ) -> None:
        self._session = session
        self._writer = writer
        self._clock = clock
        self._once = CloseOnce(link, link.peer)
        self._receiver = LinkReceiver(link, session, new_busy_wait(limits.busy_poll))
        self.inbox = Inbox()
        self.runner = CallbackRunner(session, writer, sink, self.inbox, limits, link.peer, clock)
        self.role = ReceiveRole(session, self._receiver, writer, self.inbox, limits, link.peer, clock)
        nested = NestedWait(session, writer, self.inbox, self.role, self.runner, limits, clock)
        # Bound here: methods that only pass on would cost each request a call more.
        self.wait = self.role.wait
        self.wait_inside = nested.wait_inside
        self.settle_inside = nested.settle_inside
        self.make_room = nested.make_room
        self.take = self.inbox.take
        self.run_later = self.runner.settle_futures
        self.settle = self.runner.settle
        self._hear_until = 0.0
        self._thread = threading.Thread(target=self._run, name=f"sig-reader {link.peer}", daemon=True)

    def start(self) -> None:
        """Begin."""
        start_thread(self._thread)

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
        self.role.news.set()

    def read_from(self, link: Link) -> None:
        """Close this link, instead of the one before, when it is time to."""
        self._once = CloseOnce(link, link.peer)

    def leave(self, timeout: float) -> None:
        """Once the session is closed, go on reading until the peer ends, at most `timeout` seconds."""
        self._hear_until = self._clock() + timeout

    def tell_the_end(self) -> None:
        """Tell who waits that the session has ended, though a callback may keep the reading thread."""
        self.take(self._session.end())

    # -- the reading thread

    def _run(self) -> None:
        self._writer.reading_thread = threading.get_ident()
        reports, answers, role, runner = self.inbox.reports, self.inbox.answers, self.role, self.runner
        while True:
            while reports or answers:
                if answers:
                    runner.settle_futures()
                if reports:
                    runner.run_next()
                role.back = self._clock()
            if self._session.state is not CLOSED:
                role.read_or_stand_by()
                continue
            with role.lock:  # who reads now may have found the end, and not yet passed on what came before it
                self.tell_the_end()
            if not (reports or answers):
                break
        self._hear_out()
        self._writer.stop()
        self._once.close()

    def _hear_out(self) -> None:
        """After our goodbye let the peer end first: closing on unread input would reset what is on its way."""
        with self.role.lock:
            while not self._once.closed and (left := self._hear_until - self._clock()) > 0:
                try:
                    self._receiver.receive(left)
                    self._receiver.unread = b""
                except BaseException:
                    return  # EOFError: the peer has ended; anything else: there is nothing left to wait for
