"""An asyncio loop for tests whose time stands still while there is work, and then jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["WarpedLoop", "run", "turn"]

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Polls, and turns the clock instead of waiting for a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer: another thread is to come
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now += max(0.0, timeout)
        return ready


class WarpedLoop(asyncio.SelectorEventLoop):
    """A loop that is never late. What other threads do takes it no time: use no timer while one is to come."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the seconds of its own clock."""
        return self._clock.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives on a new loop of this kind."""
    with asyncio.Runner(loop_factory=WarpedLoop) as runner:
        return runner.run(main)


async def turn(count: int = 1) -> None:
    """Let the loop run what is ready, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)
