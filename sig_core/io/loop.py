"""The I/O thread of a server: one selector for all pollable links and acceptors. It runs no user code."""

from __future__ import annotations

import selectors
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from sig_core.log import log

__all__ = ["READ", "WRITE", "IoThread", "Watched"]

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
NEVER = float("inf")


class Watched(Protocol):
    """What the thread polls."""

    def fileno(self) -> int:
        """Stable until it is unwatched."""

    def ready(self, events: int) -> None:
        """Called with READ, WRITE or both. What it raises is a bug, and is logged as one."""


class IoThread:
    """Polls, then lets `turn` flush what came of it, then `tick`s when it is time.

    Args:
        turn: called after each batch of events, on the thread.
        tick: called with `now`; gives the seconds until it wants to be called again.
        name: of the thread.
    """

    def __init__(self, turn: Callable[[], None], tick: Callable[[float], float], name: str) -> None:
        self._turn = turn
        self._tick = tick
        self._posted: deque[Callable[[], None]] = deque()
        self._woken = True  # until it has started there is nobody to wake
        self._stopping = False
        self._next_tick = 0.0
        self._asked_tick = NEVER
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # -- from any thread

    def start(self) -> None:
        """Begin; only now it takes descriptors."""
        self._selector = selectors.DefaultSelector()
        self._inlet, self._outlet = socket.socketpair()
        self._inlet.setblocking(False)
        self._outlet.setblocking(False)
        self._selector.register(self._outlet, READ, None)
        self._woken = False
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the end; what was posted before still runs."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive() and not self.is_current():
            self._thread.join()
        self._selector.close()
        self._inlet.close()
        self._outlet.close()

    def abandon(self) -> None:
        """In a forked child, where the thread does not exist: give the descriptors back."""
        self._selector.close()
        self._inlet.close()
        self._outlet.close()

    def post(self, function: Callable[[], None]) -> None:
        """Let the thread call `function` soon."""
        self._posted.append(function)
        self.wake()

    def wake(self) -> None:
        """Let the thread take a turn soon."""
        if self._woken or self.is_current():
            return
        self._woken = True
        try:
            self._inlet.send(b"\0")
        except (BlockingIOError, OSError):
            return  # it is awake already, or gone

    def tick_soon(self) -> None:
        """Let the next turn tick."""
        self._next_tick = 0.0
        self.wake()

    def tick_at(self, when: float) -> None:
        """Let a turn tick at `when` (monotonic seconds) at the latest; for who holds the lock that `tick` takes."""
        self._asked_tick = min(self._asked_tick, when)
        if when < self._next_tick:
            self._next_tick = when
            self.wake()

    def is_current(self) -> bool:
        """Tell whether this is the thread."""
        return threading.get_ident() == self._thread.ident

    # -- on the thread

    def watch(self, watched: Watched, events: int) -> None:
        """Poll `watched` for events (not 0)."""
        self._selector.register(watched.fileno(), events, watched)

    def change(self, watched: Watched, events: int) -> None:
        """Poll it for other events (not 0)."""
        self._selector.modify(watched.fileno(), events, watched)

    def unwatch(self, watched: Watched) -> None:
        """Poll it no more."""
        self._selector.unregister(watched.fileno())

    def _run(self) -> None:
        while not self._stopping or self._posted:
            try:
                self._poll()
                while self._posted:
                    self._posted.popleft()()
                now = time.monotonic()
                if now >= self._next_tick:
                    self._tick_now(now)
                self._turn()  # last: what a tick brings about leaves now
            except Exception:
                log.error(f"{self._thread.name}: a turn failed\n{traceback.format_exc()}")

    def _poll(self) -> None:
        wait = self._next_tick - time.monotonic()
        for key, events in self._selector.select(0 if self._posted or wait < 0 else wait):
            if key.data is None:
                self._drain()
            else:
                key.data.ready(events)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._outlet.recv(4096)
        # Last: a wake that is skipped before this line has its work done in the turn that follows, and one that comes
        # after it sends a byte. The other way round a byte could be eaten whose flag then stays set for ever.
        self._woken = False

    def _tick_now(self, now: float) -> None:
        self._next_tick = now + 0.25
        self._asked_tick = NEVER  # what was asked for before, `tick` sees for itself
        try:
            self._next_tick = min(now + self._tick(now), self._asked_tick)
        except Exception:
            log.error(f"{self._thread.name}: a tick failed\n{traceback.format_exc()}")
