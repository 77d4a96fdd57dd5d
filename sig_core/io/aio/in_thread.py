"""A call that blocks, awaited: on a thread of its own that no loop, and no interpreter, waits for when it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sig_core.links.threads import start_thread

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(call: Callable[[], T], discard: Callable[[T], object], name: str) -> T:
    """Return what `call()` returns, or raise what it raises.

    `asyncio.to_thread` would not do: `asyncio.run` waits at its end for the threads of the default executor, however
    long a connect takes that nobody wants any more.

    Args:
        call: runs on the thread.
        discard: called once, on the thread or on the loop's, with the result if the caller was cancelled meanwhile, or
            its loop is closed.
        name: of the thread.

    Raises:
        LimitError: the system starts no more threads; nothing was called.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    handover = _Handover(discard)

    def run() -> None:
        try:
            handover.put(call())
        except BaseException as error:
            handover.error = error
        try:
            loop.call_soon_threadsafe(_settle, ended)
        except RuntimeError:  # the loop is closed
            handover.refuse()

    start_thread(threading.Thread(target=run, name=name, daemon=True))
    try:
        await ended
    except BaseException:
        handover.refuse()
        raise
    return handover.take()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Handover(Generic[T]):
    """A result on its way between two threads: taken once, or discarded once, whoever is late."""

    def __init__(self, discard: Callable[[T], object]) -> None:
        self.error: BaseException | None = None
        self._discard = discard
        self._lock = threading.Lock()
        self._result: list[T] = []
        self._refused = False

    def put(self, result: T) -> None:
        """Leave the result."""
        with self._lock:
            if not self._refused:
                self._result.append(result)
                return
        self._discard(result)

    def take(self) -> T:
        """Take the result, or raise the error that came instead."""
        if self.error is not None:
            raise self.error
        return self._result.pop()

    def refuse(self) -> None:
        """Discard the result, now or when it comes."""
        with self._lock:
            self._refused = True
            left, self._result = self._result, []
        for result in left:
            self._discard(result)
