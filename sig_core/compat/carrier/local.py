"""LocalCarrier: a server and its clients in one program, for testing."""

from __future__ import annotations

import itertools
from typing import Any

from sig_core.compat.carrier.base import Carrier
from sig_core.compat.replies import Reply
from sig_core.errors import EncodeError, LinkClosed, LocalProtocolError

__all__ = ["LocalCarrier"]

_numbers = itertools.count(1)  # of clients and of messages


class LocalCarrier(Carrier):
    """One for the server, and one for each client, whose `connect` joins the two: no network, and no threads.

    Messages are packed, and unpacked at the other end, so nothing passes that would not pass a network.
    """

    def __init__(self) -> None:
        self._clients: dict[int, LocalCarrier] = {}  # at the server, by their ids
        self._server: LocalCarrier | None = None  # at a client
        self._number = 0

    def connect(self, carrier: LocalCarrier) -> None:
        """Join this client to the server that has `carrier`.

        Raises:
            LocalProtocolError: it is connected already.
        """
        if self._server is not None:
            raise LocalProtocolError("this LocalCarrier is connected already: call disconnect() first")
        self._number = next(_numbers)
        self._server = carrier
        carrier._clients[self._number] = self
        carrier.handle_client_connected(self._number)
        self.handle_client_connected(None)

    def disconnect(self) -> None:
        """Leave the server; at the server: send all clients away."""
        for client in list(self._clients.values()):
            client.disconnect()
        server, self._server = self._server, None
        if server is not None:
            del server._clients[self._number]
            server.handle_client_disconnected(self._number)
            self.handle_client_disconnected(None)

    def handleTX(self, clientid: Any, message: dict[str, Any]) -> Reply:  # noqa: N802 - the seed's name
        """See `Carrier`; the other end deals with it in here, in this thread."""
        client = self._clients.get(clientid)
        other = client or self._server
        if other is None:
            raise LinkClosed("this LocalCarrier is not connected: call connect() first")
        message["id"] = next(_numbers)
        reply = other.handleRX(self._number, self._passed(message))
        answer: Reply = self._passed(reply)
        return answer

    def _passed(self, message: Any) -> Any:
        data = self.pack(message)
        if data is None:
            raise EncodeError("a message can't be packed: its data must be JSON")
        return self.unpack(data)
