"""A call that blocks, awaited: on a thread of its own that no loop, and no interpreter, waits for when it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(call: Callable[[], T], discard: Callable[[T], object], name: str) -> T:
    """Return what `call()` returns, or raise what it raises.

    `asyncio.to_thread` would not do: `asyncio.run` waits at its end for the threads of the default executor, however
    long a connect takes that nobody wants any more.

    Args:
        call: runs on the thread.
        discard: called, on the thread, with the result if the caller was cancelled meanwhile, or its loop is closed.
        name: of the thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    lock = threading.Lock()
    wanted = True  # guarded by the lock: either the result is handed over, or it is discarded

    def hand_over(result: T | None, error: BaseException | None) -> None:
        if error is None and not future.done():
            future.set_result(result)  # type: ignore[arg-type] # there is no error, so it is the result
        elif error is not None and not future.done():
            future.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as caught:
            error = caught
        with lock:
            handed = wanted
            if handed:
                try:
                    loop.call_soon_threadsafe(hand_over, result, error)
                except RuntimeError:  # the loop is closed
                    handed = False
        if not handed and error is None:
            discard(result)  # type: ignore[arg-type] # see above

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await future
    except BaseException:
        with lock:
            wanted = False
        if future.done() and not future.cancelled() and future.exception() is None:
            with suppress(Exception):  # it was handed over in the moment of the cancellation
                discard(future.result())
        raise
