"""What a client on asyncio has to do with durables, beside listening to them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from sig_core.events import Info
from sig_core.io.client.asyncio_connection import AsyncioConnection
from sig_core.routing.entities import Listener, Subscription
from sig_core.routing.handlers import is_coroutine_function
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.durable_listener import DurableListener, Finished

__all__ = ["AsyncDurables"]


class AsyncDurables:
    """The part of a `ClientRouter` that is about durables."""

    _state: ClientState
    _connection: AsyncioConnection
    _call: Callable[[str, dict[str, Any], str, float | None], Coroutine[Any, Any, Any]]
    listener_failed: Callable[[Any, Info, BaseException], None]
    _finishing: dict[Listener, Finished]

    async def durables(self) -> list[dict[str, Any]]:
        """Return how the durables stand that this client may manage; see docs/delivery.md.

        Raises:
            ProtocolError: the server has no store.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        found: list[dict[str, Any]] = await self._call("durables", {}, "durables", None)
        return found

    async def drop_durable(self, name: str) -> None:
        """End a durable: nothing is kept for it any more, and what waits is gone.

        Raises:
            ProtocolError: there is none of that name, or the server has no store.
            NotOwner: it belongs to another user.
            StoreFailed: the store can't do that now.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        await self._call("drop_durable", {"durable": name}, f"drop_durable {name!r}", None)

    def _telling(self, listener: Listener) -> Listener:
        """Return a listener that tells when it has ended, where it is a coroutine function."""
        if not is_coroutine_function(listener):
            return listener

        @wraps(listener)
        async def awaited(info: Info, data: Any) -> None:
            try:
                result: Any = listener(info, data)
                await result
            except BaseException as error:
                self._called_durable(awaited, error)
                raise
            self._called_durable(awaited, None)

        return awaited

    def _call_durable(self, subscription: Subscription, info: Info, data: Any, finished: Finished) -> None:
        callback = subscription.callback
        if is_coroutine_function(callback):
            self._finishing[callback] = finished
            subscription.call(info, data)
            return
        try:
            subscription.call(info, data)
        except BaseException as error:
            self.listener_failed(callback, info, error)
            finished(error)
        else:
            finished(None)

    def _called_durable(self, callback: Listener, error: BaseException | None) -> None:
        finished = self._finishing.pop(callback, None)
        if finished is not None:
            finished(error)
        link = self._connection.link
        if link is not None:
            link.writer.gather()

    def _left_durable(self, listener: DurableListener) -> None:
        link = self._connection.link
        if self._state.registrations.unsubscribe_durable(listener) and link is not None:
            link.writer.added(0)
