"""Carriers for asyncio as carriers for threads: their links live on an event loop with a thread of its own.

All of them share that loop, which ends with the last link or acceptor. The core puts `Bridge` around each carrier whose
`connect` is a coroutine function; nobody else has to.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sig_core.address import Address
from sig_core.contract import AsyncAcceptor, AsyncCarrier, AsyncLink, HasAbort, HasErrors, HasOnePeer, LinkTraits
from sig_core.links.close_once import failure
from sig_core.links.threads import start_thread

__all__ = ["Bridge", "BridgedAcceptor", "BridgedLink", "close_or_abort"]

PREFETCH_ITEMS = 64  # packets, or links to accept, that are fetched before anybody asks for them
PREFETCH_BYTES = 256 * 1024  # bytes of packets that are fetched before; the last packet may go beyond
CONNECT_TIMEOUT = 30.0  # seconds that a carrier may take to connect, or to listen
ABORT_AFTER = 1.0  # seconds that the close of a link which can be aborted may take
CLOSE_TIMEOUT = 2.0  # seconds that any close may take

T = TypeVar("T")


class Bridge:
    """A carrier for asyncio, as one for threads.

    Args:
        carrier: whose methods are coroutine functions.

    Attributes:
        scheme: the first word of its URLs.
        errors: see `HasErrors`; () if the carrier names none.
    """

    def __init__(self, carrier: AsyncCarrier) -> None:
        self.errors = carrier.errors if isinstance(carrier, HasErrors) else ()
        self.scheme: str = getattr(carrier, "scheme", "")  # nothing here needs it, so an author may have left it out
        self._carrier = carrier

    def connect(self, address: Address, /) -> BridgedLink:
        """Return a live link to the listener at `address`.

        Raises:
            TimeoutError: the carrier took longer than 30 s.
            Exception: whatever the carrier raises.
        """

        def connect(loop: _LoopThread) -> BridgedLink:
            return BridgedLink(loop, loop.run(self._carrier.connect(address), CONNECT_TIMEOUT), self.errors)

        return _shared.use(connect)

    def listen(self, address: Address, /) -> BridgedAcceptor:
        """Take `address`; raises as `connect` does."""

        def listen(loop: _LoopThread) -> BridgedAcceptor:
            return BridgedAcceptor(loop, loop.run(self._carrier.listen(address), CONNECT_TIMEOUT), self.errors)

        return _shared.use(listen)


class BridgedLink:
    """A link for asyncio, as one for threads. What the carrier names in `errors` comes out as OSError.

    Up to 64 packets, or 256 KiB, are received before anybody asks for them.
    """

    def __init__(self, loop: _LoopThread, link: AsyncLink, errors: tuple[type[Exception], ...] = ()) -> None:
        self.traits: LinkTraits = link.traits
        self.peer = link.peer
        self._loop = loop
        self._link = link
        self._errors = errors
        self._prefetch = _Prefetch(loop, link.receive, len)
        self._sending: Future[None] | None = None

    def send(self, data: bytes, /) -> None:
        """Send all of `data`, or raise OSError: the link broke, or was closed meanwhile."""
        self._sending = self._loop.begin(self._link.send(data))
        with self._mapped():
            self._sending.result()

    def receive(self, timeout: float, /) -> bytes | None:
        """Return what came, or None if nothing did within `timeout` seconds.

        Raises:
            EOFError: the peer ended, or the link was closed here.
            OSError: it broke.
        """
        with self._mapped():
            return self._prefetch.get(timeout)

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
        """Close, the first time; a link that can be aborted is, after a second. A blocked `receive` ends at once.

        Raises:
            TimeoutError: it took longer than 2 s.
            Exception: whatever the link raises.
        """
        try:
            _shared.end(self._loop, self._prefetch, close_or_abort(self._link))
        finally:
            if self._sending is not None:
                self._sending.cancel()


class BridgedAcceptor:
    """An acceptor for asyncio, as one for threads.

    Attributes:
        address: the URL as bound.
        one_peer: see `HasOnePeer`; it is there if the acceptor for asyncio has it.
    """

    one_peer: bool

    def __init__(self, loop: _LoopThread, acceptor: AsyncAcceptor, errors: tuple[type[Exception], ...] = ()) -> None:
        self.address = acceptor.address
        if isinstance(acceptor, HasOnePeer):
            self.one_peer = acceptor.one_peer
        self._loop = loop
        self._acceptor = acceptor
        self._errors = errors
        self._prefetch = _Prefetch(loop, acceptor.accept, lambda link: 0)

    def accept(self, timeout: float, /) -> BridgedLink | None:
        """Return the next peer's link, or None if nobody came within `timeout` seconds.

        Raises:
            EOFError: the acceptor was closed.
            Exception: whatever the acceptor for asyncio raised.
        """
        link = self._prefetch.get(timeout)
        return None if link is None else self._bridged(link)

    def close(self) -> None:
        """Stop listening, and close the links that nobody has accepted; raises as `BridgedLink.close` does."""
        try:
            _shared.end(self._loop, self._prefetch, self._acceptor.close())
        finally:
            for link in self._prefetch.get_all():
                self._bridged(link).close()

    def _bridged(self, link: AsyncLink) -> BridgedLink:
        return _shared.use(lambda loop: BridgedLink(loop, link, self._errors))


async def close_or_abort(link: AsyncLink) -> None:
    """Close a link; abort it, if it can be, when that takes longer than a second.

    Raises:
        Exception: whatever `close` or `abort` raises.
    """
    if not isinstance(link, HasAbort):
        await link.close()
        return
    try:
        async with asyncio.timeout(ABORT_AFTER):
            await link.close()
    except TimeoutError:
        link.abort()


class _DaemonThreads(ThreadPoolExecutor):
    """Runs what a loop hands to threads, such as a resolver, on ones that no interpreter waits for when it ends."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """See `Executor`."""
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        start_thread(threading.Thread(target=run, name="sig-asyncio-call", daemon=True))
        return future


class _LoopThread:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._thread = threading.Thread(target=self._run, name="sig-asyncio", daemon=True)
        try:
            start_thread(self._thread)
        except BaseException:
            self._loop.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and return its result; cancel it after `timeout` seconds."""
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
            self._thread.join(CLOSE_TIMEOUT)

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


class _SharedLoop:
    """The loop of all bridged links; there as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loop: _LoopThread | None = None
        self._users = 0

    def use(self, make: Callable[[_LoopThread], T]) -> T:
        """Return what `make` makes on the loop: one more user, until `end` is called for it."""
        with self._lock:
            self._loop = loop = self._loop or _LoopThread()
            self._users += 1
        try:
            return make(loop)
        except BaseException:
            self._release()
            raise

    def end(self, loop: _LoopThread, prefetch: _Prefetch[Any], closing: Coroutine[Any, Any, None]) -> None:
        """Close a user of the loop, the first time; in a forked child the loop is the parent's, and is let alone."""
        if not loop.is_alive or not prefetch.stop():
            closing.close()
            return
        try:
            loop.run(closing, CLOSE_TIMEOUT)
        finally:
            self._release()

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()

    def reset_after_fork(self) -> None:
        """In a forked child: the thread of the loop is the parent's."""
        self._lock, self._loop, self._users = threading.RLock(), None, 0


_shared = _SharedLoop()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.reset_after_fork)


class _Prefetch(Generic[T]):
    """Fetches items on the loop before a thread asks for them: a fetch that is cancelled could lose what it had.

    Args:
        loop: see there.
        fetch: returns the next item, or raises at the end.
        size: bytes of an item.
    """

    def __init__(self, loop: _LoopThread, fetch: Callable[[], Awaitable[T]], size: Callable[[T], int]) -> None:
        self._loop = loop
        self._fetch = fetch
        self._size = size
        self._bytes = 0
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
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
                item = await self._fetch()
                with self._changed:
                    self._items.append(item)
                    self._bytes += self._size(item)
                    self._changed.notify()
                    if self._is_full:
                        self._room.clear()
                await self._room.wait()
        except BaseException as error:  # a future that was cancelled, a panic: who reads is told
            with self._changed:
                self._end = self._end or failure("a link on asyncio", error)  # a close of ours cancels the fetch, too
                self._changed.notify_all()

    def get(self, timeout: float) -> T | None:
        """Return the next item; None: there is none within `timeout` seconds. Raises what the fetch raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._end is not None or self._stopped, timeout)
            if not self._items:
                if self._end is not None:
                    raise self._end
                return None
            was_full = self._is_full
            item = self._items.popleft()
            self._bytes -= self._size(item)
            if was_full and not self._is_full and not self._stopped:
                self._loop.call(self._room.set)
            return item

    @property
    def _is_full(self) -> bool:
        return len(self._items) >= PREFETCH_ITEMS or self._bytes >= PREFETCH_BYTES

    def get_all(self) -> list[T]:
        """Return what nobody has taken."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
        return items

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
