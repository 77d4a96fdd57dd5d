"""Listening on a serial port: its link whenever it is there, one at a time."""

from __future__ import annotations

import errno
import threading
import time

from sig_carriers.serial_find import Absent
from sig_carriers.serial_open import SerialPort
from sig_core.contract import Link

__all__ = ["SerialAcceptor"]

FIRST = 0.05  # seconds until the second look; each further pause is twice as long, up to these two:
ABSENT = 0.2  # while the port is not there: to look is cheap, and who plugs a board in wants it to be heard
REFUSED = 1.0  # while it is there and can't be had, or its links do not live
STEADY = 1.0  # seconds that a link has to live for the pauses to begin anew
GRACE = 0.5  # seconds that a cause has to last before it is told: a port appears before its permissions are set


class SerialAcceptor:
    """Gives the link of a port, and when that was closed the next one: it looks for the port anew, whatever its device.

    Args:
        address: its URL.
        port: what that means.
    """

    def __init__(self, address: str, port: SerialPort) -> None:
        self.address = address
        self.traits = port.traits
        self._port = port
        self._wake = threading.Event()
        self._lock = threading.RLock()  # of these three
        self._link: Link | None = None  # the one that lives
        self._given = False  # to whom accepts
        self._closed = False
        self._opened = 0.0  # when
        self._next = 0.0  # when to look again
        self._pause = FIRST
        self._cause = ""  # of the last failure
        self._since = 0.0
        self._told = ""

    def open(self) -> None:
        """Open the port now, for the first `accept`. OSError: why it can't be; see `SerialPort.open`."""
        self._keep(self._port.open(self._ended))

    def accept(self, timeout: float, /) -> Link | None:
        """Return the port's link; None: its last one lives, or the port can't be had within `timeout` seconds.

        Raises:
            OSError: closed; or why the port can't be had, once for each cause, if it has lasted for 0.5 s.
        """
        until = time.monotonic() + timeout
        while True:
            if self._link is None and not self._closed and time.monotonic() >= self._next:
                self._look()
            with self._lock:
                if self._closed:
                    raise OSError(errno.EBADF, f"{self.address}: closed on this side; listen again")
                if self._link is not None and not self._given:
                    self._given = True
                    return self._link
            now = time.monotonic()
            if now >= until:
                return None
            pause = threading.TIMEOUT_MAX if self._link is not None else max(0.0, self._next - now)
            self._wake.wait(min(until - now, pause))
            self._wake.clear()

    def close(self) -> None:
        """Stop looking; a link that was given lives on."""
        with self._lock:
            self._closed = True
            waiting = None if self._given else self._link
        self._wake.set()
        if waiting is not None:
            waiting.close()

    def _look(self) -> None:
        try:
            link = self._port.open(self._ended)
        except OSError as error:
            self._fail(error)
            return
        self._cause = self._told = ""
        self._keep(link)

    def _keep(self, link: Link) -> None:
        with self._lock:
            kept = not self._closed
            if kept:
                self._link, self._given, self._opened = link, False, time.monotonic()
        if not kept:  # closed meanwhile
            link.close()

    def _ended(self, link: Link) -> None:
        """Look for the port again soon: a link was closed, on whichever thread."""
        with self._lock:
            if self._link is link:
                now = time.monotonic()
                if now - self._opened >= STEADY:
                    self._pause = FIRST
                self._link, self._next = None, now + self._pause
                self._pause = min(2 * self._pause, REFUSED)
        self._wake.set()

    def _fail(self, error: OSError) -> None:
        """Note a failure; raise it, at length, if it has lasted and was not told yet."""
        now, cause = time.monotonic(), str(error)
        if cause != self._cause:
            self._cause, self._since, self._pause = cause, now, FIRST
        self._next = now + self._pause
        self._pause = min(2 * self._pause, ABSENT if isinstance(error, Absent) else REFUSED)
        if cause != self._told and now - self._since >= GRACE:
            self._told = cause
            raise OSError(self._port.why(error)) from error
