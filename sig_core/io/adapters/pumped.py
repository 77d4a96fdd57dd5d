"""A link that can be polled, made of any: for event loops, which must not wait in it."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final

from sig_core.clock import Clock
from sig_core.contract import Link, PollableLink
from sig_core.links.close_once import CloseOnce, failure
from sig_core.links.threads import start_thread

__all__ = ["PumpedLink", "pollable"]

HIGH_WATER: Final = 1 << 20  # bytes that wait to be sent, at which the link is no longer writable ...
LOW_WATER: Final = 1 << 18  # ... and below which it is again
READ_AHEAD: Final = 1 << 20  # bytes that are received before anybody asks for them
DRAIN_TIMEOUT: Final = 2.0  # seconds after a close for what waits to be sent
READ_TIMEOUT: Final = 0.05  # seconds after which the receiving thread looks whether the link is closed


def pollable(link: Link) -> PollableLink:
    """Return a link that can be polled: itself, or one with two threads."""
    return link if isinstance(link, PollableLink) else PumpedLink(link)


class PumpedLink:
    """One thread receives, one sends; a pair of sockets shows a poll whether the link is readable and writable.

    Its socket is readable while something is there, and not writable while too much waits: then it is full of bytes
    that mean nothing, which the sending thread takes out.

    Args:
        raw: moves the bytes; it is closed with this one.
        clock: monotonic seconds.
    """

    wants_write = False

    def __init__(self, raw: Link, clock: Clock = time.monotonic) -> None:
        self.traits = raw.traits
        self.peer = raw.peer
        self._raw = raw
        self._clock = clock
        self._once = CloseOnce(raw, raw.peer)
        self._near, self._far = socket.socketpair()
        for end in (self._near, self._far):
            end.setblocking(False)
        self._changed = threading.Condition()
        self._received: deque[bytes] = deque()
        self._received_size = 0
        self._end: Exception | None = None
        self._outgoing: deque[bytes] = deque()
        self._outgoing_size = 0
        self._full = False
        self._failed: Exception | None = None
        self._close_by: float | None = None
        try:
            for part, name in ((self._pump_out, "out"), (self._pump_in, "in")):  # the last one closes
                start_thread(threading.Thread(target=part, name=f"sig-pumped-{name} {raw.peer}", daemon=True))
        except BaseException as error:
            self._failed = OSError(f"{self.peer}: {error}")
            self._let_go()
            raise

    # -- for the loop

    def fileno(self) -> int:
        """See `PollableLink`."""
        return self._near.fileno()

    def recv_into(self, buffer: memoryview, /) -> int:
        """See `PollableLink`."""
        with self._changed:
            if self._received:
                data = self._received.popleft()
                size = min(len(data), len(buffer))
                buffer[:size] = data[:size]
                if size < len(data):
                    self._received.appendleft(data[size:])
                self._received_size -= size
                self._changed.notify_all()
                return size
            if self._end is None:
                _drain(self._near)
                raise BlockingIOError
            if isinstance(self._end, EOFError):
                return 0
            raise self._end

    def send_some(self, data: bytes | memoryview, /) -> int:
        """See `PollableLink`; all or nothing."""
        with self._changed:
            if self._failed is not None:
                raise self._failed
            if self._outgoing_size > HIGH_WATER:
                self._full = True
                _fill(self._near)
                return 0
            self._outgoing.append(bytes(data))
            self._outgoing_size += len(data)
            self._changed.notify_all()
            return len(data)

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        self._raw.send(data)

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        raise NotImplementedError("it is polled")

    def close(self) -> None:
        """See `Link`; returns at once, and what waits to be sent still has 2 s."""
        with self._changed:
            self._close_by = self._clock() + DRAIN_TIMEOUT
            self._changed.notify_all()

    # -- the threads

    def _pump_in(self) -> None:
        try:
            while not self._may_close():
                self._take_one()
        except BaseException as error:  # a panic of a compiled driver, too
            with self._changed:
                self._end = failure(self.peer, error)
                _wake(self._far)
                self._changed.wait_for(lambda: self._close_by is not None)
        with self._changed:
            left = 0.0 if self._close_by is None else max(0.0, self._close_by - self._clock())
            self._changed.wait_for(lambda: not self._outgoing or self._failed is not None, left)
            self._failed = self._failed or OSError(f"{self.peer}: the link is closed")
        self._let_go()

    def _let_go(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self._once.close()
        for end in (self._near, self._far):
            end.close()

    def _take_one(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._received_size < READ_AHEAD or self._close_by is not None)
        try:
            data = self._raw.receive(READ_TIMEOUT)
        except TimeoutError:
            return
        if data:
            with self._changed:
                self._received.append(data)
                self._received_size += len(data)
                _wake(self._far)

    def _may_close(self) -> bool:
        with self._changed:
            closing, idle = self._close_by, not self._outgoing or self._failed is not None
        return closing is not None and (idle or self._clock() >= closing)

    def _pump_out(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outgoing or self._failed is not None)
                if self._failed is not None:
                    return
                data = self._outgoing[0]
            try:
                self._raw.send(data)
            except BaseException as error:
                with self._changed:
                    self._failed = self._failed or failure(self.peer, error)
                    self._changed.notify_all()
                return
            with self._changed:
                self._outgoing.popleft()
                self._outgoing_size -= len(data)
                if self._full and self._outgoing_size < LOW_WATER:
                    self._full = False
                    _drain(self._far)
                self._changed.notify_all()


def _wake(end: socket.socket) -> None:
    with suppress(OSError):
        end.send(b"\0")


def _drain(end: socket.socket) -> None:
    with suppress(OSError):
        while end.recv(65_536):
            pass


def _fill(end: socket.socket) -> None:
    with suppress(OSError):
        while end.send(bytes(65_536)):
            pass
