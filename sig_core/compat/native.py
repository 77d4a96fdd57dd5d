"""The way of a client to its server, over a client of this version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sig_core
from sig_core.errors import LocalProtocolError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Info, Name
from sig_core.routing.entities import Listener, Sender
from sig_core.routing.handlers import RequestHandler
from sig_core.routing.table import Publisher

__all__ = ["NativeRemote"]


class NativeRemote:
    """See `Remote`.

    Args:
        client: gives the client that is connected now; raises if there is none.
    """

    def __init__(self, client: Callable[[], sig_core.ClientRouter]) -> None:
        self._client = client

    def add_sender(self, sender: Sender, handler: RequestHandler) -> None:
        """See `Remote`."""
        assert sender.name is not None
        built_in = (None, EVENT_CONNECT, EVENT_DISCONNECT)
        events = [event for event in sender.events if event not in built_in]
        self._client().add_remote_sender(sender.name, events, handler)

    def publisher(self, sender: Name, event: Name) -> Publisher:
        """See `Remote`."""
        topic = self._client().topic(sender, event)

        def publisher(info: Info, data: Any) -> None:
            if topic.publisher is None:
                raise LocalProtocolError(f"sender {sender!r}: event {event!r} does not lead to a server")
            topic.publisher(info, data)

        return publisher

    def remove_sender(self, sender: Name) -> bool:
        """See `Remote`."""
        return self._client().remove_remote_sender(sender)

    def add_listener(self, heard: Listener, sender: Name | None, event: Name | None) -> Callable[[], None]:
        """See `Remote`."""
        return self._client().add_remote_listener(heard, sender, event).remove

    def request(self, sender: Name, method: str, params: Any, timeout: float | None) -> Any:
        """See `Remote`."""
        return self._client().remote_request(sender, method, params, timeout)
