"""What a client on threads has to do with durables, beside listening to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.events import Info
from sig_core.io.client.threaded_connection import ThreadedConnection
from sig_core.routing.entities import Subscription
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.durable_listener import DurableListener, Finished

__all__ = ["ThreadedDurables"]


class ThreadedDurables:
    """The part of a `ClientRouter` that is about durables."""

    _state: ClientState
    _connection: ThreadedConnection
    _call: Callable[[str, dict[str, Any], str, float | None], Any]
    listener_failed: Callable[[Any, Info, BaseException], None]

    def durables(self) -> list[dict[str, Any]]:
        """Return how the durables stand that this client may manage; see docs/delivery.md.

        Raises:
            ProtocolError: the server has no store.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        found: list[dict[str, Any]] = self._call("durables", {}, "durables", None)
        return found

    def drop_durable(self, name: str) -> None:
        """End a durable: nothing is kept for it any more, and what waits is gone.

        Raises:
            ProtocolError: there is none of that name, or the server has no store.
            NotOwner: it belongs to another user.
            StoreFailed: the store can't do that now.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        self._call("drop_durable", {"durable": name}, f"drop_durable {name!r}", None)

    def _call_durable(self, subscription: Subscription, info: Info, data: Any, finished: Finished) -> None:
        try:
            subscription.call(info, data)
        except BaseException as error:
            self.listener_failed(subscription.callback, info, error)
            finished(error)
        else:
            finished(None)

    def _left_durable(self, listener: DurableListener) -> None:
        link = self._connection.link
        if self._state.registrations.unsubscribe_durable(listener) and link is not None:
            link.writer.added(0)
