"""The output of a client on asyncio, and its time: sends in the loop's turns, and looks what is due."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Final

from sig_core.clock import Clock
from sig_core.contract import PollableLink
from sig_core.errors import Backpressure, LinkClosed, SigError
from sig_core.interrupts import pass_end_on
from sig_core.io.sync.cpu_yield import CpuYield
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.gate import FRAMES, HIGH_WATER, HOT_GAP, MAX_BATCH, take_output

__all__ = ["AsyncioWriter"]

MIN_WAIT: Final = 0.001  # seconds between two ticks at least


class AsyncioWriter:
    """Sends what the session has in `out`, and runs the session's ticks; all but `added` on the loop's thread.

    Args:
        session: whose output is sent.
        link: it is sent on this.
        once: closes the link.
        tick: called with `now`; returns the seconds until it wants to be called again.
        failed: called with the error when the link broke.
        context: that of the client: what the loop calls is nobody's own.
        clock: monotonic seconds.

    Attributes:
        full, gathers: see `Gate`.
        next_tick: when the next tick comes, monotonic seconds.
    """

    def __init__(
        self,
        session: ClientSession,
        link: PollableLink,
        once: CloseOnce,
        tick: Callable[[float], float],
        failed: Callable[[SigError], None],
        context: Context,
        clock: Clock = time.monotonic,
    ) -> None:
        self.full = False
        self.gathers = False
        self.next_tick = 0.0
        self._session = session
        self._out = session.out
        self._link = link
        self._once = once
        self._tick = tick
        self._failed = failed
        self._context = context
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._give_way = CpuYield()
        self._rest: bytes | memoryview = b""  # what a send did not take of its batch
        self._size = 0  # bytes gathered, but for small frames
        self._last = 0.0  # when something was sent, seconds of the clock
        self._watches = False  # the loop tells when the link can be written
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    # -- the gate

    def make_room(self) -> None:
        """See `Gate`: nothing waits here.

        Raises:
            Backpressure: always.
        """
        text = f"{self._link.peer}: {self._waiting} bytes wait to be sent, {HIGH_WATER} may"
        raise Backpressure(f"{text}: `await signal.trigger_wait(...)` waits")

    def added(self, size: int) -> None:
        """Note that an event was appended to the output: it leaves at the loop's next turn, with its neighbours."""
        self._size += size
        if threading.get_ident() != self._thread:
            self.full = self._waiting > HIGH_WATER
            if not self.gathers:
                self._gather(self._loop.call_soon_threadsafe)
        elif self._watches:  # the link takes nothing now
            self.full = self._waiting > HIGH_WATER
        elif self._size >= MAX_BATCH or len(self._out) >= FRAMES:
            self.flush()
            if size < MAX_BATCH:
                self._give_way()
        elif not self.gathers:
            self._gather(self._loop.call_soon)

    @property
    def _waiting(self) -> int:
        return self._size + len(self._rest)

    def gather(self) -> None:
        """Let what waits, if anything does, leave at the loop's next turn."""
        if self._out and not self.gathers:
            self._gather(self._loop.call_soon)

    def _gather(self, soon: Callable[..., object]) -> None:
        self.gathers = True
        try:
            soon(self.flush, context=self._context)
        except RuntimeError as error:
            self.gathers = False
            self._session.fail(LinkClosed("the loop of its client is closed"))
            self._once.close()
            raise LinkClosed(f"{self._link.peer}: nothing leaves any more: the loop of its client is closed") from error

    def asked(self, now: float, deadline: float) -> None:
        """Note that a request was appended: it leaves now, or with others that are made in the same turn.

        Args:
            now, deadline: monotonic seconds when it was made, and when its answer is late.
        """
        if now - self._last >= HOT_GAP:
            self.flush()
        elif not self.gathers:
            self._gather(self._loop.call_soon)
        if deadline < self.next_tick:
            self.wake()

    def flush(self) -> None:
        """Send what goes now; the rest leaves when the link can take it."""
        self.gathers = False
        if self._once.closed:
            return
        try:
            while True:
                data = self._rest
                if not data:
                    data = take_output(self._out)
                    self._size = 0
                if not data:
                    break
                count = self._link.send_some(data)
                if count:
                    self._session.sent(count, self._clock())
                self._rest = memoryview(data)[count:] if count < len(data) else b""
                if self._rest:
                    break
        except BaseException as error:
            pass_end_on(error)
            self._failed(link_lost(self._link.peer, error))
            return
        self._last = self._clock()
        if bool(self._rest) is not self._watches:
            self._watch(bool(self._rest))
        self.full = self._watches and self._waiting > HIGH_WATER
        if not self.full:
            self._room.set()

    def _watch(self, on: bool) -> None:
        self._watches = on
        if on:
            self._context.copy().run(self._loop.add_writer, self._link.fileno(), self.flush)
        else:
            self._loop.remove_writer(self._link.fileno())

    # -- waiting for room

    async def wait_for_room(self) -> None:
        """Return when output has drained, or the link has ended."""
        while self.full and not self._once.closed:
            self._room.clear()
            await self._room.wait()

    async def finish(self, timeout: float) -> None:
        """Return when all output has left, or the link has ended, or after `timeout` seconds."""
        self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self._is_all_out() and not self._once.closed:
                    self._room.clear()
                    await self._room.wait()

    def _is_all_out(self) -> bool:
        return not (self._rest or self._out)

    # -- time

    def wake(self) -> None:
        """Look at once what is due."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock()
        wait = max(MIN_WAIT, self._tick(now))
        if self._once.closed:
            return
        self.gather()
        self.next_tick = now + wait
        self._timer = self._loop.call_later(wait, self.wake, context=self._context)

    def stop(self) -> None:
        """End, before the link is closed; what waits is not sent any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watches:
            self._watch(False)
        self.full = False
        self._room.set()
