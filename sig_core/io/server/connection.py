"""A session on its link, at the server: polled by a loop, or pumped by two threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from sig_core.clock import Clock
from sig_core.contract import HasPending, Link, PollableLink
from sig_core.errors import LimitError, SigError
from sig_core.interrupts import pass_end_on
from sig_core.io.server.loop import Loop
from sig_core.io.server.poller import READ, WRITE
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.io.sync.receive_buffer import ReceiveBuffer
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.links.threads import start_thread
from sig_core.protocol.source import source_of
from sig_core.session.base import State
from sig_core.session.link_session import LinkSession
from sig_core.session.turn import SECONDS_PER_TURN

__all__ = ["Connection", "ConnectionOwner", "PolledConnection", "PumpedConnection", "SecuredConnection"]

ROOM = 64 * 1024  # bytes that are joined for one send: they can't be dropped, nor shared, any more
ROUNDS = 8  # sends of one connection a turn, so that one does not keep the others waiting
READS = 4  # reads of one connection a turn, as long as each brings all that it could
PUMP_TIMEOUT = 0.25  # seconds after which a pump thread looks whether it should end


class ConnectionOwner(Protocol):
    """What a connection needs of its server.

    Attributes:
        lock: that guards the session.
        loop: that polls.
        buffer: that pollable links are read into; on the loop's thread alone.
        clock: returns monotonic seconds.
    """

    lock: OwnedLock
    loop: Loop
    buffer: ReceiveBuffer
    clock: Clock

    def mark_dirty(self, connection: Connection) -> None:
        """Note, under the lock, that the connection has output, or pauses or resumes reading."""

    def read_soon(self, connection: SecuredConnection) -> None:
        """Let a connection read in the next turn, though no poll may tell."""

    def note_closed(self, connection: Connection) -> None:
        """Note that the connection is closed."""


class Connection(Protocol):
    """A session and its link. Once the dialect is known it is another session; see `DialectDetector`."""

    session: LinkSession

    def start(self) -> None:
        """Begin to read."""

    def changed(self) -> None:
        """Note, under the lock, that the session has output, or pauses or resumes reading."""

    def flush(self) -> None:
        """Send what there is, as far as it goes now; close when the session has ended and all is sent."""

    def abort(self) -> None:
        """Close the link at once; what waits is not sent."""

    def abandon(self) -> None:
        """In a forked child: close the descriptor, and no more."""


class PolledConnection:
    """On a pollable link. Everything happens on the loop's thread."""

    __slots__ = ("_ended", "_events", "_host", "_link", "_once", "_rest", "session")

    def __init__(self, host: ConnectionOwner, link: PollableLink, session: LinkSession) -> None:
        self.session = session
        self._host = host
        self._link = link
        self._once = CloseOnce(link, link.peer)
        self._rest: bytes | memoryview = b""
        self._events = 0
        self._ended = False  # the input

    @property
    def peer(self) -> str:
        """See `Watched`."""
        return self.session.peer

    def fileno(self) -> int:
        """Of the link."""
        return self._link.fileno()

    def start(self) -> None:
        """Begin to read, unless it was aborted, or flushed, since its link came."""
        if not self._once.closed and not self._events:
            self._events = READ
            self._host.loop.watch(self, READ)

    def ready(self, events: int) -> None:
        """Read, or send on."""
        if events & READ:
            self._read()
        if events & WRITE and not self._once.closed:
            self.flush()

    def _read(self) -> None:
        """Read; again as long as there is more, most likely, and its turn is not over."""
        host, session, began = self._host, self.session, 0.0
        for _ in range(READS):
            try:
                data = host.buffer.read(self._link, session.read_hint)
            except BlockingIOError:
                return
            except BaseException as error:
                pass_end_on(error)
                self._lose(link_lost(session.peer, error))
                return
            if not data:
                self._at_end()
                return
            with host.lock:
                now = host.clock()
                session.receive_data(data, now)
                session = self.session  # by now it may be another one: see `DialectDetector`
                if session.error is not None:
                    host.mark_dirty(self)
                    return
            began = began or now
            if not host.buffer.full or session.reading_paused or host.clock() - began >= SECONDS_PER_TURN:
                return

    def changed(self) -> None:
        """Let it be flushed in the turn that is taken now, or soon."""
        self._host.mark_dirty(self)

    def _at_end(self) -> None:
        session = self.session
        with self._host.lock:
            session.receive_eof()
        if session.keeps_half_open:
            self._ended = True
            self.flush()
        else:
            self.abort()

    def flush(self) -> None:
        """Send what there is, as far as it goes now."""
        if self._once.closed:
            return
        try:
            more = self._send()
        except BaseException as error:
            pass_end_on(error)
            self._lose(link_lost(self.session.peer, error))
            return
        session = self.session
        if session.error is not None and not more:
            self.abort()
            return
        wanted = 0 if session.reading_paused or self._ended else READ
        if more or self._link.wants_write:
            wanted |= WRITE
        if wanted != self._events:
            self._watch(wanted)

    def _send(self) -> bool:
        """Send; return whether something is left."""
        lock, session, data = self._host.lock, self.session, self._rest
        for _ in range(ROUNDS):
            if not data:
                with lock:
                    data = session.take(ROOM)
                if not data:
                    return False
            count = self._link.send_some(data)
            if count:
                with lock:
                    session.sent(count, self._host.clock())
            held = self._rest
            data = self._rest = memoryview(data)[count:] if count < len(data) else b""
            if data or held:
                with lock:
                    session.hold(len(data))
            if data or not session.has_output:
                return bool(data)
        return True

    def _watch(self, wanted: int) -> None:
        if not wanted:
            self._host.loop.unwatch(self)
        elif not self._events:
            self._host.loop.watch(self, wanted)
        else:
            self._host.loop.change(self, wanted)
        self._events = wanted

    def _lose(self, error: SigError) -> None:
        with self._host.lock:
            self.session.fail(error)
        self.abort()

    def abort(self) -> None:
        """Close the link at once; what waits is not sent."""
        if self._once.closed:
            return
        if self._events:
            self._events = 0
            self._host.loop.unwatch(self)
        self._once.close()
        self._rest = b""
        self._host.note_closed(self)

    def abandon(self) -> None:
        """In a forked child: close the descriptor, and no more."""
        self._once.close()


class SecuredConnection(PolledConnection):
    """On a pollable link that reads ahead, and has output of its own: TLS.

    Its handshake is done on another thread, in steps, between which the link is polled; during a step it is not.
    """

    __slots__ = ("_go_on", "_is_shaking")

    def __init__(self, host: ConnectionOwner, link: PollableLink, session: LinkSession) -> None:
        super().__init__(host, link, session)
        self._go_on: Callable[[], bool] | None = getattr(link, "go_on", None)  # None: the handshake is over
        self._is_shaking = False

    def ready(self, events: int) -> None:
        """Read, or send on."""
        if self._go_on is None:
            super().ready(events)
            self._look()
            return
        if events & WRITE:
            self.flush()
        if events & READ and self._events:  # else it was closed
            self._is_shaking = True
            self._watch(0)
            self._host.loop.handshakes.add(self._shake, source_of(self._link.peer))

    def _shake(self) -> None:
        """Go on with the handshake, on any thread."""
        assert self._go_on is not None
        is_open, error = False, None
        try:
            is_open = self._go_on()
        except BaseException as caught:  # a panic, too: the thread is shared
            error = link_lost(self.session.peer, caught)
        self._host.loop.post(partial(self._shaken, is_open, error))

    def _shaken(self, is_open: bool, error: SigError | None) -> None:
        self._is_shaking = False
        if self._once.closed:
            return
        if error is not None:
            self._lose(error)
            return
        if is_open:
            self._go_on = None
        self.flush()

    def read_on(self) -> None:
        """Read what the link has."""
        if self._events & READ:
            self._read()
            self._look()

    def flush(self) -> None:
        """Send what there is, as far as it goes now: first what the link itself has to say."""
        if self._is_shaking:
            if self.session.error is not None:
                self.abort()
            return
        if self._link.wants_write and not self._once.closed:
            try:
                self._link.send_some(b"")
            except BaseException as error:
                pass_end_on(error)
                self._lose(link_lost(self.session.peer, error))
                return
        super().flush()
        self._look()

    def _look(self) -> None:
        """See to it that what no poll tells of is done."""
        if self._once.closed:
            return
        if self._link.wants_write and not self._events & WRITE:
            self._watch(self._events | WRITE)
        if self._events & READ and self._go_on is None and cast(HasPending, self._link).pending:
            self._host.read_soon(self)


class PumpedConnection:
    """On any other link: one thread receives, one sends."""

    def __init__(self, host: ConnectionOwner, link: Link, session: LinkSession) -> None:
        self.session = session
        self._host = host
        self._link = link
        self._once = CloseOnce(link, link.peer)
        self._wake = threading.Condition()
        self._threads = [
            threading.Thread(target=self._pump, args=(part,), name=f"sig-{name} {link.peer}", daemon=True)
            for name, part in (("reader", self._read), ("writer", self._write))
        ]

    def start(self) -> None:
        """Begin to read.

        Raises:
            LimitError: the system starts no more threads; the link is closed.
        """
        try:
            for thread in self._threads:
                start_thread(thread)
        except LimitError as error:
            with self._host.lock:
                self.session.fail(error)
            self.abort()
            raise

    def changed(self) -> None:
        """Let it be flushed soon."""
        self._host.mark_dirty(self)

    def flush(self) -> None:
        """Wake the writer, or the reader if it was paused."""
        with self._wake:
            self._wake.notify_all()

    def _pump(self, part: Callable[[], None]) -> None:
        try:
            part()
        except EOFError:
            with self._host.lock:
                self.session.receive_eof()
        except BaseException as error:  # a panic of a compiled driver, too
            with self._host.lock:
                self.session.fail(link_lost(self.session.peer, error))
        if part == self._read or self.session.state is State.CLOSED:
            self.flush()
        if part == self._write:
            self.abort()

    def _read(self) -> None:
        host = self._host
        while self.session.state is not State.CLOSED:
            if self.session.reading_paused:
                self._wait_until(lambda: not self.session.reading_paused)
                continue
            data = _receive(self._link)
            if data:
                with host.lock:
                    self.session.receive_data(data, host.clock())
                host.loop.wake()

    def _write(self) -> None:
        while True:
            with self._host.lock:
                session = self.session
                data = session.take(ROOM)
            if data:
                self._link.send(data)
                with self._host.lock:
                    session.sent(len(data), self._host.clock())
            elif self.session.state is State.CLOSED:
                return
            else:
                self._wait_until(lambda: self.session.has_output)

    def _wait_until(self, true: Callable[[], bool]) -> None:
        with self._wake:
            self._wake.wait_for(lambda: true() or self.session.state is State.CLOSED, PUMP_TIMEOUT)

    def abort(self) -> None:
        """Close the link at once; what waits is not sent."""
        if not self._once.closed:
            self._once.close()
            with self._host.lock:
                self.session.receive_eof()
            self.flush()
            self._host.note_closed(self)

    def abandon(self) -> None:
        """In a forked child: close the descriptor, and no more."""
        self._once.close()

    def join(self, timeout: float) -> None:
        """Wait for the threads, `timeout` seconds at most for each."""
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.is_alive():
                thread.join(timeout)


def _receive(link: Any) -> bytes | None:
    try:
        data: bytes | None = link.receive(PUMP_TIMEOUT)
    except TimeoutError:
        return None
    return data
