"""The two faces of a client behind one: a scenario is a coroutine, and awaits what waits, on threads as on asyncio."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self

import sig_core as sig
from sig_core import aio
from tests.support import within

__all__ = ["FACES", "Face", "Place"]

WAITS = {name for name in dir(aio.ClientRouter) if inspect.iscoroutinefunction(getattr(aio.ClientRouter, name))}


class OnThread:
    """A threaded client with the verbs of the asyncio one: what may wait runs on a thread, and is awaited."""

    def __init__(self, client: sig.ClientRouter) -> None:
        self.real = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        return functools.partial(asyncio.to_thread, found) if name in WAITS else found

    def request_async(self, *args: Any) -> asyncio.Future[Any]:
        return asyncio.wrap_future(self.real.request_async(*args))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


@dataclass(frozen=True)
class Face:
    """One way to use pysig."""

    name: str

    def client(self, url: str, *args: Any, **options: Any) -> Any:
        """A client, not started."""
        if self.name == "threads":
            return OnThread(sig.ClientRouter(url, *args, **options))
        return aio.ClientRouter(url, *args, **options)

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        """Run a scenario to its end, or fail after a while."""
        self.run_long(scenario, 60)

    def run_long(self, scenario: Coroutine[Any, Any, None], seconds: float) -> None:
        """Run a scenario that may take so many seconds."""
        limited = asyncio.wait_for(scenario, within(seconds))
        if self.name == "uvloop":
            uvloop = __import__("uvloop")
            uvloop.run(limited)
        else:
            asyncio.run(limited)


FACES = [Face("threads"), Face("asyncio"), Face("uvloop")]


class Place:
    """A place where servers come and go, with one address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.server: sig.ServerRouter | None = None

    def open(self, **options: Any) -> sig.ServerRouter:
        self.server = sig.ServerRouter(self.url, **options).start()
        return self.server

    async def close(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            await asyncio.to_thread(server.stop)
