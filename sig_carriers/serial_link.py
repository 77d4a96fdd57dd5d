"""The two links of a serial port: on a descriptor, and through pyserial's own calls."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from serial import Serial, SerialTimeoutException

from sig_core.contract import Link, LinkTraits
from sig_core.links.sockets import SocketLike, SocketLink

__all__ = ["SLICE", "WRITE", "DriverLink", "Ended", "PolledSerialLink"]

SLICE = 0.1  # seconds after which who waits looks whether the link was closed: closing a tty wakes nobody
WRITE = 2.0  # seconds that the driver may take for what the line moves in one
log = logging.getLogger("sig")

Ended: TypeAlias = Callable[[Link], None]
"""Is told the link when it is closed."""


class PolledSerialLink(SocketLink):
    """A link on a tty or a socket, which it owns from here on."""

    def __init__(self, sock: SocketLike, peer: str, traits: LinkTraits, ended: Ended) -> None:
        super().__init__(sock, peer, traits)
        self._ended = ended

    def receive(self, timeout: float, /) -> bytes | None:
        """Return what came, or None if nothing did within `timeout` seconds (0 and more).

        Raises:
            OSError: unplugged, or closed.
            EOFError: the other end of a socket ended.
        """
        until, left = time.monotonic() + timeout, timeout
        while True:
            data = super().receive(max(0.0, min(left, SLICE)))
            left = until - time.monotonic()
            if data is not None or left <= 0:
                return data

    def close(self) -> None:
        """Let go of the port, from any thread and as often as you like; who waits ends within 0.1 s (sending: 1 s)."""
        try:
            super().close()
        finally:
            self._ended(self)


class DriverLink:
    """A link through pyserial's calls, for what has no descriptor that could be polled.

    Args:
        port: open, with a timeout of `SLICE` and a write timeout of `WRITE`, and of this object from here on.
        peer: how logs call it.
        traits: with a bitrate: it says how much is written at a time.
        ended: is told when the link is closed.

    Attributes:
        dropped: at most so many bytes were not written in time. A line may lose bytes; who sends them sees to it.
    """

    def __init__(self, port: Serial, peer: str, traits: LinkTraits, ended: Ended) -> None:
        self.peer = peer
        self.traits = traits
        self.dropped = 0
        self._port = port
        self._piece = max(1, (traits.bitrate or 9600) // 10)
        self._ended = ended
        self._pid = os.getpid()
        self._lock = threading.RLock()  # of these two
        self._users = 1  # calls that are under way, and the link itself until it is closed
        self._closed = False

    def send(self, data: bytes, /) -> None:
        """Send all of it, or drop and count what the driver does not take in time. OSError: unplugged, or closed."""
        for start in range(0, len(data), self._piece):
            with self._inside():
                try:
                    self._port.write(data[start : start + self._piece])
                except SerialTimeoutException:
                    self._drop(len(data) - start)
                    return

    def _drop(self, count: int) -> None:
        if not self.dropped:
            log.warning("%s: the other side does not read: %d bytes are dropped, more are counted", self.peer, count)
        self.dropped += count

    def receive(self, timeout: float, /) -> bytes | None:
        """Return what came, or None if nothing did within `timeout` seconds, give or take 0.1 s.

        The port's own timeout stays as it is: to change it is to negotiate all settings anew, with some drivers.

        Raises:
            OSError: unplugged, or closed.
        """
        until = time.monotonic() + timeout
        while True:
            with self._inside():
                waiting = self._port.in_waiting
                if not waiting and time.monotonic() >= until:
                    return None
                data = self._port.read(waiting or 1)
            if data:
                return bytes(data)

    def close(self) -> None:
        """Let go of the port, from any thread and as often as you like; who waits ends at once, or within 0.1 s."""
        if self._pid != os.getpid():  # after fork it is the parent's
            self._closed = True
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for cancel in ("cancel_read", "cancel_write"):
            with suppress(Exception):  # not every driver has them, and some fail when nobody waits
                getattr(self._port, cancel)()
        try:
            self._leave()
        finally:
            self._ended(self)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Keep the port open during a call: drivers do not bear to be closed meanwhile."""
        with self._lock:
            if self._closed:
                raise OSError(errno.EBADF, f"{self.peer}: closed on this side; open another one")
            self._users += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            self._port.close()
