"""The loop of a server on a running asyncio loop (uvloop's too): no thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial

from sig_core.clock import NEVER, Clock
from sig_core.interrupts import pass_end_on
from sig_core.io.aio.busy_loop import BusyLoop, new_busy_loop
from sig_core.io.server.loop import Loop, Ready, Watched
from sig_core.io.server.poller import READ, WRITE
from sig_core.log import log
from sig_core.session.fair_shares import MANY

__all__ = ["AsyncioLoop"]


class AsyncioLoop(Loop):
    """A loop inside that which runs when it is started; see `Loop`.

    What is ready is served where asyncio tells of it; the turn comes behind all that is ready at one time.
    """

    def __init__(
        self,
        turn: Callable[[], None],
        tick: Callable[[float], float],
        name: str,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(turn, tick, name, clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._context = Context()  # not that of who triggers: a turn is nobody's own
        self._early: list[Callable[[], None]] = []  # what is to be called once it has started
        self._watched: dict[Watched, tuple[int, int]] = {}  # descriptor and events of each
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        self._share = 0.0
        self._busy: BusyLoop | None = None
        self._stopped = False
        self._many: list[Ready] = []  # who is ready since the last turn
        self._came = 0  # how many there were
        self._are_many = False  # in the turn before: so nobody is served at once

    # -- from any thread

    def start(self) -> None:
        """Use the running loop from now on."""
        self._context = copy_context()
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self.awake = self._busy = new_busy_loop(self._share, self._loop, self._context)
        early, self._early = self._early, []
        for callback in early:
            self._soon(callback)
        self.wake()

    def busy_poll(self, share: float) -> None:
        """See `Loop`."""
        self._share = share

    def stop(self) -> None:
        """End; on the loop's thread. What is posted is still called, as long as the asyncio loop runs."""
        self._stopped = True
        for watched in list(self._watched):
            self.unwatch(watched)
        if self._timer is not None:
            self._timer.cancel()

    def abandon(self) -> None:
        """In a forked child: touch the asyncio loop no more, it polls what the parent's does."""
        self._stopped = True
        self._loop = None
        self._watched.clear()

    def post(self, function: Callable[[], None]) -> None:
        """Let the loop call `function` soon; if it is closed, nobody does."""
        self._soon(partial(self._guarded, function))

    def run_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Let the loop call `function` in so many seconds; on the loop's thread."""
        assert self._loop is not None
        self._loop.call_later(seconds, function, context=self._context)

    def wake(self) -> None:
        """Let a turn be taken soon."""
        if self.has_turn_ahead or self._stopped:
            return
        self.has_turn_ahead = True
        try:
            self._soon(self._take_turn)
        except BaseException:  # an interrupt: nobody else would ask for the turn that is promised
            self.has_turn_ahead = False
            raise

    def is_current(self) -> bool:
        """Return whether this is the thread of the asyncio loop."""
        return threading.get_ident() == self._thread

    def _soon(self, callback: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            self._early.append(callback)
            return
        call = loop.call_soon if threading.get_ident() == self._thread else loop.call_soon_threadsafe
        try:
            call(callback, context=self._context)
        except RuntimeError:  # it is closed
            log.debug(f"{self._name}: the asyncio loop is closed")

    # -- on the loop's thread

    def watch(self, watched: Watched, events: int) -> None:
        """Poll `watched` for events (not 0)."""
        self._poll(watched, watched.fileno(), 0, events)

    def change(self, watched: Watched, events: int) -> None:
        """Poll it for other events (not 0)."""
        self._poll(watched, *self._watched[watched], events)

    def unwatch(self, watched: Watched) -> None:
        """Poll it no more."""
        known = self._watched.get(watched)
        if known is not None:
            self._poll(watched, *known, 0)

    def _poll(self, watched: Watched, descriptor: int, before: int, events: int) -> None:
        loop = self._loop
        if events:
            self._watched[watched] = descriptor, events
        else:
            self._watched.pop(watched, None)
        if loop is None or loop.is_closed():
            return
        changed = before ^ events
        if changed & READ:
            if events & READ:
                loop.add_reader(descriptor, self._ready, watched, READ)
            else:
                loop.remove_reader(descriptor)
        if changed & WRITE:
            if events & WRITE:
                loop.add_writer(descriptor, self._ready, watched, WRITE)
            else:
                loop.remove_writer(descriptor)

    def _ready(self, watched: Watched, event: int) -> None:
        known = self._watched.get(watched)
        if self._busy is not None:
            self._busy.came()
        if known is not None and known[1] & event:  # else it was unwatched since asyncio has seen it
            self.wake()
            self._came += 1
            if self._came < MANY and not self._are_many:
                began = self._clock()
                self._guarded(partial(watched.ready, event))
                self._note_few((watched,), began)
            else:
                self._many.append((watched, event))

    def _waits(self, watched: Watched, event: int) -> bool:
        """Return whether somebody is watched still, for that."""
        return bool(self._watched.get(watched, (0, 0))[1] & event)

    def _guarded(self, function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:
            pass_end_on(error)
            log.error(f"{self._name}: a turn failed\n{traceback.format_exc()}")

    def _take_turn(self) -> None:
        if self._stopped:
            return
        self._came, self._are_many = 0, self._came >= MANY
        if self._many:
            many, self._many = self._many, []
            self._guarded(partial(self._serve_many, [each for each in many if self._waits(*each)]))
        now = self._clock()
        if now >= self._next_tick:
            self._tick_now(now)
        self.has_turn_ahead = False  # before: what comes during a turn may be too late for it
        try:
            self._turn()
        except BaseException as error:
            pass_end_on(error)
            log.error(f"{self._name}: a turn failed\n{traceback.format_exc()}")
            self.wake()
        finally:  # also after an interrupt: the loop may run again
            self._set_timer()

    def _set_timer(self) -> None:
        when, loop = self._next_tick, self._loop
        if when == self._timer_at or loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at, self._timer = when, None
        if when < NEVER:
            wait = max(0.0, when - self._clock())
            self._timer = loop.call_later(wait, self._timer_ended, context=self._context)

    def _timer_ended(self) -> None:
        self._timer_at, self._timer = NEVER, None
        self.has_turn_ahead = True
        self._take_turn()
