"""The end of a command that runs on: when it is done, interrupted, or its time is over."""

from __future__ import annotations

import signal
import socket
from types import TracebackType
from typing import Self

__all__ = ["Ending"]

DONE = b"\0"  # no signal has this number


class Ending:
    """What the main thread waits for.

    By a descriptor, which keeps a signal that comes just before: a plain wait would sleep on, and see it only
    afterwards. For the main thread alone, and one at a time; enter it before whatever may be interrupted.
    """

    def __enter__(self) -> Self:
        self._told, self._tell = socket.socketpair()
        self._tell.setblocking(False)
        signal.set_wakeup_fd(self._tell.fileno())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.set_wakeup_fd(-1)
        self._told.close()
        self._tell.close()

    def done(self) -> None:
        """End the wait, from any thread; once."""
        self._tell.send(DONE)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait; true if it is done, false if the seconds were over.

        Raises:
            KeyboardInterrupt: by SIGINT or SIGTERM, as soon as its handler has run.
        """
        self._told.settimeout(seconds)
        try:
            while self._told.recv(1) != DONE:
                pass
        except TimeoutError:
            return False
        return True
