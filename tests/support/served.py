"""A server on an asyncio loop of its own thread, so that a test can use blocking clients beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

import uvloop

from sig_core import aio
from tests.support import within
from tests.support.until import until

T = TypeVar("T")

LOOPS = ["asyncio", "uvloop"]


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """Make a loop of a kind."""
    if kind == "asyncio":
        return asyncio.new_event_loop()
    made: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return made


new_loop("uvloop").close()  # the first one opens two descriptors that stay for the life of the process


def run(kind: str, main: Coroutine[Any, Any, T], seconds: float = 30) -> T:
    """Run a coroutine on a loop of a kind; what it leaves there fails it."""

    async def bounded() -> T:
        result = await asyncio.wait_for(main, within(seconds))
        await nothing_runs()
        return result

    with asyncio.Runner(loop_factory=lambda: new_loop(kind)) as runner:
        return runner.run(bounded())


async def nothing_runs() -> None:
    """Return when no other task is left; those that were cancelled just now have a moment to end."""
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, 2)


class Served:
    """Runs a server in `with`.

    Attributes:
        server: it runs.
        loop: on which it runs.
    """

    def __init__(self, kind: str, *urls: str, **options: Any) -> None:
        self.server = aio.ServerRouter(*urls, **options)
        self.loop = new_loop(kind)
        self._thread = threading.Thread(target=self.loop.run_forever, name="served")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.call(self.server.start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.call(self.server.stop())
            self.call(nothing_runs())
        finally:
            self._end()

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(within(10))
        self.loop.close()

    @property
    def url(self) -> str:
        """The first address."""
        return self.server.addresses[0]

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine gives on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(within(20))

    def do(self, function: Callable[[], T]) -> T:
        """Return what a function gives on the loop."""

        async def call() -> T:
            return function()

        return self.call(call())
