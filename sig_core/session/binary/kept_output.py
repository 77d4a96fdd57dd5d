"""What a client of the binary dialect gets of one durable: frames with positions, on routes of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from sig_core.errors import CodecError
from sig_core.events import Name
from sig_core.protocol.wire import durable_frame, event_frame
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import Port
from sig_core.routing.queued_port import NOT_ALLOWED
from sig_core.store.contract import KeptEvent

__all__ = ["KeptOutput"]

ROUTES = 1000  # that one listener has at one time


class KeptOutput:
    """One durable listener of a client; see `HearsKept`.

    Args:
        client: whose it is.
        exchange: that the client's port belongs to.
        ident: of the listener.
        max_frame: bytes of the longest frame that the client takes.
        max_waiting: bytes of the longest frame that may wait for it.
        send: queues a frame that must not be dropped.
        notify: queues a notice.
        has_much: returns whether so much waits for the client that what may wait elsewhere should.
    """

    def __init__(
        self,
        client: Port,
        exchange: Exchange,
        ident: int,
        max_frame: int,
        max_waiting: int,
        send: Callable[[bytes], None],
        notify: Callable[[str, dict[str, Any]], None],
        has_much: Callable[[], bool],
    ) -> None:
        self._client = client
        self._exchange = exchange
        self._ident = ident
        self._max_frame = max_frame
        self._max_waiting = max_waiting
        self._send = send
        self._notify = notify
        self._has_much = has_much
        self._routes: dict[tuple[Name, Name], int] = {}

    @property
    def peer(self) -> str:
        """The client."""
        return self._client.peer

    @property
    def room(self) -> int:
        """Bytes that may be sent to the client now; 0: too much waits for it."""
        return 0 if self._has_much() else self._max_waiting

    def tell_kept(self, event: KeptEvent) -> str:
        """Send an event; return why it can't be sent, or ""."""
        client = self._client
        if not self._exchange.guard.may_hear(client, event.sender, event.event):
            return NOT_ALLOWED
        try:
            frame = self._frame(event)
        except (CodecError, struct.error):
            return f"{client.codec} can't carry the value"
        if len(frame) - 4 > self._max_frame:
            return f"bigger than the {self._max_frame} bytes it takes"
        if len(frame) > self._max_waiting:
            return f"bigger than the {self._max_waiting} bytes that may wait for it"
        self._send(frame)
        return ""

    def _frame(self, event: KeptEvent) -> bytes:
        data, info = event.data, event.info or None
        if not self._client.accepts_codec(event.codec):
            transcoder, codec = self._exchange.transcoder, self._client.codec
            data = transcoder.payload(data, event.codec, codec)
            info = None if info is None else transcoder.payload(info, event.codec, codec)
        return durable_frame(event_frame(self._route(event), data, info), self._ident, event.position)

    def _route(self, event: KeptEvent) -> int:
        """Return the number of an event here; one that has none yet gets it, maybe that of another one."""
        names = event.sender, event.event
        route = self._routes.pop(names, 0)
        if not route:
            route = len(self._routes) + 1
            if route > ROUTES:
                route = self._routes.pop(next(iter(self._routes)))  # that was used longest ago
            params = {"listener_id": self._ident, "route": route, "sender": event.sender, "event": event.event}
            self._notify("kept_name", params)
        self._routes[names] = route
        return route

    def tell_kept_lost(self, count: int, reason: str) -> None:
        """Tell that events do not come any more."""
        self._notify("kept_lost", {"listener_id": self._ident, "count": count, "reason": reason})
