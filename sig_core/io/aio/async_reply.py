"""One answer that a coroutine awaits."""

from __future__ import annotations

import asyncio
from typing import Any

from sig_core.errors import SigError

__all__ = ["AsyncReply", "settle"]


class AsyncReply:
    """Fills a future. It is told on the loop's thread, and made on any: the loop need not run.

    Args:
        loop: on which it is awaited.

    Attributes:
        future: to await.
    """

    __slots__ = ("future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[Any] = loop.create_future()

    def tell(self, value: Any, error: SigError | None) -> None:
        """See `Reply`."""
        settle(self.future, value, error)


def settle(future: asyncio.Future[Any], value: Any, error: SigError | None) -> None:
    """Fill a future, unless it is done; on the loop's thread."""
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
        future.exception()  # who asked may not wait any more: that is nothing to warn of
