"""A link around a link, with a path of its own for each direction."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from sig_carriers.fault_path import NEVER, Course, Path
from sig_core.contract import Link, LinkTraits

__all__ = ["FaultLink"]

LAST: Final = 2.0  # seconds that a close waits for what is on its way
log = logging.getLogger("sig")


class FaultLink:
    """Sends and receives through a link; in between everything takes its course.

    Args:
        inner: live; it is closed with this one.
        out, into: what becomes of what is sent, and of what is received.
        traits: of this link.
        late: whether anything takes time; then a thread sends it.
        cut: seconds after which the link breaks.
        told: gives what is logged when it is closed.
    """

    def __init__(
        self,
        inner: Link,
        out: Course,
        into: Course,
        traits: LinkTraits,
        *,
        late: bool,
        told: Callable[[], str],
        cut: float = NEVER,
    ) -> None:
        self.peer = inner.peer
        self.traits = traits
        self._inner = inner
        self._out, self._into = Path(out), Path(into)
        self._told = told
        self._pid = os.getpid()
        self._cut, self._cut_at = cut, time.monotonic() + cut
        self._first = threading.Lock()  # taken by the first close, for ever
        self._closed = threading.Event()
        self._changed = threading.Condition()  # guards what follows, and the path out
        self._failed: OSError | None = None  # why neither direction works any more
        self._unsent: Exception | None = None  # why nothing can be sent any more
        self._end: EOFError | None = None  # of the input; it comes after what is on its way
        self._thread: threading.Thread | None = None
        if late:
            self._thread = threading.Thread(target=self._run, name=f"sig-faults {self.peer}", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # the system starts no more threads
                raise OSError(f"{self.peer}: {error}") from error

    # -- the link

    def send(self, data: bytes, /) -> None:
        """See `Link`; waits while too much is on its way."""
        self._check()
        with self._changed:
            self._out.put(data, time.monotonic())
            if self._thread is not None:
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._out.is_full or self._is_over, self._left)
        if self._thread is None:
            try:
                self._pass_on()
            except OSError:
                self._check()  # it was cut meanwhile
                raise
        self._check()
        if self._unsent is not None:
            raise self._unsent

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        until = time.monotonic() + timeout
        while True:
            self._fetch(until)
            now = time.monotonic()
            data = self._into.take(now)
            if data is not None or now >= until:
                return data

    def _fetch(self, until: float) -> None:
        """Wait for what comes next, on this side or from the other."""
        self._check()
        if self._end is not None and self._into.due == NEVER:
            raise self._end
        wait = max(0.0, min(until, self._into.due, self._cut_at) - time.monotonic())
        if self._end is not None or self._into.is_full:
            self._closed.wait(wait)
            return
        try:
            data = self._inner.receive(wait)
        except TimeoutError:
            return
        except EOFError as end:
            self._end = end
            return
        except OSError:
            self._check()  # it was cut meanwhile
            raise
        if data is not None:
            self._into.put(data, time.monotonic())

    def close(self) -> None:
        """End: what is on its way still arrives, if it does within 2 s; this waits as long for it."""
        if not self._first.acquire(blocking=False):
            return
        if self._pid != os.getpid():  # after fork the thread is the parent's, and so may be the lock
            self._inner.close()
            return
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(LAST)
        try:
            self._let_go(self._gone())
        finally:
            log.info("%s: %s", self.peer, self._told())

    # -- the end

    @property
    def _is_over(self) -> bool:
        return self._failed is not None or self._unsent is not None or self._closed.is_set()

    @property
    def _left(self) -> float | None:
        return None if self._cut_at == NEVER else max(0.0, self._cut_at - time.monotonic())

    def _check(self) -> None:
        """Raise OSError when this link has ended; break it when it is time to."""
        if time.monotonic() >= self._cut_at:
            self._let_go(OSError(errno.ECONNRESET, f"cut after {self._cut:g} s, as its URL says"))
        if self._failed is not None:
            raise self._failed
        if self._closed.is_set():
            raise self._gone()

    def _gone(self) -> OSError:
        return OSError(errno.EBADF, f"{self.peer}: closed on this side; open another one")

    def _let_go(self, error: OSError) -> None:
        with self._changed:
            is_first, self._failed = self._failed is None, self._failed or error
            self._changed.notify_all()
        if is_first:
            self._inner.close()

    # -- what is on its way out

    def _run(self) -> None:
        while self._failed is None and self._unsent is None:
            with self._changed:
                due = self._out.due
                if due == NEVER and self._closed.is_set():
                    return
                if due > time.monotonic():
                    self._changed.wait(None if due == NEVER else due - time.monotonic())
                    continue
            try:
                self._pass_on()
            except Exception as error:
                with self._changed:
                    self._unsent = error
                    self._changed.notify_all()

    def _pass_on(self) -> None:
        """Send what is due."""
        while True:
            with self._changed:
                piece = self._out.take(time.monotonic())
                self._changed.notify_all()
            if piece is None:
                return
            self._inner.send(piece)
