"""One link of a client on threads: session, writer, reader, and the threads that wait for answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, Link
from sig_core.errors import ConnectFailed, RequestTimeout, SigError
from sig_core.io.client.lifetime import STOP, link_failed
from sig_core.io.client.reader import Reader
from sig_core.io.client.writer import Writer
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Opened, ReplyReceived, Report
from sig_core.session.client_state.asks import Steps
from sig_core.session.client_state.inbound import Inbound

__all__ = ["ThreadedLink"]

T = TypeVar("T")


class ThreadedLink:
    """Brings a link up, and lets threads wait for what it brings.

    Args:
        link: live, and a reliable stream or packets.
        session: nothing received yet.
        inbound: takes what arrives.
        ended: called with this link, and why, when it has ended; on the reading thread.
        clock: see `Clock`.

    Attributes:
        codec: that was agreed on; there once the link is open.
        opened: set when the server has answered the hello, or the link has ended (`session.error` tells).
        events, incoming: see `callback_runner.Sink`.
    """

    def __init__(
        self,
        link: Link,
        session: ClientSession,
        inbound: Inbound,
        ended: Callable[[ThreadedLink, SigError], None],
        clock: Clock,
    ) -> None:
        self.opened = Latch()
        self.limits = session.limits
        self.codec: Codec
        self.session = session
        self.events = inbound.events
        self.incoming = inbound.incoming
        self._inbound = inbound
        self._ended = ended
        self._peer = link.peer
        self._clock = clock
        self.writer = session.gate = Writer(session, link, self._tick, self._failed, self._make_room, clock=clock)
        self.reader = Reader(session, link, self.writer, self, session.limits, clock)

    def open(self) -> ThreadedLink:
        """Send the hello; returns when the server has answered it.

        Raises:
            ConnectFailed: no answer within the limit `handshake`.
            SigError: what the answer says, or what became of the link.
        """
        self.reader.start()
        self.writer.start()
        self.writer.wake()
        try:
            if not self.opened.wait(self.limits.handshake):
                raise ConnectFailed(f"{self._peer}: no answer to the hello within {self.limits.handshake:g} s")
            if self.session.error is not None:
                raise link_failed(self.session.error, self._peer)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Answer what was asked, say goodbye, let what waits go out for a while, and end."""
        settled = not self.reader.is_current() and self.reader.settle(STOP)
        self.reader.leave(STOP)
        self.session.close("the client stops")
        self.writer.finish(STOP)
        if self.reader.is_current():
            return  # the thread ends the link when this callback returns
        if settled:  # else a handler hangs, and was waited for long enough
            self.reader.join(STOP)
        self.reader.cut()
        self.reader.tell_the_end()
        self.writer.stop()
        self.reader.join(STOP)
        self.writer.join(STOP)

    # -- waiting

    def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, waiting for each answer, and return its result; it raises what the plan raises."""
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
                    self.writer.flush()
                else:
                    value = self.finish(ask.reply, ask.ident, None, ask.what)
            except BaseException as caught:
                error = caught

    def finish(self, reply: Any, ident: int | None, seconds: float | None, what: str, *names: object) -> Any:
        """Send, wait for an answer, and return it; on the reading thread by reading on.

        Args:
            reply: a `PendingReply` that is told the answer.
            ident: of the request or call; None: of nobody's own.
            seconds: that it may take; None: the limit `request_timeout`.
            what: was asked, with `{!r}` for each of `names`, if there are any.

        Raises:
            RequestTimeout: none came within `seconds`; it is not waited for any more.
            SigError: what the answer says.
        """
        waiter: PendingReply = reply
        if waiter.is_done():
            return waiter.result()
        if seconds is None:
            seconds = self.limits.request_timeout
        try:
            self.writer.flush()
            if self.reader.is_current():
                self.reader.wait_inside(waiter.is_done, seconds)
            else:
                self.reader.wait(waiter, seconds)
        finally:
            if not waiter.done and ident is not None:
                self.session.cancel(ident)
        if not waiter.done:
            self.session.check_open()
            raise RequestTimeout(f"{what.format(*names) if names else what}: no answer within {seconds:g} s")
        return waiter.result()

    # -- what arrives

    def other(self, report: Report) -> None:
        """Pass on, and note what concerns the link itself."""
        if isinstance(report, Opened):
            assert self.session.encoding is not None
            self.codec = self.session.encoding
            self.writer.wake()  # only now it is known how often the server wants to hear something
            self.opened.set()
        elif isinstance(report, Closed):
            self.opened.set()
            self._ended(self, report.error)
        else:
            self._inbound.other(report)

    # -- what the writer asks

    def _make_room(self) -> None:
        self.reader.make_room()

    def _tick(self, now: float) -> float:
        ended, wait = self.session.tick(now)
        late: list[Report] = [report for report in ended if isinstance(report, ReplyReceived)]
        self.reader.take(late)
        if late:  # callbacks of futures are user code: it must not keep the link from being kept alive
            threading.Thread(target=self.reader.run_later, name="sig-late", daemon=True).start()
        if self.session.out:
            self.writer.wake()
        return wait

    def _failed(self, error: SigError) -> None:
        self.session.fail(error)
        self.reader.cut()
