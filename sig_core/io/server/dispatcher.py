"""The dispatch thread of a server: runs user code one call at a time, and hands over when a call waits."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sig_core.clock import Clock
from sig_core.errors import Busy, LimitError
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["Dispatcher", "Job"]

Job = Callable[[], None]

SPARES = 2  # idle threads that stay after a burst of waits
PATIENCE = 1.0  # seconds for which a callback waits for room to wait in: a burst passes, a ring does not


class Dispatcher:
    """Takes jobs in order and runs them on one thread at a time.

    A thread that is about to wait inside a job (`waiting`) gives the role to another, so that jobs go on; its own job
    ends after the wait, beside the others.

    Args:
        take: returns the next job, or None. Called by the thread that has the role alone.
        max_waiting: threads that may wait at one time.
        name: of the threads.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, take: Callable[[], Job | None], max_waiting: int, name: str, clock: Clock = time.monotonic
    ) -> None:
        self._clock = clock
        self._take = take
        self._max_waiting = max_waiting
        self._name = name
        self._lock = lock = OwnedLock()
        self._changed = threading.Condition(lock)
        self._room = threading.Condition(lock)  # of those who would wait
        self._threads: set[threading.Thread] = set()
        self._holder: threading.Thread | None = None
        self._idle = 0
        self._waiting = 0
        self._kicked = False
        self._stopping = False
        self._problem: LimitError | None = None  # why a job has no thread
        self._told = False

    def kick(self) -> None:
        """Note that there is a job; never blocks for long."""
        with self._changed:
            self._kicked = True
            if self._holder is None and not self._stopping:
                self._ensure_thread()

    def retry(self) -> LimitError | None:
        """Start the thread that the system did not start when there was a job; returns why it still does not, once."""
        problem, self._problem = self._problem, None
        if problem is None:
            return None
        self.kick()
        told, self._told = self._told, self._problem is not None
        return problem if self._told and not told else None

    def stop(self, timeout: float) -> None:
        """End the threads; waits `timeout` seconds in all for jobs that run, but not for the calling thread's own."""
        until = self._clock() + timeout
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._room.notify_all()
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - self._clock()))
                if thread.is_alive():
                    log.warning(f"{self._name}: a callback still runs {max(0.0, timeout):.1f} s after the stop")

    def is_mine(self) -> bool:
        """Return whether this thread is in the midst of a call of this one."""
        return self._lock.is_mine()

    def is_dispatching(self) -> bool:
        """Return whether this thread runs a job."""
        return threading.current_thread() in self._threads

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around whatever blocks: lets another thread run the jobs meanwhile.

        Where as many jobs as may wait do so already, it keeps the role until one of them is done.

        Raises:
            Busy: none of them was done within a second: they may well wait for each other.
        """
        me = threading.current_thread()
        if me not in self._threads:
            yield
            return
        with self._changed:
            if not self._room.wait_for(lambda: self._waiting < self._max_waiting or self._stopping, PATIENCE):
                raise Busy(f"{self._waiting} callbacks wait already, which is the limit; do not wait in this one")
            self._waiting += 1
            if self._holder is me:
                self._holder = None
                self._kicked = True
                if not self._ensure_thread():
                    self._holder = me  # nobody else could take the role
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._room.notify()

    def _ensure_thread(self) -> bool:
        """Let a thread take the role; false: the system starts none now."""
        if self._idle:
            self._changed.notify()
            return True
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._threads.add(thread)
        self._idle += 1
        try:
            start_thread(thread)
        except LimitError as error:
            self._threads.discard(thread)
            self._idle -= 1
            self._problem = error
            return False
        return True

    def _run(self) -> None:
        me = threading.current_thread()
        while self._take_role(me):
            while self._holder is me:
                job = self._take()
                if job is None:
                    break
                self._do(job)
            if not self._give_role(me):
                break
        with self._changed:
            self._threads.discard(me)

    def _take_role(self, me: threading.Thread) -> bool:
        with self._changed:
            while not self._stopping and (self._holder is not None or not self._kicked):
                self._changed.wait()
            self._idle -= 1
            if self._stopping:
                return False
            self._holder = me
            self._kicked = False
            return True

    def _give_role(self, me: threading.Thread) -> bool:
        """Let go of the role, if this thread still has it; false: there are spare threads enough without this one."""
        with self._changed:
            if self._holder is me:
                self._holder = None
            if self._holder is None and self._kicked:
                self._changed.notify()  # a job came after the last look, when there was still a holder
            if self._idle >= SPARES:
                return False
            self._idle += 1
            return True

    def _do(self, job: Job) -> None:
        try:
            job()
        except BaseException:  # with the thread the role would be gone, and all that waits for it
            log.error(f"{self._name}: a job failed\n{traceback.format_exc()}")
