"""The clients that a carrier of 0.7 brings to a server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sig_core.compat.link import CarriedLink
from sig_core.compat.replies import Reply, failure_of, is_reply
from sig_core.errors import LocalProtocolError, RemoteProtocolError
from sig_core.log import LimitedLog, log
from sig_core.plugins import default_plugins
from sig_core.protocol.limits import Limits

__all__ = ["CarriedClients"]

METHODS = (
    "get_version",
    "list_senders",
    "add_sender",
    "remove_sender",
    "add_listener",
    "remove_listener",
    "signal",
    "request",
)
STOP = 2.0  # seconds that the end of a client is waited for


class ServerCarrier(Protocol):
    """What is needed of a carrier."""

    tx_failures: int

    def handleTX(self, clientid: Any, message: dict[str, Any], /) -> Any: ...  # noqa: N802 - the seed's name


class CarriedClients:
    """An acceptor of the contract whose links are the clients of one carrier.

    Args:
        carrier: its `handleTX` brings messages to them.
        name: of the carrier, for logs.
        limits: of the server.

    Attributes:
        address: what the server calls it.
        methods: what a client may call: {name: function(clientid, params)}.
    """

    def __init__(self, carrier: ServerCarrier, name: str, limits: Limits) -> None:
        self.address = f"carrier://{name}"
        self.methods: dict[str, Callable[[Any, Any], Any]] = {name: partial(self._call, name) for name in METHODS}
        self._carrier = carrier
        self._limits = limits
        self._peer_log = LimitedLog(time.monotonic)
        self._json = default_plugins().codecs.get("json")
        self._changed = threading.Condition()
        self._links: dict[Any, CarriedLink] = {}
        self._waiting: deque[CarriedLink] = deque()  # for the server to take them
        self._closed = False

    # -- what the carrier tells

    def connected(self, clientid: Any) -> None:
        """Let a client in; of an id that is connected already, the client before has gone."""
        self.disconnected(clientid)
        peer = f"{self.address}#{clientid}"
        link = CarriedLink(peer, self._json, self._limits, partial(self._transmit, clientid, peer))
        with self._changed:
            self._links[clientid] = link
            self._waiting.append(link)
            self._changed.notify_all()
        if self._closed:
            self.close()

    def disconnected(self, clientid: Any) -> None:
        """Let a client go; returns when its senders and listeners have left. One that is not known: does nothing."""
        with self._changed:
            link = self._links.pop(clientid, None)
        if link is not None:
            self._end([link])

    def all_disconnected(self) -> None:
        """Let all clients go."""
        with self._changed:
            links = list(self._links.values())
            self._links.clear()
        self._end(links)

    def _end(self, links: list[CarriedLink]) -> None:
        for link in links:
            link.end()
        for link in links:
            if not link.closed.wait(STOP):
                log.warning(f"{link.peer}: the server has not let go of it within {STOP:g} s")

    # -- messages

    def _call(self, method: str, clientid: Any, params: Any) -> Any:
        """Do what a client asks, on its carrier's thread."""
        link = self._links.get(clientid)
        if link is None:
            remedy = "call handle_client_connected before handleRX"
            raise LocalProtocolError(f"{self.address}#{clientid}: {method}: not connected: {remedy}")
        return link.ask(method, params)

    def _transmit(self, clientid: Any, peer: str, message: dict[str, Any]) -> Reply:
        """Bring a message to a client, on its sender's thread; a failure is counted, and is the reply."""
        try:
            reply = self._carrier.handleTX(clientid, message)
            if is_reply(reply):
                return {key: reply[key] for key in ("status", "response", "exception") if key in reply}
            raise RemoteProtocolError(f"handleTX gave no reply but {repr(reply)[:200]}")
        except (Exception, SystemExit) as error:
            failure = failure_of(None, error)
            with self._changed:
                self._carrier.tx_failures += 1
                known = clientid in self._links
            if known:  # else the client has gone, which is why
                self._peer_log.error(f"{peer}: {message['method']}: {type(error).__name__}: {failure['exception']}")
            return failure

    # -- the acceptor

    def accept(self, timeout: float, /) -> CarriedLink | None:
        """Return the next client's link, or None."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Take no more clients; who waits is sent away."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for link in waiting:
            link.close()
