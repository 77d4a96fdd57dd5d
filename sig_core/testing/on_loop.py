"""A carrier for asyncio as one for threads: so the same checks serve both."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future, wait
from typing import Any, TypeVar

from sig_core.address import Address
from sig_core.contract import AsyncAcceptor, AsyncCarrier, AsyncLink

__all__ = ["OnLoop"]

R = TypeVar("R")


class Loop:
    """An asyncio loop on a thread of its own, until the process ends."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kit-loop", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def begin(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        """Run a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()


_loop: Loop | None = None


def _the_loop() -> Loop:
    global _loop
    if _loop is None:
        _loop = Loop()
    return _loop


class OnLoop:
    """The carrier; its coroutines run on one loop of the kit."""

    def __init__(self, carrier: AsyncCarrier) -> None:
        self.scheme = carrier.scheme
        self.inner = carrier
        self._loop = _the_loop()

    def connect(self, address: Address, /) -> LoopLink:
        """See `Carrier`."""
        return LoopLink(self._loop.begin(self.inner.connect(address)).result(), self._loop)

    def listen(self, address: Address, /) -> LoopAcceptor:
        """See `Carrier`."""
        return LoopAcceptor(self._loop.begin(self.inner.listen(address)).result(), self._loop)


class _Pending:
    """One coroutine that waits, asked for again and again: it is never cancelled but by close."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._running: Future[Any] | None = None

    def take(self, work: Any, timeout: float) -> Any:
        """Give what it gave, or None if it waits on after `timeout` seconds."""
        if self._running is None:
            self._running = self._loop.begin(work())
        running = self._running
        wait([running], min(timeout, threading.TIMEOUT_MAX))
        if not running.done():
            return None
        self._running = None
        try:
            return running.result()
        except CancelledError as error:
            raise OSError("closed on this side") from error

    def cancel(self) -> None:
        """End it, if it waits."""
        if self._running is not None:
            self._running.cancel()


class LoopLink:
    """See `OnLoop`."""

    def __init__(self, link: AsyncLink, loop: Loop) -> None:
        self.traits = link.traits
        self.peer = link.peer
        self._link = link
        self._loop = loop
        self._pending = _Pending(loop)

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        self._loop.begin(self._link.send(data)).result()

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        got: bytes | None = self._pending.take(self._link.receive, timeout)
        return got

    def close(self) -> None:
        """See `Link`."""
        self._loop.begin(self._link.close()).result()
        self._pending.cancel()


class LoopAcceptor:
    """See `OnLoop`."""

    def __init__(self, acceptor: AsyncAcceptor, loop: Loop) -> None:
        self.address = acceptor.address
        self._acceptor = acceptor
        self._loop = loop
        self._pending = _Pending(loop)

    def accept(self, timeout: float, /) -> LoopLink | None:
        """See `Acceptor`."""
        link: AsyncLink | None = self._pending.take(self._acceptor.accept, timeout)
        return None if link is None else LoopLink(link, self._loop)

    def close(self) -> None:
        """See `Acceptor`."""
        self._loop.begin(self._acceptor.close()).result()
        self._pending.cancel()
