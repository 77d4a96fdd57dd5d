"""A ready-made acceptor for carriers on asyncio, of libraries that call a handler for each connection.

A carrier gives the library `welcome` as its handler, then says where it listens and how it stops:

    async def listen(self, address):
        arrivals = Arrivals(LabLink)
        server = await asyncio.start_server(arrivals.welcome, address.host, address.port)
        return arrivals.at(as_url("lab", *server.sockets[0].getsockname()[:2]), server.close)

Many libraries end a connection when its handler returns: `welcome` returns when its link is closed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Self

from sig_core.contract import AsyncLink
from sig_core.links.asyncio_bridge import leave

__all__ = ["CallbackAcceptor"]

WAITING = 256  # links that wait to be accepted; more are closed


class CallbackAcceptor:
    """An acceptor whose links come by calls of a handler. All of it is called on one loop.

    Args:
        link: makes a link of what the library gives its handler.

    Attributes:
        address: see `Acceptor`; "" until `at` was called.
        one_peer: see `Acceptor`.
    """

    one_peer = False

    def __init__(self, link: Callable[..., AsyncLink]) -> None:
        self.address = ""
        self._link = link
        self._stop: Callable[[], object] = lambda: None
        self._closed = False
        self._came: asyncio.Queue[_ServedLink] = asyncio.Queue(WAITING)

    def at(self, address: str, stop: Callable[[], object]) -> Self:
        """Say where it listens, a URL as bound.

        Args:
            address: see `Acceptor`.
            stop: ends listening, and leaves alone what has come: a function or a coroutine function.
        """
        self.address = address
        self._stop = stop
        return self

    async def welcome(self, *connection: Any) -> None:
        """Take in a connection: what the library calls. Returns when its link is closed."""
        link = _ServedLink(self._link(*connection))
        if self._closed or self._came.full():
            await leave(link)
            return
        self._came.put_nowait(link)
        await link.gone.wait()

    async def accept(self) -> AsyncLink:
        """See `AsyncAcceptor`."""
        return await self._came.get()

    async def close(self) -> None:
        """Stop listening, and close the links that nobody has accepted."""
        self._closed = True
        stopping = self._stop()
        if inspect.isawaitable(stopping):
            await stopping
        await asyncio.sleep(0)  # some libraries stop in a task of their own, which begins now
        left = [self._came.get_nowait() for _ in range(self._came.qsize())]
        await asyncio.gather(*(leave(link) for link in left), return_exceptions=True)


class _ServedLink:
    """A link that says when it was closed."""

    def __init__(self, link: AsyncLink) -> None:
        self.traits = link.traits
        self.peer = link.peer
        self.gone = asyncio.Event()
        self.send = link.send
        self.receive = link.receive
        self.abort = getattr(link, "abort", None)
        self._link = link

    async def close(self) -> None:
        """See `AsyncLink`."""
        try:
            await self._link.close()
        finally:
            self.gone.set()
