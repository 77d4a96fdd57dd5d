"""Listeners that are coroutine functions: each has its events one after the other, in order, and delays no other."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol

from sig_core.clock import Clock
from sig_core.description import name_of_callable
from sig_core.errors import LocalProtocolError
from sig_core.events import Info
from sig_core.io.aio.turn import TURN
from sig_core.log import log
from sig_core.routing.entities import Listener, Subscription
from sig_core.routing.handlers import is_coroutine_function

__all__ = ["MOST", "RESUME", "CoroutineListeners", "TaskQueue", "in_listener"]

MOST = 100_000  # events that wait for one listener; more are lost to it, and counted

RESUME = 0.05  # seconds after a cancellation: it may be that of the whole program, which then is not kept from ending

in_listener: ContextVar[tuple[object, object] | None] = ContextVar("in_listener", default=None)
"""Whose coroutine listener the code that runs was called by, and in which task: if it waits for the link, the link
waits for it. What the listener begins in other tasks is none of that."""


class CoroutineListeners:
    """All of one router.

    Args:
        failed: called when a listener raised, with (callback, info, error).
        lose: called with the info of an event that did not reach a listener, since too many wait for it already.
        relieved: called when less waits than before.
        clock: see `Clock`.

    Attributes:
        size_each: bytes that an event which comes now is taken to have; the link sets it.
        waiting: bytes of events that wait, or are worked on.
        limit: bytes that may wait for one listener; more events are lost to it, and counted.
        least: bytes that an event from a link is taken to have at the least.
        held: queues of listeners that have no room for what comes from the link: it is not read meanwhile.
        on_held: called when there are the first, or none any more.
    """

    def __init__(
        self,
        failed: Callable[[Any, Info, BaseException], None],
        lose: Callable[[Info], None],
        relieved: Callable[[], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self.size_each = 0
        self.waiting = 0
        self.limit = math.inf
        self.least = 0
        self.held = 0
        self.on_held: Callable[[], None] = lambda: None
        self.failed = failed
        self.lose = lose
        self.relieved = relieved
        self.clock = clock
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = 0
        self.stopping: set[asyncio.Task[None]] = set()  # tasks that this end has cancelled
        self._tasks: set[asyncio.Task[None]] = set()
        self._queues: dict[Subscription, TaskQueue] = {}

    def is_inside(self) -> bool:
        """Return whether the code that runs was called by one of these listeners, which waits for it."""
        return in_listener.get() == (self, asyncio.current_task())

    def bind(self) -> None:
        """Use the running loop from now on."""
        self.loop, self.thread = asyncio.get_running_loop(), threading.get_ident()

    def adopt(self, subscription: Subscription) -> Subscription:
        """Let the callback of a subscription run as a task, if it is a coroutine function; returns the subscription."""
        if is_coroutine_function(subscription.callback):
            self.put_in_charge(subscription, TaskQueue(self, subscription))
        return subscription

    def put_in_charge(self, subscription: Subscription, queue: TaskQueue) -> None:
        """Let a queue call the callback of a subscription."""
        if self.loop is None:
            with suppress(RuntimeError):  # no loop runs yet: its router binds it when it starts
                self.bind()
        subscription.call = self._queues[subscription] = queue

    def discard(self, subscription: Subscription) -> None:
        """Drop what waits for a listener that was removed; from any thread."""
        queue = self._queues.pop(subscription, None)
        if queue is None or self.loop is None:
            return
        if threading.get_ident() == self.thread:
            queue.discard()
        else:
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(queue.discard)

    def start(self, queue: TaskQueue) -> None:
        """Run a queue until it is empty; on the loop's thread."""
        assert self.loop is not None
        queue.running = running = queue.run()
        task = self.loop.create_task(running, name=f"listener {name_of_callable(queue.callback)}")
        self._tasks.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(partial(self._ended, queue, running))

    def _ended(self, queue: TaskQueue, running: Coroutine[Any, Any, None], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.stopping.discard(task)
        if queue.running is running:  # it was cancelled before its first step
            queue.end()

    async def stop(self, timeout: float) -> None:
        """Let the calls that run end, for at most `timeout` seconds; then cancel them."""
        tasks = self._tasks - {asyncio.current_task()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                log.warning(f"{task.get_name()}: cancelled: it still runs {timeout:g} s after the stop")
            self.cancel()
            await asyncio.sleep(0)  # the cancellation is delivered

    def cancel(self) -> None:
        """Cancel the calls that run, but for the one that calls this; what waits for their listeners is lost."""
        for task in self._tasks - {asyncio.current_task()}:
            self.stopping.add(task)
            task.cancel()


class Events(Protocol):
    """What a queue keeps its events in: a deque, or more."""

    def __len__(self) -> int: ...
    def popleft(self) -> tuple[Info, Any, int]: ...


class TaskQueue:
    """The events that wait for one listener. Called as the listener is.

    Attributes:
        callback: the listener.
        running: what calls it now, or will soon.
    """

    __slots__ = (
        *("_append", "_events", "_full", "_listeners", "_now", "_size", "_subscription", "callback", "running"),
    )

    def __init__(self, listeners: CoroutineListeners, subscription: Subscription) -> None:
        self.callback: Listener = subscription.callback
        self._listeners = listeners
        self._subscription = subscription
        events: deque[tuple[Info, Any, int]] = deque()
        self._events: Events = events
        self._append = events.append
        self._size = 0  # bytes
        self._now = 0  # bytes of the event that is worked on
        self._full = False
        self.running: Coroutine[Any, Any, None] | None = None

    def __call__(self, info: Info, data: Any) -> None:
        listeners = self._listeners
        if threading.get_ident() != listeners.thread:
            if listeners.loop is None:
                raise LocalProtocolError("no loop runs yet for a listener that is a coroutine function")
            listeners.loop.call_soon_threadsafe(self._put, info, data, 0)
        else:
            self._put(info, data, listeners.size_each)

    def _put(self, info: Info, data: Any, size: int) -> None:
        if size:  # what is small costs as well: the link pauses before MOST of them wait
            size = max(size, self._listeners.least)
        if len(self._events) >= MOST or (self._size and self._size + size > self._listeners.limit):
            if not self._full:
                what = f"listener {name_of_callable(self.callback)}"
                log.warning(f"{what}: {len(self._events)} events wait for it; more are lost to it")
            self._full = True
            self._listeners.lose(info)
            return
        self._append((info, data, size))
        self._size += size
        self._listeners.waiting += size
        if self.running is None:
            self._listeners.start(self)

    async def run(self) -> None:
        """Have the listener called for one event after the other, as long as there are any."""
        listeners, events, task = self._listeners, self._events, asyncio.current_task()
        assert task is not None and listeners.loop is not None
        in_listener.set((listeners, task))
        pauses, clock = False, listeners.clock
        until = clock() + TURN
        try:
            while events and task not in listeners.stopping and not pauses:
                info, data, self._now = events.popleft()
                try:
                    await self._call(info, data)
                finally:
                    self._release()
                if clock() >= until:
                    with suppress(asyncio.CancelledError):  # it counts as one that hits the listener
                        await asyncio.sleep(0)
                    until = clock() + TURN
                pauses = task.cancelling() > 0 and task not in listeners.stopping
        finally:
            if pauses:
                self.running = None
                listeners.loop.call_later(RESUME, self.resume)
            else:
                self.end()

    def resume(self) -> None:
        """Go on after a cancellation, if the loop does."""
        if self._events and self.running is None:
            self._listeners.start(self)

    def discard(self) -> None:
        """Drop what waits; what is worked on is not waited for any more."""
        while self._events:
            _, _, size = self._events.popleft()
            self._size -= size
            self._listeners.waiting -= size
        self._release()
        self._listeners.relieved()

    def _release(self) -> None:
        """Note that the event that is worked on is none that waits."""
        size, self._now = self._now, 0
        if size:
            self._size -= size
            self._listeners.waiting -= size
            self._listeners.relieved()

    async def _call(self, info: Info, data: Any) -> None:
        if not self._subscription.active:
            return
        try:
            result: Any = self.callback(info, data)
            await result
        except BaseException as error:
            self._raised(self.callback, info, error)

    def _raised(self, callback: Any, info: Info, error: BaseException) -> None:
        """Pass on what a function of the user raised; a cancellation by this end goes on."""
        if isinstance(error, asyncio.CancelledError) and asyncio.current_task() in self._listeners.stopping:
            raise error
        self._listeners.failed(callback, info, error)

    def end(self) -> None:
        """Let the next event start it anew; count what does not come any more, if the router stops."""
        listeners, before = self._listeners, self._listeners.waiting
        self.running, self._full = None, False
        while self._events:
            info, _, size = self._events.popleft()
            self._size -= size
            listeners.waiting -= size
            listeners.lose(info)
        if listeners.waiting < before:
            listeners.relieved()
