"""A ready-made acceptor for carriers on asyncio, of libraries that call a handler for each connection.

A carrier gives the library `handle` as its handler, then says where it listens and how it stops:

    async def listen(self, address):
        acceptor = CallbackAcceptor(LabLink)
        server = await asyncio.start_server(acceptor.handle, address.host, address.port)
        return acceptor.bound_to(as_url("lab", *server.sockets[0].getsockname()[:2]), server.close)

Many libraries end a connection when its handler returns: `handle` returns when its link is closed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Self

from sig_core.contract import AsyncLink, HasAbort
from sig_core.links.asyncio_bridge import close_or_abort

__all__ = ["CallbackAcceptor"]

BACKLOG = 256  # links that wait to be accepted; more are closed


class CallbackAcceptor:
    """An `AsyncAcceptor` whose links come by calls of a handler. All of it is called on one event loop.

    Args:
        make_link: makes a link of what the library passes to its handler.

    Attributes:
        address: the URL as bound; "" until `bound_to` was called.
        one_peer: False: its links lead to many peers.
    """

    one_peer = False

    def __init__(self, make_link: Callable[..., AsyncLink]) -> None:
        self.address = ""
        self._make_link = make_link
        self._stop: Callable[[], object] = lambda: None
        self._closed = False
        self._waiting: asyncio.Queue[_HandledLink] = asyncio.Queue(BACKLOG)

    def bound_to(self, address: str, stop: Callable[[], object]) -> Self:
        """Say where the library listens.

        Args:
            address: the URL as bound: port 0 is resolved.
            stop: ends listening, and leaves connections alone: a function or a coroutine function without arguments.

        Returns:
            This acceptor, so that `listen` can end with the call.
        """
        self.address = address
        self._stop = stop
        return self

    async def handle(self, *connection: Any) -> None:
        """Take in a connection: this is what the library calls. It returns when the link is closed.

        Beyond 256 links that nobody has accepted yet, and after `close`, a connection is closed at once.

        Args:
            connection: is passed to `make_link`.
        """
        link = _HandledLink(self._make_link(*connection))
        if self._closed or self._waiting.full():
            await close_or_abort(link)
            return
        self._waiting.put_nowait(link)
        await link.closed.wait()

    async def accept(self) -> AsyncLink:
        """Return the next link, in the order of their connections; waits without end."""
        return await self._waiting.get()

    async def close(self) -> None:
        """Stop listening, and close the links that nobody has accepted. Those that were accepted live on.

        Raises:
            Exception: whatever `stop` raises.
        """
        self._closed = True
        stopping = self._stop()
        if inspect.isawaitable(stopping):
            await stopping
        await asyncio.sleep(0)  # some libraries stop in a task of their own, which begins now
        left = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        await asyncio.gather(*(close_or_abort(link) for link in left), return_exceptions=True)


class _HandledLink:
    """A link that says when it was closed."""

    def __init__(self, link: AsyncLink) -> None:
        self.traits = link.traits
        self.peer = link.peer
        self.closed = asyncio.Event()
        self.send = link.send
        self.receive = link.receive
        self.abort = link.abort if isinstance(link, HasAbort) else None
        self._link = link

    async def close(self) -> None:
        """See `AsyncLink`."""
        try:
            await self._link.close()
        finally:
            self.closed.set()
