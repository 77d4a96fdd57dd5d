"""A listener with a queue of its own on asyncio, and the task that calls it, be it a coroutine function or not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from sig_core.description import name_of_callable
from sig_core.events import Info
from sig_core.io.aio.coroutine_listener import CoroutineListeners, TaskQueue
from sig_core.log import log
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.entities import Subscription
from sig_core.routing.listener_queue import KEY_FAILED, REMOVED, STOPPED, Outcome, key_for, queue_for

__all__ = ["OwnQueue"]


class OwnQueue(TaskQueue):
    """Keeps events as the listener asked for. All but `stats` happens on the loop's thread.

    Who can't be made to wait, since the loop does: where "block" has no room for what comes from a link, that is not
    read any more until half of the queue is free, and what was read already gets in; where it has none for an event of
    this program, the oldest gives way.

    Args:
        listeners: of the router.
        subscription: whose callback is called.
        delivery: that it asked for.
        on_lost: told what did not reach it, maybe a coroutine function; None: the log is.
    """

    __slots__ = ("_delivery", "_held", "_on_lost", "_queue", "_warned")

    def __init__(
        self, listeners: CoroutineListeners, subscription: Subscription, delivery: Delivery, on_lost: OnLost | None
    ) -> None:
        super().__init__(listeners, subscription)
        self._events = self._queue = queue_for(delivery)
        self._delivery = delivery
        self._on_lost = on_lost
        self._held = False
        self._warned = False

    def stats(self) -> dict[str, Any]:
        """Return its counts; see `Subscription.stats`."""
        return self._queue.stats()

    def remove(self) -> None:
        """See `OwnQueue` of `routing/signals`: all of it is done by `CoroutineListeners.discard`."""

    def lose(self, count: int, reason: str, info: Info) -> None:
        """Note events that do not come to it."""
        self._queue.lose(count, reason, info)
        if self.running is None and self._on_lost is not None:
            self._listeners.start(self)

    def _put(self, info: Info, data: Any, size: int) -> None:
        latest, blocks = self._delivery.overflow == "latest", self._delivery.overflow == "block"
        waits = max(size, self._listeners.least) if blocks and size else 0  # what gives way in time is not counted
        try:
            key = key_for(self._delivery, info, data) if latest else None
            outcome = self._queue.put(info, data, waits, key)
        except BaseException as error:
            self.lose(1, KEY_FAILED, info)
            self._listeners.failed(self._delivery.key or self.callback, info, error)
            return
        if outcome is Outcome.NO_ROOM:
            self._account(-self._queue.force(info, data, waits, beyond=size > 0))
            if size:
                self._hold(True)
        if outcome is Outcome.GAVE_WAY or (outcome is Outcome.NO_ROOM and not size):
            self._warn()
        self._account(waits)
        if self.running is None:
            self._listeners.start(self)

    def _account(self, size: int) -> None:
        self._size += size
        self._listeners.waiting += size

    def _hold(self, on: bool) -> None:
        """Keep what comes from the link from being read, or do so no more."""
        if on != self._held:
            self._held = on
            self._listeners.held += 1 if on else -1
            self._listeners.on_held()

    def _warn(self) -> None:
        if self._on_lost is None and not self._warned:
            self._warned = True
            text = f"{self._delivery.queue} events wait for it; what is too much, it loses"
            log.warning(f"listener {name_of_callable(self.callback)}: {text}")

    async def run(self) -> None:
        """See `TaskQueue`; what was lost meanwhile is told first."""
        await self._tell_losses()
        await super().run()

    def _release(self) -> None:
        super()._release()
        if self._held and self._queue.has_drained:
            self._hold(False)
            self._listeners.relieved()

    async def _call(self, info: Info, data: Any) -> None:
        if self._subscription.active:
            await self._run_user(info, self.callback, info, data)
        if self._queue.has_loss:
            await self._tell_losses()

    async def _run_user(self, about: Info, function: Callable[..., Any], *args: Any) -> None:
        """Call a function of the user, and await what it returns if that has to be."""
        try:
            result = function(*args)
            if inspect.isawaitable(result):
                await result
        except BaseException as error:
            self._raised(function, about, error)

    async def _tell_losses(self) -> None:
        while (loss := self._queue.take_loss()) is not None:
            if self._on_lost is not None and self._subscription.active:
                await self._run_user(loss[3], self._on_lost, *loss)

    def discard(self) -> None:
        """See `TaskQueue`; what waits is lost, counted."""
        self._drop(REMOVED)
        self._release()
        self._listeners.relieved()

    def end(self) -> None:
        """See `TaskQueue`."""
        self.running, self._warned = None, False
        if self._events:
            self._drop(STOPPED)
            self._listeners.relieved()

    def _drop(self, reason: str) -> None:
        self._account(-self._queue.clear(reason))
        self._hold(False)
