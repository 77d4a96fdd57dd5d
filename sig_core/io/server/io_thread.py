"""The I/O thread of a server: one poller for all pollable links and acceptors. It runs no user code."""

from __future__ import annotations

import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from sig_core.clock import Clock
from sig_core.errors import LimitError
from sig_core.io.server.loop import Loop, Watched
from sig_core.io.server.poller import READ, Poller, new_poller
from sig_core.io.sync.busy_wait import new_busy_wait
from sig_core.io.sync.owned_lock import NEVER_WAIT
from sig_core.links.threads import start_thread
from sig_core.log import log
from sig_core.session.fair_shares import MANY

__all__ = ["IoThread"]


Found: TypeAlias = "list[tuple[Watched | None, int]]"


class IoThread(Loop):
    """A loop on a thread of its own; see `Loop`."""

    def __init__(
        self,
        turn: Callable[[], None],
        tick: Callable[[float], float],
        name: str,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(turn, tick, name, clock)
        self._open: list[Poller[Watched | None] | socket.socket] = []  # a start may be interrupted: what it has made
        self._posted: deque[Callable[[], None]] = deque()
        self._awake = True  # it does not wait in a poll; until it has started there is nobody to wake
        self._later: deque[tuple[float, Callable[[], None]]] = deque()  # to be called, and when
        self._again = False  # somebody came too late for the turn that is taken now
        self._stopping = False
        self._wait: Callable[[Callable[[float], Found], float], Found] = _call
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # -- from any thread

    def start(self) -> None:
        """Begin; only now it takes descriptors.

        Raises:
            LimitError: the system gives no more threads, or descriptors.
        """
        try:
            self._take_descriptors()
        except OSError as error:
            remedy = "end links or programs, or raise the limit of the system (ulimit -n)"
            raise LimitError(f"thread {self._thread.name!r}: {error}: {remedy}") from error
        start_thread(self._thread)

    def _take_descriptors(self) -> None:
        self._poller: Poller[Watched | None] = new_poller()
        self._open.append(self._poller)
        self._inlet, self._outlet = socket.socketpair()
        self._open += self._inlet, self._outlet
        self._inlet.setblocking(False)
        self._outlet.setblocking(False)
        self._poller.register(self._outlet.fileno(), READ, None)

    def busy_poll(self, share: float) -> None:
        """See `Loop`."""
        self.awake = busy = new_busy_wait(share)
        self._wait = _call if busy is None else busy.wait

    def stop(self) -> None:
        """End, and wait for the end; what was posted before still runs."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive() and not self.is_current():
            self._thread.join()
        self._close()

    def abandon(self) -> None:
        """In a forked child, where the thread does not exist: close the descriptors."""
        self._close()

    def _close(self) -> None:
        for each in self._open:
            each.close()

    def post(self, function: Callable[[], None]) -> None:
        """Let the thread call `function` soon."""
        self._posted.append(function)
        self.wake()

    def run_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Let `function` be called in so many seconds, on this thread."""
        self._later.append((self._clock() + seconds, function))
        self.wake()

    def wake(self) -> None:
        """Let the thread take a turn soon."""
        self._again = True
        if self._awake:
            return
        self._awake = True
        try:
            self._inlet.send(b"\0")
        except (BlockingIOError, OSError):
            return  # it is awake already, or gone

    def is_current(self) -> bool:
        """Return whether this is the thread."""
        return threading.get_ident() == self._thread.ident

    # -- on the thread

    def watch(self, watched: Watched, events: int) -> None:
        """Poll `watched` for events (not 0)."""
        self._poller.register(watched.fileno(), events, watched)

    def change(self, watched: Watched, events: int) -> None:
        """Poll it for other events (not 0)."""
        self._poller.modify(watched.fileno(), events, watched)

    def unwatch(self, watched: Watched) -> None:
        """Poll it no more."""
        self._poller.unregister(watched.fileno())

    def _run(self) -> None:
        NEVER_WAIT.add(ident := threading.get_ident())
        try:
            self._take_turns()
        finally:
            NEVER_WAIT.discard(ident)

    def _take_turns(self) -> None:
        while not self._stopping or self._posted:
            try:
                self._poll()
                if self._later:
                    self._post_what_is_due()
                while self._posted:
                    self._posted.popleft()()
                now = self._clock()
                if now >= self._next_tick:
                    self._tick_now(now)
                self._again = self.has_turn_ahead = False  # before: what comes during a turn may be too late for it
                self._turn()  # last: what a tick brings about leaves now
            except BaseException:  # with this thread all of the server would stand still
                log.error(f"{self._name}: a turn failed\n{traceback.format_exc()}")
                self._again, self.has_turn_ahead = True, False  # the turn that was promised comes soon

    def _post_what_is_due(self) -> None:
        now = self._clock()
        for _ in range(len(self._later)):
            when, function = self._later.popleft()
            if when <= now:
                self._posted.append(function)
            else:
                self._later.append((when, function))

    def _poll(self) -> None:
        # In this order: who calls `wake` before the first line is seen in the second, and who comes later sends a byte.
        self._awake = False
        until = min(self._next_tick, min(when for when, _ in self._later)) if self._later else self._next_tick
        wait = 0.0 if self._again else max(0.0, until - self._clock())
        ready = self._wait(self._poller.poll, wait) if wait else self._poller.poll(0)
        self._awake = self.has_turn_ahead = True
        if len(ready) >= MANY:
            self._drain()  # perhaps for nothing
            self._serve_many([(watched, events) for watched, events in ready if watched is not None])
            return
        began = self._clock()
        for watched, events in ready:
            if watched is None:
                self._drain()
            else:
                watched.ready(events)
        if self.shares.unproved:
            self._note_few([watched for watched, _ in ready if watched is not None], began)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._outlet.recv(4096)


def _call(poll: Callable[[float], Found], timeout: float) -> Found:
    return poll(timeout)
