"""Carrier: the class that carriers of pysig 0.7 inherit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from sig_core.compat.clients import CarriedClients
from sig_core.compat.remote import CarriedRemote, Remote
from sig_core.compat.replies import Reply, failure_of
from sig_core.errors import ConfigError, ProtocolError, Status
from sig_core.log import LimitedLog, log

if TYPE_CHECKING:
    from sig_core.compat.client import ClientRouter
    from sig_core.compat.server import ServerRouter

__all__ = ["Carrier"]

JSON = "json"


class Carrier:
    """Moves messages between a ServerRouter and its ClientRouters: inherit it, and override `handleTX`.

    What a carrier has to do: call `handleRX` with each message that it receives, and send back the reply that this
    gives; send what `handleTX` is given, and return the reply to that; at the server, call `handle_client_connected`
    and `handle_client_disconnected`. A message with a `status` is a reply, any other is not. New carriers are better
    written for `sig_core.contract`: they then need no threads, no ids and no replies, and serve every dialect.

    Attributes:
        methods: {name: function(clientid, params)} of what `handleRX` may call. A router adds its own when the carrier
            is given to it; those that are there before it leaves as they are.
        tx_failures: messages of the server that `handleTX` did not bring to a client, or brought no reply to.
        callback_rx: called with (clientid, message) before a message is dealt with.
        callback_client_connected, callback_client_disconnected: called with a client's id; set by routers.
        callback_all_clients_disconnected: called without arguments; set by routers.
    """

    methods: dict[str, Callable[[Any, Any], Any]]
    tx_failures = 0
    callback_rx: Callable[[Any, Any], object] | None = None
    callback_client_connected: Callable[[Any], object] | None = None
    callback_client_disconnected: Callable[[Any], object] | None = None
    callback_all_clients_disconnected: Callable[[], object] | None = None
    _has_router = False
    _peer_log: LimitedLog

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Prepare what every carrier has, also for those whose `__init__` does not call this class's."""
        made = super().__new__(cls)
        made.methods = {}
        made._peer_log = LimitedLog(time.monotonic)
        return made

    # -- what a carrier may override

    def pack(self, message: Any) -> Any:
        """Return a message as it travels: JSON in UTF-8. None: it can't be packed, which is logged."""
        try:
            return json.dumps(message).encode()
        except Exception as error:
            log.error(f"{type(self).__name__}: a message can't be packed: {error}")
            return None

    def unpack(self, data: Any) -> Any:
        """Return the message in what `pack` gave. None: there is none, which is logged."""
        try:
            return json.loads(data)
        except Exception as error:
            self._peer_log.error(f"{type(self).__name__}: what came is no message: {error}")
            return None

    def handleTX(self, clientid: Any, message: dict[str, Any]) -> Reply | None:  # noqa: N802 - the seed's name
        """Number `message`, pack it, send it, wait for its reply and return that, unpacked. This one does nothing.

        It may be called from several threads at once; at the server, for each client from one thread of its own.

        Args:
            clientid: whom to send it to; at a client it says nothing.
            message: {"method", "params"}; it belongs to the carrier.
        """
        return None

    # -- what a carrier calls

    def handleRX(self, clientid: Any, message: Any) -> Reply:  # noqa: N802 - the seed's name
        """Do what a message asks, and give the reply to send back; never raises.

        At the server it never waits for a `handleTX`, but for a request to a sender: that ends with its time limit. At
        a client, listeners and request handlers run in here.

        Args:
            clientid: from whom it came; at a client it is not looked at.
            message: unpacked.
        """
        try:
            if self.callback_rx is not None:
                self.callback_rx(clientid, message)
            return self.handleRPC(clientid, message)
        except (Exception, SystemExit) as error:
            reply = failure_of(message.get("id") if isinstance(message, dict) else None, error)
            kind = type(error).__name__
            self._peer_log.error(f"{type(self).__name__}: a message was not dealt with: {kind}: {reply['exception']}")
            return reply

    def handleRPC(self, clientid: Any, message: Any) -> Reply:  # noqa: N802 - the seed's name
        """Call the method that a message names, and return the reply."""
        if not isinstance(message, dict):
            return failure_of(None, ProtocolError(f"a message is a dict, not {type(message).__name__}"))
        ident, name = message.get("id"), message.get("method")
        if name is None:
            return failure_of(ident, ProtocolError("a message without a method"), Status.NO_METHOD)
        method = self.methods.get(name) if isinstance(name, str) else None
        if method is None:
            known = ", ".join(self.methods) or "none: it was given to no router"
            error = ProtocolError(f"unknown method {name!r}; known are: {known}")
            return failure_of(ident, error, Status.UNKNOWN_PROTOCOL_METHOD)
        params = message.get("params")
        try:
            response = method(clientid, {} if params is None else params)
        except (Exception, SystemExit) as error:
            reply = failure_of(ident, error)
            kind = type(error).__name__
            self._peer_log.debug(f"{type(self).__name__}: method {name!r} failed: {kind}: {reply['exception']}")
            return reply
        return {"id": ident, "status": int(Status.OK), "response": response}

    def handle_client_connected(self, clientid: Any) -> None:
        """Note, at the server, that a client has come. It is unknown before, and its messages are refused.

        Args:
            clientid: anything hashable, of this client alone.
        """
        if self.callback_client_connected is not None:
            self.callback_client_connected(clientid)

    def handle_client_disconnected(self, clientid: Any) -> None:
        """Note that a client has gone: when this returns, its senders and listeners are no more.

        At a client: that the server has gone. The router then forgets its remote senders and listeners.
        """
        if self.callback_client_disconnected is not None:
            self.callback_client_disconnected(clientid)

    def handle_all_clients_disconnected(self) -> None:
        """Note, at the server, that all clients have gone."""
        if self.callback_all_clients_disconnected is not None:
            self.callback_all_clients_disconnected()

    def handle_all_clients_diconnected(self) -> None:
        """The same as `handle_all_clients_disconnected`, as the seed spells it."""
        self.handle_all_clients_disconnected()

    # -- what routers call

    def join_server(self, router: ServerRouter) -> None:
        """Bring clients to a server's router."""
        self.take_router()
        clients = CarriedClients(self, type(self).__name__, router.limits)
        self.methods = {**clients.methods, **self.methods}
        self.callback_client_connected = clients.connected
        self.callback_client_disconnected = clients.disconnected
        self.callback_all_clients_disconnected = clients.all_disconnected
        router.listen(clients, [JSON])

    def join_client(self, router: ClientRouter) -> Remote:
        """Give a client's router the way to its server."""
        self.take_router()
        remote = CarriedRemote(self, router.remote_handler)
        self.methods = {**remote.methods, **self.methods}

        def gone(clientid: Any) -> None:
            remote.forget()
            router.forget_remote()

        self.callback_client_disconnected = gone
        return remote

    def take_router(self) -> None:
        """Note that there is a router now; a carrier has but one.

        Raises:
            ConfigError: there was one already.
        """
        if self._has_router:
            raise ConfigError(f"this {type(self).__name__} has a router already: make another one for this router")
        self._has_router = True
