"""Events as an asynchronous iterator, with a bounded queue of its own."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self, TypeAlias

from sig_core.description import described
from sig_core.errors import ConfigError
from sig_core.events import Info
from sig_core.log import log
from sig_core.routing.entities import Listener, Subscription

__all__ = ["EventStream"]

Subscribe: TypeAlias = Callable[[Listener], Awaitable[Subscription]]


class EventStream:
    """Iterates over events: `async for info, data in client.events("temp", "#changed")`.

    It subscribes with `async with`, or else when the first event is asked for, and ends when its router stops. In an
    `async with` the subscription ends with the block; else with `aclose`, or when nobody holds the stream any more.

    Where more than `queue` events wait, the oldest give way: counted in `lost`, and in that of the router.

    Args:
        subscribe: adds a listener.
        queue: events that may wait, 1 and more.
        lose: called with the info of an event that gave way.

    Attributes:
        lost: events that gave way.
    """

    def __init__(self, subscribe: Subscribe, queue: int, lose: Callable[[Info], None]) -> None:
        if isinstance(queue, bool) or not isinstance(queue, int) or queue < 1:
            raise ConfigError(f"queue {described(queue)}: must be a whole number of events, 1 and more")
        self.lost = 0
        self._subscribe = subscribe
        self._most = queue
        self._lose = lose
        self._subscription: Subscription | None = None
        self._waiting: deque[tuple[Info, Any]] = deque()
        self._came = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Info, Any]:
        """Return the next event: (info, data).

        Raises:
            StopAsyncIteration: the stream was closed, or its router has stopped.
            SigError: the subscription was refused; or the link is gone, and does not come back.
        """
        await self._begin()
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._came.clear()
            await self._came.wait()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """End the subscription; what waits can still be read."""
        self.end(None)

    def end(self, error: BaseException | None) -> None:
        """End; who reads on gets what waits, then `error`, or the end of the iteration."""
        subscription = self._subscription
        if not self._ended:
            self._ended, self._error = True, error
            self._came.set()
        if subscription is not None:
            subscription.remove()

    async def _begin(self) -> None:
        if self._subscription is not None or self._ended:
            return
        subscription = await self._subscribe(_Feed(self, asyncio.get_running_loop()))
        if self._is_settled():  # begun twice at once, or closed meanwhile
            subscription.remove()
            return
        self._subscription = subscription
        loop = asyncio.get_running_loop()
        weakref.finalize(self, _remove_soon, loop, subscription).atexit = False

    def _is_settled(self) -> bool:
        return self._subscription is not None or self._ended

    def put(self, info: Info, data: Any) -> None:
        """Take an event; on the loop's thread."""
        if len(self._waiting) >= self._most:
            if not self.lost:
                log.warning(f"a stream of events is read too slowly: {self._most} wait, the oldest give way")
            gone, _ = self._waiting.popleft()
            self.lost += 1
            self._lose(gone)
        self._waiting.append((info, data))
        self._came.set()


class _Feed:
    """The listener of a stream: does not keep it alive."""

    def __init__(self, stream: EventStream, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = weakref.ref(stream)
        self._loop = loop
        self._thread = threading.get_ident()

    def __call__(self, info: Info, data: Any) -> None:
        stream = self._stream()
        if stream is None:
            return
        if threading.get_ident() == self._thread:
            stream.put(info, data)
        else:  # a sender of this program triggers on a thread
            self._loop.call_soon_threadsafe(stream.put, info, data)


def _remove_soon(loop: asyncio.AbstractEventLoop, subscription: Subscription) -> None:
    """End a subscription, from wherever the collector runs: under any lock of any thread."""
    with suppress(RuntimeError):  # the loop is closed, and its router with it
        loop.call_soon_threadsafe(subscription.remove)
