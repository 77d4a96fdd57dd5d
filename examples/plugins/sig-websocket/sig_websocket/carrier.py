"""WebSocket: `ws://127.0.0.1:3000/sig`, and over TLS: `wss://host.example:3000?ca=home.pem`."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedOK, WebSocketException
from websockets.http11 import Request, Response

from sig_core.address import Address, as_url
from sig_core.contract import HasErrors, HasOptions, HasTrial, LinkTraits
from sig_core.errors import ConfigError
from sig_core.links import tls
from sig_core.links.callback_acceptor import CallbackAcceptor

__all__ = ["SecureWebSocketCarrier", "WebSocketCarrier"]

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 3000
LARGEST = 16 << 20  # bytes of a frame, as in the core's own limits
HEAD = 64  # bytes that a message may have beside the largest frame


class _Carrier(HasOptions, HasErrors):
    """What is the same with TLS and without. No pings: the core has its own signs of life."""

    scheme: str
    options = frozenset({"compression", "max", "origin"})
    errors = (WebSocketException,)

    async def connect(self, address: Address, /) -> WebSocketLink:
        """Connect to a server."""
        if not address.host or not address.port:
            raise ConfigError(f"address {address.url!r}: give a host and a port, as in {self.scheme}://127.0.0.1:3000")
        url = as_url(self.scheme, address.host, address.port, address.path)
        with tls.explained(address):
            return WebSocketLink(url, await connect(url, proxy=None, **_settings(address, tls.client_context)))

    async def listen(self, address: Address, /) -> CallbackAcceptor:
        """Listen on a path; requests for others are answered 404, and 403 those of pages from elsewhere."""
        acceptor = CallbackAcceptor(lambda peer: WebSocketLink(as_url(self.scheme, *peer.remote_address[:2]), peer))
        path = address.path.rstrip("/")
        origin: Any = address.options.get("origin")
        server = await serve(
            acceptor.handle,
            address.host or DEFAULT_HOST,
            DEFAULT_PORT if address.port is None else address.port,
            origins=None if origin == "*" else [origin, None],
            process_request=partial(_refusal, path),
            **_settings(address, tls.server_context),
        )
        host, port = server.sockets[0].getsockname()[:2]
        return acceptor.bound_to(as_url(self.scheme, host, port, path), partial(server.close, close_connections=False))


class WebSocketCarrier(_Carrier, HasTrial):
    """Links over WebSocket, for programs and for pages.

    Options:
        compression: "deflate" compresses each message, if both ends ask for it; default "none".
        max: bytes of the largest frame that is taken, 4,096 .. 2**32 - 1; default 16 MiB, as the limit `max_frame`.
        origin: of the pages that a server lets in, as `https://example.org`; "*": all. Default: none, programs alone,
            since any page that somebody opens can reach a server on the same machine.
    """

    scheme = "ws"
    trial = "ws://127.0.0.1:0"


class SecureWebSocketCarrier(_Carrier):
    """The same over TLS, with the options of `sig_core.links.tls` beside: ca, cert, key."""

    scheme = "wss"
    options = _Carrier.options | tls.OPTIONS


class WebSocketLink:
    """A connection. A message is a packet; text that pages send counts as its bytes in UTF-8."""

    traits = LinkTraits(packets=True, reliable=True)

    def __init__(self, peer: str, connection: Connection) -> None:
        self.peer = peer
        self.send = connection.send
        self.close = connection.close
        self.abort = connection.transport.abort
        self._connection = connection

    async def receive(self) -> bytes:
        """See `AsyncLink`."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosedOK as end:
            raise EOFError(f"{self.peer}: {end}") from end


def _refusal(path: str, connection: ServerConnection, request: Request) -> Response | None:
    if unquote(request.path).rstrip("/") == path:
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, f"this server speaks pysig at {path or '/'}\n")


def _settings(address: Address, context: Callable[[Address], ssl.SSLContext]) -> dict[str, Any]:
    compression = address.options.get("compression", "none")
    if compression not in ("none", "deflate"):
        raise ConfigError(f"address {address.url!r}: option compression={compression!r} is neither none nor deflate")
    return {
        "compression": None if compression == "none" else compression,
        "max_size": int(address.number("max", LARGEST, 4096, 2**32 - 1)) + HEAD,
        "ping_interval": None,
        "ssl": context(address) if address.scheme == SecureWebSocketCarrier.scheme else None,
    }
