"""Waking one thread: an event that resets itself."""

from __future__ import annotations

import threading

__all__ = ["AutoResetEvent"]


class AutoResetEvent:
    """One thread waits, any may set it. Set many times before the wait, it ends one wait.

    It is a lock that the setter opens: a third of the cost of a `threading.Semaphore`, which is Python code.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """End the wait: the one that goes on, or else the next."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # it is open already

    def wait(self, timeout: float) -> bool:
        """Block until it is set, at most `timeout` seconds; tell whether it was."""
        return self._lock.acquire(timeout=timeout)
