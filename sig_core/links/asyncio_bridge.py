"""Carriers for asyncio under synchronous routers: their links live on a loop with a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sig_core.address import Address
from sig_core.contract import AsyncAcceptor, AsyncCarrier, AsyncLink, LinkTraits

__all__ = ["Bridge", "BridgedAcceptor", "BridgedLink", "leave"]

AHEAD = 64  # packets, or links to accept, that are fetched before anybody asks for them
HELD = 256 * 1024  # bytes of packets that are fetched before: the last may go beyond
CONNECTING = 30.0  # seconds that a carrier may take for it
LEAVE = 1.0  # seconds that the close of a link which can be aborted may take
CLOSING = 2.0  # seconds that any close may take

T = TypeVar("T")


class Bridge:
    """A carrier for asyncio, as a synchronous one."""

    def __init__(self, carrier: AsyncCarrier) -> None:
        self.scheme: str = getattr(carrier, "scheme", "")
        self.errors: tuple[type[Exception], ...] = getattr(carrier, "errors", ())
        self._carrier = carrier

    def connect(self, address: Address, /) -> BridgedLink:
        """See `Carrier`."""

        def connect(loop: _Loop) -> BridgedLink:
            return BridgedLink(loop, loop.do(self._carrier.connect(address), CONNECTING), self.errors)

        return _shared.use(connect)

    def listen(self, address: Address, /) -> BridgedAcceptor:
        """See `Carrier`."""

        def listen(loop: _Loop) -> BridgedAcceptor:
            return BridgedAcceptor(loop, loop.do(self._carrier.listen(address), CONNECTING), self.errors)

        return _shared.use(listen)


class BridgedLink:
    """A link for asyncio, as a synchronous one. What the carrier names in `errors` comes out as OSError."""

    def __init__(self, loop: _Loop, link: AsyncLink, errors: tuple[type[Exception], ...] = ()) -> None:
        self.traits: LinkTraits = link.traits
        self.peer = link.peer
        self._loop = loop
        self._link = link
        self._errors = errors
        self._ahead = _Ahead(loop, link.receive, len)
        self._sending: Future[None] | None = None

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        self._sending = self._loop.begin(self._link.send(data))
        with self._mapped():
            self._sending.result()

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        with self._mapped():
            return self._ahead.take(timeout)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError):
            raise
        except CancelledError as error:
            raise OSError(f"{self.peer}: closed while a send waited") from error
        except self._errors as error:
            raise OSError(f"{self.peer}: {str(error) or type(error).__name__}") from error

    def close(self) -> None:
        """See `Link`."""
        try:
            _shared.end(self._loop, self._ahead, leave(self._link))
        finally:
            if self._sending is not None:
                self._sending.cancel()


class BridgedAcceptor:
    """An acceptor for asyncio, as a synchronous one."""

    def __init__(self, loop: _Loop, acceptor: AsyncAcceptor, errors: tuple[type[Exception], ...] = ()) -> None:
        self.address = acceptor.address
        self.one_peer: bool = getattr(acceptor, "one_peer", True)
        self._loop = loop
        self._acceptor = acceptor
        self._errors = errors
        self._ahead = _Ahead(loop, acceptor.accept, lambda link: 0)

    def accept(self, timeout: float, /) -> BridgedLink | None:
        """See `Acceptor`."""
        link = self._ahead.take(timeout)
        return None if link is None else self._bridged(link)

    def close(self) -> None:
        """See `Acceptor`."""
        try:
            _shared.end(self._loop, self._ahead, self._acceptor.close())
        finally:
            for link in self._ahead.take_all():
                self._bridged(link).close()

    def _bridged(self, link: AsyncLink) -> BridgedLink:
        return _shared.use(lambda loop: BridgedLink(loop, link, self._errors))


async def leave(link: AsyncLink) -> None:
    """Close a link; abort it, if it can be, when that takes longer than a second."""
    abort: Callable[[], object] | None = getattr(link, "abort", None)
    try:
        async with asyncio.timeout(None if abort is None else LEAVE):
            await link.close()
    except TimeoutError:
        if abort is None:
            raise
        abort()


class _Loop:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sig-asyncio", daemon=True)
        self._thread.start()

    def do(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and give its result; cancel it after `timeout` seconds."""
        future = self.begin(coroutine)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop; OSError: its last user has gone."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError as error:
            coroutine.close()
            raise OSError(f"closed: {error}") from error

    @property
    def is_alive(self) -> bool:
        """Whether it runs: not in a forked child."""
        return self._thread.is_alive()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the loop, soon."""
        self._loop.call_soon_threadsafe(function, *args)

    def stop(self) -> None:
        """End, with all tasks."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSING)

    def _run(self) -> None:
        loop = self._loop
        loop.run_forever()
        try:
            loop.run_until_complete(_cancel_all())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


async def _cancel_all() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class _Shared:
    """The loop of all bridged links; there as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: _Loop | None = None
        self._users = 0

    def use(self, make: Callable[[_Loop], T]) -> T:
        """Return what `make` makes on the loop: one more user, until `end` is called for it."""
        with self._lock:
            self._loop = loop = self._loop or _Loop()
            self._users += 1
        try:
            return make(loop)
        except BaseException:
            self._leave()
            raise

    def end(self, loop: _Loop, ahead: _Ahead[Any], closing: Coroutine[Any, Any, None]) -> None:
        """Close a user of the loop, the first time; in a forked child the loop is the parent's, and is let alone."""
        if not loop.is_alive or not ahead.stop():
            closing.close()
            return
        try:
            loop.do(closing, CLOSING)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()

    def forget(self) -> None:
        """In a forked child: the thread of the loop is the parent's."""
        self._lock, self._loop, self._users = threading.Lock(), None, 0


_shared = _Shared()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.forget)


class _Ahead(Generic[T]):
    """Fetches things on the loop before a thread asks for them: a fetch that is cancelled could lose what it had.

    Args:
        loop: see there.
        fetch: gives the next thing, or raises at the end.
        size: bytes of a thing.
    """

    def __init__(self, loop: _Loop, fetch: Callable[[], Awaitable[T]], size: Callable[[T], int]) -> None:
        self._loop = loop
        self._fetch = fetch
        self._size = size
        self._held = 0
        self._changed = threading.Condition()
        self._things: deque[T] = deque()
        self._end: Exception | None = None
        self._stopped = False
        loop.call(self._start)

    def _start(self) -> None:
        self._room = asyncio.Event()
        self._room.set()
        self._task = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        try:
            while not self._stopped:
                thing = await self._fetch()
                with self._changed:
                    self._things.append(thing)
                    self._held += self._size(thing)
                    self._changed.notify()
                    if self._is_full:
                        self._room.clear()
                await self._room.wait()
        except Exception as error:
            with self._changed:
                self._end = error
                self._changed.notify_all()

    def take(self, timeout: float) -> T | None:
        """Return the next thing; None: there is none within `timeout` seconds. Raises what the fetch raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._things or self._end is not None or self._stopped, timeout)
            if not self._things:
                if self._end is not None:
                    raise self._end
                return None
            was_full = self._is_full
            thing = self._things.popleft()
            self._held -= self._size(thing)
            if was_full and not self._is_full and not self._stopped:
                self._loop.call(self._room.set)
            return thing

    @property
    def _is_full(self) -> bool:
        return len(self._things) >= AHEAD or self._held >= HELD

    def take_all(self) -> list[T]:
        """Return what nobody has taken."""
        with self._changed:
            things = list(self._things)
            self._things.clear()
        return things

    def stop(self) -> bool:
        """Fetch no more; False: it was stopped before."""
        with self._changed:
            if self._stopped:
                return False
            self._stopped = True
            self._end = self._end or EOFError("closed")
            self._changed.notify_all()
        self._loop.call(self._cancel)
        return True

    def _cancel(self) -> None:
        self._task.cancel()
