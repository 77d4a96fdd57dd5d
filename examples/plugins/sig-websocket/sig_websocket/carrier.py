"""WebSocket: `ws://127.0.0.1:3000/sig`, `ws://[::1]:3000?compression=deflate`."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, WebSocketException
from websockets.http11 import Request, Response

from sig_core.address import Address
from sig_core.contract import LinkTraits
from sig_core.errors import ConfigError

__all__ = ["WebSocketCarrier"]

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 3000
LARGEST = 16 << 20  # bytes of a frame, as in the core's own limits
HEAD = 64  # bytes that a message may have beside the largest frame
CLOSING = 1.0  # seconds that the peer has to answer a close


class WebSocketCarrier:
    """Links over WebSocket, for programs and for pages. No pings: the core has its own signs of life.

    Options:
        compression: "deflate" compresses each message, if both ends ask for it; default "none".
        max: bytes of the largest frame that is taken, 4,096 .. 2**32 - 1; default 16 MiB, as the limit `max_frame`.
        origin: of the pages that a server lets in, as `https://example.org`; "*": all. Default: none, programs alone,
            since any page that somebody opens can reach a server on the same machine.
    """

    scheme = "ws"
    trial = "ws://127.0.0.1:0"
    options = frozenset({"compression", "max", "origin"})
    errors = (WebSocketException,)

    async def connect(self, address: Address, /) -> WebSocketLink:
        """Connect to a server."""
        if not address.host or not address.port:
            raise ConfigError(f"address {address.url!r}: give a host and a port, as in ws://127.0.0.1:3000")
        url = _url(address.host, address.port, address.path)
        return WebSocketLink(await connect(url, proxy=None, **_common(address)), url)

    async def listen(self, address: Address, /) -> WebSocketAcceptor:
        """Listen on a path; requests for others are answered 404, and 403 those of pages from elsewhere."""
        acceptor = WebSocketAcceptor(address.path)
        port = DEFAULT_PORT if address.port is None else address.port
        origin = address.options.get("origin")
        await acceptor.start(
            address.host or DEFAULT_HOST, port, origins=None if origin == "*" else [origin, None], **_common(address)
        )
        return acceptor


class WebSocketLink:
    """A connection. A message is a packet; text that pages send counts as its bytes in UTF-8."""

    traits = LinkTraits(packets=True, reliable=True)

    def __init__(self, connection: Connection, peer: str) -> None:
        self.peer = peer
        self._connection = connection

    async def send(self, data: bytes, /) -> None:
        """See `AsyncLink`."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise BrokenPipeError(f"{self.peer}: {error}") from error

    async def receive(self) -> bytes:
        """See `AsyncLink`."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosedOK as end:
            raise EOFError(f"{self.peer}: {end}") from end
        except ConnectionClosed as error:
            raise ConnectionResetError(f"{self.peer}: {error}") from error

    async def close(self) -> None:
        """See `AsyncLink`."""
        try:
            async with asyncio.timeout(CLOSING):
                await self._connection.close()
        except TimeoutError:  # a peer that does not read
            self._connection.transport.abort()


class WebSocketAcceptor:
    """A server, whose connections wait in a queue.

    Args:
        path: that is served.
    """

    def __init__(self, path: str) -> None:
        self.address = ""
        self._path = path or "/"
        self._came: asyncio.Queue[WebSocketLink] = asyncio.Queue()

    async def start(self, host: str, port: int, **options: Any) -> None:
        """Listen."""
        self._server: Server = await serve(self._welcome, host, port, process_request=self._refusal, **options)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = _url(host, port, self._path.rstrip("/"))

    def _refusal(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == self._path:
            return None
        return connection.respond(HTTPStatus.NOT_FOUND, f"this server speaks pysig at {self._path}\n")

    async def _welcome(self, connection: ServerConnection) -> None:
        host, port = connection.remote_address[:2]
        await self._came.put(WebSocketLink(connection, _url(host, port, "")))
        await connection.wait_closed()  # when this returns, the library ends the connection

    async def accept(self) -> WebSocketLink:
        """See `AsyncAcceptor`."""
        return await self._came.get()

    async def close(self) -> None:
        """See `AsyncAcceptor`."""
        self._server.close(close_connections=False)
        await asyncio.sleep(0)  # the library closes in a task of its own, which begins now
        while not self._came.empty():
            await self._came.get_nowait().close()


def _common(address: Address) -> dict[str, Any]:
    compression = address.options.get("compression", "none")
    if compression not in ("none", "deflate"):
        raise ConfigError(f"address {address.url!r}: option compression={compression!r} is neither none nor deflate")
    return {
        "compression": None if compression == "none" else compression,
        "max_size": int(address.number("max", LARGEST, 4096, 2**32 - 1)) + HEAD,
        "ping_interval": None,
        "close_timeout": CLOSING,
    }


def _url(host: str, port: int, path: str) -> str:
    return f"ws://[{host}]:{port}{path}" if ":" in host else f"ws://{host}:{port}{path}"
