"""An event that a signal handler, or a destructor, may set in the midst of a wait for it."""

from __future__ import annotations

import threading
import time

__all__ = ["Latch"]


class Latch:
    """Open or shut; threads wait until it is open. It is shut at first.

    A `threading.Event` has a lock inside, which its `wait` takes in Python code: where a signal handler, or a
    destructor, calls `set` in the midst of that, on the same thread, it waits for ever. Here the lock itself is what is
    waited for: each step of it is one of C, and who opens takes none.
    """

    __slots__ = ("_is_open", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._is_open = False

    def set(self) -> None:
        """Open it."""
        self._is_open = True
        try:
            self._lock.release()
        except RuntimeError:
            return  # it was open

    def clear(self) -> None:
        """Shut it."""
        self._is_open = False
        self._lock.acquire(blocking=False)

    def is_set(self) -> bool:
        """Return whether it is open."""
        return self._is_open

    def wait(self, timeout: float) -> bool:
        """Block until it is open, at most `timeout` seconds; return whether it is."""
        until = time.monotonic() + timeout
        while not self.is_set():
            left = min(threading.TIMEOUT_MAX, max(0.0, until - time.monotonic()))
            if not self._lock.acquire(timeout=left):
                break
            if self.is_set():
                self.set()  # for others that wait; else it was shut just now, and is again
        return self.is_set()
