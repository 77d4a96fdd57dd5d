"""What both routers on asyncio share: coroutine functions as listeners and handlers, requests, streams of events."""

from __future__ import annotations

import asyncio
import inspect
import weakref
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sig_core.aio.entities import Sender, Signal
from sig_core.aio.event_stream import EventStream
from sig_core.description import described
from sig_core.errors import ConfigError, LocalProtocolError
from sig_core.events import Info, Name
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.aio.interrupts import ends_loop, throw
from sig_core.io.aio.own_queue import OwnQueue
from sig_core.protocol.limits import Limits
from sig_core.router import RouterBase, check_kind, pattern_of
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.entities import Event, Listener, Subscription
from sig_core.routing.request_names import check_method

__all__ = ["HANDLERS", "AsyncRouter", "limits_for"]

HANDLERS = 100  # that may run at one time, unless it is set


def limits_for(handlers: int, limits: Limits | None) -> Limits:
    """Return limits under which so many handlers may run beside each other."""
    given = check_kind("limits", limits, Limits) or Limits()
    return replace(given, max_asked=max(given.max_asked, min(2 * handlers, 10**7)))


class AsyncRouter(RouterBase):
    """A router on the running loop.

    Its coroutines are awaited on the loop on which it was started; `trigger` may be called from any thread. Listeners
    and handlers run on the loop and must not block it. A listener that is a coroutine function has its events one after
    the other, in order, in a task of its own; handlers that are run beside each other.

    Args:
        max_handlers: handlers that may run at one time, 1 and more; further requests wait.
        class_sender, class_signal, class_event: see `RouterBase`.

    Attributes:
        lost: events that did not reach this program, by (sender, event), as far as is known.
    """

    _awaits = True

    def __init__(
        self,
        max_handlers: int = HANDLERS,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(class_sender, class_signal, class_event)
        if isinstance(max_handlers, bool) or not isinstance(max_handlers, int) or max_handlers < 1:
            raise ConfigError(f"max_handlers {described(max_handlers)}: must be a whole number, 1 and more")
        self.lost: Counter[tuple[Name, Name | None]] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._coroutine_listeners = CoroutineListeners(self.listener_failed, self._lose, self._relieved)
        self._handlers = HandlerTasks(max_handlers)
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()

    # -- the loop

    def _bind(self) -> None:
        """Belong to the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._coroutine_listeners.bind()

    def _check_loop(self) -> None:
        """Raise LocalProtocolError if the running loop is another one than that on which this router was started."""
        if self._loop is not None and asyncio.get_running_loop() is not self._loop:
            raise LocalProtocolError("this router was started on another loop: each loop needs a router of its own")

    # -- listeners

    def _subscription(
        self, listener: Listener, sender: Name | None, event: Name | None, remove: Callable[[Subscription], None]
    ) -> Subscription:
        def removed(subscription: Subscription) -> None:
            self._coroutine_listeners.discard(subscription)
            remove(subscription)

        return self._coroutine_listeners.adopt(super()._subscription(listener, sender, event, removed))

    def _adopt(
        self, subscription: Subscription, delivery: Delivery, on_lost: OnLost | None, is_patient: Callable[[], bool]
    ) -> None:
        queue = OwnQueue(self._coroutine_listeners, subscription, delivery, on_lost)
        self._coroutine_listeners.put_in_charge(subscription, queue)
        subscription.queue = queue

    def events(self, sender: Name | None = None, event: Name | None = None, *, queue: int = 1000) -> EventStream:
        """Return the events of a subscription as an asynchronous iterator of (info, data).

        Args:
            sender, event: which; see `add_listener`.
            queue: events that may wait for who iterates, 1 and more; then the oldest give way, counted.

        Raises:
            ConfigError: a name, or `queue`, is not as it must be.
        """
        pattern = pattern_of(sender, event)
        stream = EventStream(lambda listener: self._listen(listener, *pattern), queue, self._lose)
        self._streams.add(stream)
        return stream

    @abstractmethod
    async def _listen(self, listener: Listener, sender: Name | None, event: Name | None) -> Subscription:
        """Subscribe as widely as the router reaches."""

    def _end_streams(self, error: BaseException | None) -> None:
        """End the streams of events: with an error, or as an iteration ends."""
        for stream in list(self._streams):
            stream.end(error)

    def _lose(self, info: Info) -> None:
        """Count an event that did not reach a listener of this program."""
        self.lost[info["sender"], info["event"]] += 1

    def listener_failed(self, callback: Listener, info: Info, error: BaseException) -> None:
        """Count and log a listener that raised; KeyboardInterrupt and SystemExit then end the loop, as everywhere."""
        super().listener_failed(callback, info, error)
        if ends_loop(error) and self._loop is not None:
            self._loop.call_soon(throw, error)

    def _went_to(self, links: int) -> Callable[[], Any]:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(links)
        return lambda: done

    def _relieved(self) -> None:
        """Note that less waits for coroutine listeners than before."""

    @abstractmethod
    async def wait_for_room(self) -> None:
        """Return when a `trigger` would not raise `Backpressure`, or would raise something else."""

    # -- senders and requests

    @abstractmethod
    async def remove_sender(self, sender: Any) -> bool:
        """Disconnect a sender; false if it is not connected."""

    async def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender and return its answer; one of this program's own runs its handler in this task.

        Args:
            sender, method, params: whom, what, and with which value.
            timeout: seconds for a sender elsewhere; None: the limit `request_timeout`.

        Raises:
            UnknownSender: no such sender is connected.
            UnknownMethod: it has neither that method nor a default.
            Exception: whatever the handler raised.
        """
        found = self._local_sender(sender)
        value = found.handler.call(check_method(method), params)
        return await value if inspect.isawaitable(value) else value

    def request_async(
        self, sender: Name, method: str, params: Any = None, timeout: float | None = None
    ) -> asyncio.Task[Any]:
        """Ask a sender and return a task of the answer; see `request`."""
        return asyncio.get_running_loop().create_task(self.request(sender, method, params, timeout))
