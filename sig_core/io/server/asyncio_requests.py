"""Requests of a server's own program to senders of its clients, awaited on asyncio."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from sig_core.events import Name
from sig_core.io.aio.async_reply import settle
from sig_core.io.server.server_requests import ServerRequests

__all__ = ["AsyncioRequests"]


class AsyncioRequests(ServerRequests):
    """Makes requests, and awaits their answers; see `ServerRequests`."""

    async def ask(self, sender: Name, method: str, params: Any, seconds: float) -> Any:
        """Make a request and return its answer; cancelled, it is not waited for any more.

        Args:
            sender, method, params, seconds: see `ThreadedRequests.ask`.

        Raises:
            RequestTimeout: none came within `seconds`.
            SigError: what the answer says.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        tell = partial(settle, future)  # in a job of the port, so on the loop
        self._send(sender, method, params, tell)
        try:
            await asyncio.wait({future}, timeout=seconds)
            if not future.done() and self._cancel(tell):
                raise self._late(sender, method, seconds)
            return await future  # if it is not done, the answer came just now, and is told soon
        finally:
            if not future.done():
                self._cancel(tell)
