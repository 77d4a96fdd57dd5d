"""One link of a client on threads: session, writer, reader, and the threads that wait for answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sig_core.clock import Clock
from sig_core.contract import Link
from sig_core.errors import LimitError, LinkClosed, SigError
from sig_core.io.client.client_link import ClientLink
from sig_core.io.client.lifetime import STOP, no_answer
from sig_core.io.client.plans import drive
from sig_core.io.client.reader import Reader
from sig_core.io.client.resumable_writer import ResumableWriter
from sig_core.io.client.writer import Writer
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import check_outside
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.links.threads import run_in_thread, start_thread
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.returning import Returning
from sig_core.session.client_state.asks import Ask, Steps
from sig_core.session.client_state.inbound import Inbound

__all__ = ["ThreadedLink"]

PARK: Final = 0.001  # seconds after which it is looked again whether nobody reads a link that was cut
LOOK: Final = 0.05  # seconds after which who waits looks whether it may; to look at once would cost each request 2 us

OPEN = State.OPEN

T = TypeVar("T")


class ThreadedLink(ClientLink):
    """Brings a link up, and lets threads wait for what it brings.

    Args:
        link: live, and a reliable stream or packets.
        session: nothing received yet.
        inbound: takes what arrives.
        ended: called with this link, and why, when it has ended; on the reading thread.
        clock: see `Clock`.
        go_on: called on a thread of its own when the link was cut, and the session waits for another one.

    Attributes:
        opened: see `ClientLink`.
        events, incoming: see `callback_runner.Sink`.
    """

    writer: Writer

    def __init__(
        self,
        link: Link,
        session: ClientSession,
        inbound: Inbound,
        ended: Callable[[ThreadedLink, SigError], None],
        clock: Clock,
        go_on: Callable[[ThreadedLink], None] | None = None,
    ) -> None:
        self.opened = Latch()
        super().__init__(session, inbound, ended, link.peer, self.opened)
        self.events = inbound.events
        self.incoming = inbound.incoming
        self._clock = clock
        self._go_on = go_on
        self._going_on: threading.Thread | None = None
        kind, tick = (Writer, self._tick) if session.stream is None else (ResumableWriter, self._look)
        self.writer = session.gate = kind(session, link, tick, self._failed, self._make_room, clock=clock)
        session.kept.on_remind = self.writer.wake
        if session.stream is not None:
            session.stream.on_cut = self.writer.wake
        self.reader = Reader(session, link, self.writer, self, session.limits, clock)
        self._settled = False

    def open(self) -> ThreadedLink:
        """Send the hello; returns when the server has answered it.

        Raises:
            ConnectFailed: no answer within the limit `handshake`.
            LimitError: the system starts no more threads.
            SigError: what the answer says, or what became of the link.
        """
        try:
            self.reader.start()
            self.writer.start()
            self.writer.wake()
            self.check_opened(self.opened.wait(self.limits.handshake))
        except BaseException as error:
            self._give_up(error if isinstance(error, SigError) else LinkClosed("nobody waits for it any more"))
            raise
        return self

    def _give_up(self, error: SigError) -> None:
        """End a link that never opened: there is nobody to say goodbye to, and maybe no thread to do so."""
        self._failed(error)
        self.writer.stop()
        self.reader.join(STOP)
        self.writer.join(STOP)

    # -- the end: what `StopStep` asks for

    def settle(self) -> None:
        """Wait until the requests that have come are answered, but not inside a callback."""
        self._settled = not self.reader.is_current() and self.reader.settle(STOP)
        self.reader.leave(STOP)

    def drain(self) -> None:
        """Wait until all output has left."""
        self.writer.finish(STOP)

    def join(self) -> None:
        """Wait until all that came is passed on."""
        if self._settled:  # else a handler hangs, and was waited for long enough
            self.reader.join(STOP)

    def end(self) -> None:
        """Close the session, unless it is, and end."""
        self.session.close("the client stops")
        if self.reader.is_current():
            return  # the thread ends the link when this callback returns
        self.reader.cut()
        self.reader.tell_the_end()
        self.writer.stop()
        self.reader.join(STOP)
        self.writer.join(STOP)
        going_on = self._going_on
        if going_on is not None and going_on is not threading.current_thread():
            going_on.join(STOP)

    def leave(self, timeout: float) -> None:
        """Say goodbye, and let the peer end first, within `timeout` seconds; callbacks are not waited for."""
        until = time.monotonic() + timeout
        self.reader.leave(timeout)
        self.session.close("the program ends")
        self.writer.finish(timeout)
        self.reader.join(max(0.0, until - time.monotonic()))

    def cut(self) -> None:
        """See `ClientLink`; a read that waits ends."""
        self.reader.cut()

    def stop(self) -> None:
        """Answer what was asked, say goodbye, let what waits go out for a while, and end."""
        self.settle()
        self.session.close("the client stops")
        self.drain()
        self.join()
        self.end()

    def let_go(self) -> None:
        """Close the link, and end the writer's thread: the session has ended, and the reading thread has more to do."""
        self.reader.cut()
        self.writer.stop()

    # -- waiting

    def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, waiting for each answer, and return its result; it raises what the plan raises."""
        return drive(steps, self.perform)

    def perform(self, ask: Ask | None) -> Any:
        """Do one step of a plan."""
        if ask is not None:
            return self.finish(ask.reply, ask.ident, None, ask.what)
        return self.writer.flush()

    def finish(self, reply: Any, ident: int | None, seconds: float | None, what: str, *names: object) -> Any:
        """Send, wait for an answer, and return it; on the reading thread by reading on.

        Args:
            reply: a `PendingReply` that is told the answer.
            ident: of the request or call; None: of nobody's own.
            seconds: that it may take; None: the limit `request_timeout`.
            what: was asked, with `{!r}` for each of `names`, if there are any.

        Raises:
            RequestTimeout: none came within `seconds`; it is not waited for any more.
            LocalProtocolError: none came within `LOOK`, in the midst of another call, which the answer may wait for.
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
                self.reader.wait(waiter, min(seconds, LOOK))
                if not waiter.done and seconds > LOOK:
                    check_outside(what.format(*names) if names else what)
                    self.reader.wait(waiter, seconds - LOOK)
        finally:
            if not waiter.done and ident is not None:
                try:
                    self.session.cancel(ident)
                except BaseException:  # a second interrupt
                    self.session.cancel(ident)
                    raise
        if not waiter.done:
            raise no_answer(self.session, seconds, what, names)
        return waiter.result()

    # -- what the writer asks

    def _make_room(self) -> None:
        self.reader.make_room()

    def _tick(self, now: float) -> float:
        ended, wait = self.session.tick(now)
        is_late = bool(ended)
        self.reader.take(ended)
        if is_late:  # callbacks of futures are user code: it must not keep the link from being kept alive
            run_in_thread(self.reader.run_later, "sig-late")
        if self.session.out:
            self.writer.wake()
        return wait

    def _failed(self, error: SigError) -> None:
        self.session.lose(error)
        self.reader.cut()

    # -- another link for the session

    def _look(self, now: float) -> float:
        """Do what is due; and see to it that a session without a link gets one."""
        suspended = self.session.suspended
        if suspended is not None and self._going_on is None:
            self._going_on = threading.Thread(target=self._get_link, name=f"sig-resume {self._peer}", daemon=True)
            try:
                start_thread(self._going_on)
            except LimitError:
                self._failed_to_go_on(suspended)
        return self._tick(now)

    def _get_link(self) -> None:
        assert self._go_on is not None
        try:
            self._go_on(self)
        finally:
            self._going_on = None
            self.writer.wake()  # it may have been cut once more

    def _failed_to_go_on(self, error: SigError) -> None:
        self.session.fail(error)
        self.reader.cut()

    def release(self) -> None:
        """Let go of the link that was cut; returns when nobody reads it any more."""
        self.reader.cut()
        while self.reader.role.park() is None and self.session.state is OPEN:
            time.sleep(PARK)

    def resume(self, link: Link, returning: Returning) -> None:
        """Go on over another link, on which the server has agreed to that; returns when it is read."""
        assert isinstance(self.writer, ResumableWriter)
        waits = self.reader.role.park()
        self.reader.read_from(link)
        self.writer.use(link, returning.received)
        if waits is not None:
            waits.offer(link, returning.rest)
        while waits is not None and not waits.is_taken and self.session.state is OPEN:
            self.reader.role.help(waits)
            time.sleep(PARK)
        if self.session.state is not OPEN:  # it was ended meanwhile
            self.reader.cut()
