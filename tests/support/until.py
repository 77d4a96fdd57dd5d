"""Waiting in a coroutine for what another task, or another thread, brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support import within

__all__ = ["until"]


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Return when `true()` holds, which is asked every 2 ms; TimeoutError: it does not within `seconds`."""
    async with asyncio.timeout(within(seconds)):
        while not true():
            await asyncio.sleep(0.002)
