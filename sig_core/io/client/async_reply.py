"""One answer that a coroutine awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from sig_core.errors import SigError

__all__ = ["AsyncReply"]


class AsyncReply:
    """Holds an answer once `tell` was called, on the loop's thread; `await` it, in one task. It is made without a loop.

    Attributes:
        done: whether it was told.
        value, error: what it was told; one of them is None.
    """

    __slots__ = ("_future", "done", "error", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.error: SigError | None = None
        self._future: asyncio.Future[None] | None = None  # of who waits

    def tell(self, value: Any, error: SigError | None) -> None:
        """Set the value or the error, and wake who waits; once it is told, nothing more changes it."""
        if self.done:
            return
        self.value, self.error, self.done = value, error, True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def __await__(self) -> Generator[Any, None, Any]:
        """Return the value, or raise the error."""
        if not self.done:
            self._future = asyncio.get_running_loop().create_future()
            yield from self._future
        if self.error is not None:
            raise self.error
        return self.value
