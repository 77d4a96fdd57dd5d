"""Handshakes of TLS, on a thread beside the loop: half a millisecond of computing each, for which nobody else waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from sig_core.errors import LimitError
from sig_core.io.sync.owned_lock import NEVER_WAIT
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["Handshakes"]

NAME = "sig-handshakes"


class Handshakes:
    """Does one step of a handshake after the other, in order; the thread is there from the first one on.

    OpenSSL does without the interpreter's lock meanwhile. One thread is enough: whoever comes in numbers waits for the
    others of their kind, not those who are here.
    """

    def __init__(self) -> None:
        self._steps: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, step: Callable[[], None]) -> None:
        """Do a step soon; on the loop's thread. Where the system starts no more threads: here and now.

        Args:
            step: raises nothing.
        """
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=NAME, daemon=True)
            try:
                start_thread(thread)
            except LimitError as error:
                log.warning(f"{error}; what it should do is done by {threading.current_thread().name!r}")
                step()
                return
            self._thread = thread
        self._steps.put(step)

    def stop(self) -> None:
        """End the thread once it has done what waits. Again: does nothing."""
        if self._thread is not None:
            self._steps.put(None)

    def join(self, timeout: float) -> None:
        """Wait for the thread, at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        NEVER_WAIT.add(ident := threading.get_ident())
        try:
            while (step := self._steps.get()) is not None:
                step()
        finally:
            NEVER_WAIT.discard(ident)
