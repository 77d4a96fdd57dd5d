"""Handshakes of TLS, on threads beside the loop: half a millisecond of computing each, for which nobody else waits."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sig_core.clock import Clock
from sig_core.errors import LimitError
from sig_core.io.sync.owned_lock import NEVER_WAIT
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["Handshakes"]

NAME: Final = "sig-handshakes"
FEW: Final = 50  # steps of one source in a second that are done at once, two for each handshake
WINDOW: Final = 1.0  # seconds
NICE: Final = 10  # of the thread for those who come in numbers: a tenth of what others want beside it


class Handshakes:
    """Does one step of a handshake after the other, in order. OpenSSL does without the interpreter's lock meanwhile.

    Those of a source that comes in numbers have a thread of their own, which gives way to all others of this machine:
    else it keeps a processor for half a millisecond that the loop, or a program beside, wants just then.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._few = Worker(NAME)
        self._many = Worker(f"{NAME}-many", gives_way=True)
        self._lately: Counter[str] = Counter()  # steps of each source in this window
        self._until = clock()  # the end of it

    def add(self, step: Callable[[], None], source: str) -> None:
        """Do a step soon; on the loop's thread. Where the system starts no more threads: here and now.

        Args:
            step: raises nothing.
            source: of the link, see `source_of`.
        """
        now = self._clock()
        if now >= self._until:
            self._until = now + WINDOW
            self._lately.clear()
        self._lately[source] += 1
        worker = self._few if self._lately[source] <= FEW else self._many
        worker.add(step)

    def stop(self) -> None:
        """End the threads once they have done what waits. Again: does nothing."""
        self._few.stop()
        self._many.stop()

    def join(self, timeout: float) -> None:
        """Wait for the threads, at most `timeout` seconds for each."""
        self._few.join(timeout)
        self._many.join(timeout)


class Worker:
    """A thread that does steps; it is there from the first one on.

    Args:
        name: of the thread.
        gives_way: the system prefers all other threads to it, where it knows a priority of threads.
    """

    def __init__(self, name: str, *, gives_way: bool = False) -> None:
        self._name = name
        self._gives_way = gives_way
        self._steps: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, step: Callable[[], None]) -> None:
        """See `Handshakes.add`."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
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
        if self._gives_way:
            _give_way()
        NEVER_WAIT.add(ident := threading.get_ident())
        try:
            while (step := self._steps.get()) is not None:
                step()
        finally:
            NEVER_WAIT.discard(ident)


def _give_way() -> None:
    """Have the system prefer all other threads to this one."""
    if sys.platform == "linux":  # elsewhere this would be the priority of the process
        with suppress(OSError):  # a sandbox may forbid it: then it is as it was
            thread = threading.get_native_id()
            nice = max(NICE, os.getpriority(os.PRIO_PROCESS, thread))  # a program may give way more than that by itself
            os.setpriority(os.PRIO_PROCESS, thread, nice)
