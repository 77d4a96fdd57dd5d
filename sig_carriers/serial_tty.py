"""A serial port of a POSIX system, with the methods of a socket that a ready-made link calls."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from serial import Serial

__all__ = ["Tty"]

CFLAG, CC = 2, 6  # places in what tcgetattr gives
GONE = "the port is gone: unplugged, or its driver has ended"

A = TypeVar("A")
R = TypeVar("R")


class Tty:
    """pyserial opens and sets the port; from here on it is read and written by its descriptor.

    Args:
        port: open, and of this object from here on.
        hupcl: whether the system drops DTR when the port is closed; None: as it was.
    """

    def __init__(self, port: Serial, hupcl: bool | None) -> None:
        self._port = port
        self._fd = port.fileno()
        self._shut = False
        self._first = threading.Lock()  # taken by the first close, for ever
        self._set(hupcl)

    def _set(self, hupcl: bool | None) -> None:
        attributes = termios.tcgetattr(self._fd)
        attributes[CC][termios.VMIN] = 1  # with 0, as pyserial has it, "nothing there" and "unplugged" are both b""
        if hupcl is not None:
            attributes[CFLAG] = attributes[CFLAG] & ~termios.HUPCL | (termios.HUPCL if hupcl else 0)
        termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        # pyserial's lock keeps out who asks for it; this keeps out the others. Not on a pseudo-terminal: there it would
        # outlive a process that is killed.
        if not str(self._port.port).startswith("/dev/pts/"):
            with suppress(OSError):
                fcntl.ioctl(self._fd, termios.TIOCEXCL)

    def setblocking(self, flag: bool, /) -> None:
        """As a socket's."""
        os.set_blocking(self._fd, flag)

    def fileno(self) -> int:
        """As a socket's."""
        return self._fd

    def recv(self, size: int, /) -> bytes:
        """As a socket's, but a port that is gone is an OSError, never b""."""
        self._check()
        return self._there(os.read, size)

    def recv_into(self, buffer: memoryview, /) -> int:
        """As a socket's, but a port that is gone is an OSError, never 0."""
        self._check()
        return self._there(os.readv, [buffer])

    def send(self, data: bytes | memoryview, flags: int, /) -> int:
        """As a socket's; there are no flags."""
        self._check()
        return self._there(os.write, data) if data else 0

    def _there(self, call: Callable[[int, A], R], argument: A) -> R:
        """Make a system call: EIO, or nothing where something was ready, is how it says that the port is gone."""
        try:
            done = call(self._fd, argument)
        except OSError as error:
            if error.errno == errno.EIO:
                raise OSError(errno.ENODEV, GONE) from error
            raise
        if not done:
            raise OSError(errno.ENODEV, GONE)
        return done

    def _check(self) -> None:
        if self._shut:  # also for who waits to write: nothing wakes it
            raise OSError(errno.EBADF, "closed on this side; open another one")

    def shutdown(self, how: int, /) -> None:
        """Refuse what comes."""
        self._shut = True

    def close(self) -> None:
        """Close, as often as you like, without waiting for a board that does not read: the system would, up to 30 s."""
        if not self._first.acquire(blocking=False):
            return
        if self._shut and self._is_full():
            with suppress(RuntimeError):  # no more threads: then it takes as long as it takes
                threading.Thread(target=self._port.close, name=f"sig-close {self._port.port}", daemon=True).start()
                return
        self._port.close()

    def _is_full(self) -> bool:
        with suppress(OSError):
            return self._port.out_waiting > 0
        return False
