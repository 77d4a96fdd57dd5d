"""One answer that a thread waits for: lighter than a future, and without callbacks."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from sig_core.description import described
from sig_core.errors import ConfigError, SigError

__all__ = ["PendingReply", "check_timeout"]


class PendingReply:
    """Holds an answer once `tell` was called, which any thread may do; once more does nothing but set it again.

    Attributes:
        done: whether it was told.
        value, error: what it was told; one of them is None.
    """

    __slots__ = ("_lock", "done", "error", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self.done = False
        self.value: Any = None
        self.error: SigError | None = None

    def tell(self, value: Any, error: SigError | None) -> None:
        """Set the value or the error, and wake who waits."""
        self.value, self.error, self.done = value, error, True
        try:
            self._lock.release()
        except RuntimeError:
            return  # it was told before: see `ReceiveRole`

    def is_done(self) -> bool:
        """Return `done`."""
        return self.done

    def wait(self, timeout: float) -> bool:
        """Block until it is told, at most `timeout` seconds; return whether it is."""
        if not self.done and self._lock.acquire(timeout=max(0.0, timeout)):
            with suppress(RuntimeError):  # it was told twice
                self._lock.release()  # for others that wait
        return self.done

    def result(self) -> Any:
        """Return the value, or raise the error; only once it is done."""
        if self.error is not None:
            raise self.error
        return self.value


def check_timeout(timeout: float | None, default: float) -> float:
    """Return the seconds that a call may take.

    Args:
        timeout: what the caller said; None: the default.
        default: seconds.

    Raises:
        ConfigError: `timeout` is not from 0 to 86,400.
    """
    if timeout is None:
        return default
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= 86_400:
        raise ConfigError(f"timeout {described(timeout)}: must be from 0 to 86400 seconds")
    return float(timeout)
