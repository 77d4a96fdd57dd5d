"""The way back: a thread that tries, waits, and tries again, while a client has no link."""

from __future__ import annotations

import random
import threading
import traceback
from collections.abc import Callable

from sig_core.errors import ConnectFailed, SigError
from sig_core.log import log
from sig_core.session.reconnect import Reconnect

__all__ = ["ReconnectLoop"]


class ReconnectLoop:
    """Calls `attempt` until it returns.

    Args:
        url: of the server, for the log.
        policy: when.
        attempt: connects and restores, or raises what is in the way.
        gave_up: called with the last error when the attempts are used up.
    """

    def __init__(
        self, url: str, policy: Reconnect, attempt: Callable[[], None], gave_up: Callable[[SigError], None]
    ) -> None:
        self._url = url
        self._policy = policy
        self._attempt = attempt
        self._gave_up = gave_up
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start to try; returns at once."""
        self._thread = threading.Thread(target=self._run, name=f"sig-return {self._url}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Try no more; does not wait."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread, at most `timeout` seconds."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        last: SigError = ConnectFailed(f"{self._url}: no attempt was made")
        for count, wait in enumerate(self._policy.waits(random.random), 1):
            if self._stopping.wait(wait):
                return
            try:
                self._attempt()
                return
            except SigError as error:
                if str(error) != str(last):  # once for each cause, not once for each attempt
                    log.warning(f"attempt {count} to come back failed: {error}")
                last = error
            except Exception as error:
                log.error(f"attempt {count} to come back to {self._url} failed\n{traceback.format_exc()}")
                last = ConnectFailed(f"{self._url}: {type(error).__name__}: {error}")
        if not self._stopping.is_set():
            self._gave_up(last)
