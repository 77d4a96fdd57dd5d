"""The port of a server's own program, on asyncio: user code runs on the loop, a slice of time each turn."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from sig_core.contract import Codec
from sig_core.events import Info, Name
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.aio.turn import TURN
from sig_core.io.server.dispatcher import Job
from sig_core.io.server.local_port import LocalPort
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Subscription
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import RequestBatch, Run

__all__ = ["AsyncioPort"]


class AsyncioPort(LocalPort):
    """Runs its jobs on the loop.

    What coroutine listeners and handlers have not got to yet counts as waiting here: beyond three quarters of
    `max_inbound` the clients that feed this program are paused, as they are for what waits in the queue itself.

    Args:
        codec, limits, lock, flow_control, targets, answer, failed: see `LocalPort`.
        post: lets a function be called on the loop, from any thread.
        listeners: the coroutine functions among the listeners.
        note_lost: called on the loop with (sender, event, count) for events that did not reach this program.
    """

    def __init__(
        self,
        codec: Callable[[str], Codec],
        limits: Limits,
        lock: OwnedLock,
        flow_control: FlowControl,
        targets: Callable[[Name, Name], tuple[Subscription, ...]],
        answer: Callable[[int, RequestBatch, bytes], None],
        failed: Callable[[Any, Info, BaseException], None],
        *,
        post: Callable[[Callable[[], None]], None],
        listeners: CoroutineListeners,
        note_lost: Callable[[Name, Name, int], None],
    ) -> None:
        super().__init__(codec, limits, lock, flow_control, targets, answer, failed)
        self._post = post
        self._listeners = listeners
        self._note_lost = note_lost
        self._size_each = 0  # bytes of the event whose listeners are called
        self._requested = 0  # bytes of requests that wait for their handler
        self._taken = Outbox(limits.max_inbound, self._lose)  # empty: it tells when what was taken from ours is a stall
        self._scheduled = False
        self._closed = False
        self._silent = False  # closed, or held by a listener whose queue has no room
        self._room = asyncio.Event()
        self._kick = self._kick_answers = self._schedule
        listeners.limit = limits.max_inbound
        listeners.on_held = self._note_held

    # -- from any thread

    def _schedule(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        try:
            self._post(self._run_jobs)
        except BaseException:  # an interrupt: nobody else would ask for them
            self._scheduled = False
            raise

    def is_slow(self, now: float) -> bool:
        """See `QueuedPort`; what was taken, and is not done, counts too."""
        stalled = self._taken.begins_stall(now)
        return super().is_slow(now) or stalled

    def recovers(self, now: float) -> bool:
        """See `QueuedPort`."""
        stall = self.limits.stall
        ended = [each.ends_stall(now, stall) for each in (self._outbox, self._taken)]
        return any(ended) and not (self._outbox.stalled or self._taken.stalled)

    def set_reading_paused(self, on: bool) -> None:
        """Let this program's triggers be refused, or go on."""
        super().set_reading_paused(on)
        if not on:
            self.later(self._room.set)

    def _lose(self, route: int, count: int, reason: str) -> None:
        super()._lose(route, count, reason)
        if route in self._names:
            self.later(partial(self._note_lost, *self._names[route], count))

    # -- on the loop

    async def wait_for_room(self) -> None:
        """Return when this program's own events may go out."""
        while not self.flow.is_set():
            self._room.clear()
            await self._room.wait()

    def open_flow(self) -> None:
        """Let nobody wait any more: the server stops."""
        self.flow.set()
        self._room.set()

    def begin_request(self, size: int) -> None:
        """Note that so many bytes of a request wait for their handler, until `end_request`."""
        self._requested += size
        self.settle_up()

    def end_request(self, size: int) -> None:
        """Note that the handler has got them."""
        self._requested -= size
        self.settle_up()

    def settle_up(self) -> None:
        """Count what was taken and is not done; who was paused because of it may go on."""
        size = self._listeners.waiting + self._requested
        if size != self._taken.size:
            with self._lock:
                self._taken.size = size
                if self._taken.stalled:
                    self._flow_control.note_taken(self)

    def is_idle(self) -> bool:
        """Return whether there is no job."""
        return not (self._outbox.runs or self._events or self._calls or self._answers)

    def is_told(self) -> bool:
        """Return whether nobody waits to be told what came of a request, and no hook."""
        return not self._answers

    def close(self) -> None:
        """Call no listener or handler any more; who asked, and the hooks, are still told."""
        self._closed = self._silent = True

    def _note_held(self) -> None:
        self._silent = self._closed or self._listeners.held > 0
        if not self._silent:
            self._schedule()

    def _run_jobs(self) -> None:
        """Run jobs for a while; the rest have their turn when the loop has seen to others."""
        self._scheduled = False
        until = time.monotonic() + TURN
        try:
            while (job := self._next()) is not None:
                _do(job)
                if time.monotonic() >= until:
                    self._schedule()
                    return
        except BaseException:  # an interrupt ends the loop, maybe not for ever
            self._schedule()
            raise

    def _next(self) -> Job | None:
        return self._next_answer() or (None if self._silent else self._next_job())

    def _spread(self, run: Run, additions: bytes | None, data: bytes) -> None:
        super()._spread(run, additions, data)
        self._size_each = len(data)

    def _call(self, target: Subscription, info: Info, value: Any) -> None:
        self._listeners.size_each = self._size_each
        try:
            target.call(info, value)
        except BaseException as error:
            self._failed(target.callback, info, error)
        finally:
            self._listeners.size_each = 0  # what this program triggers itself is not held against its clients
            self.settle_up()


def _do(job: Job) -> None:
    try:
        job()
    except (Exception, SystemExit, asyncio.CancelledError):
        log.error(f"a job of a server failed\n{traceback.format_exc()}")
