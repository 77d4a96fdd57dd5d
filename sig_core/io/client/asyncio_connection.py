"""A client's link on asyncio, over all its losses: dialled, lost, dialled again, and told."""

from __future__ import annotations

import asyncio
import inspect
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, Link, PollableLink
from sig_core.description import described
from sig_core.errors import LinkClosed, SigError
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.adapters.pumped import pollable
from sig_core.io.aio.coroutine_listener import RESUME, CoroutineListeners
from sig_core.io.aio.handler_tasks import LAST_WORD, HandlerTasks
from sig_core.io.aio.in_thread import in_thread
from sig_core.io.aio.interrupts import ends_loop, throw
from sig_core.io.client.asyncio_link import AsyncioLink
from sig_core.io.client.lifetime import STOP
from sig_core.links.close_once import CloseOnce
from sig_core.log import log
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.asks import Steps, run_without_link
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.state_callbacks import StateCallback, StateCallbacks

__all__ = ["AsyncioConnection", "CallbackTask"]

T = TypeVar("T")


class AsyncioConnection:
    """Does what a `ClientState` decides: dials, waits, dials again.

    Args:
        url, limits: of the client.
        connect: returns a live link, or raises what is in the way; it may block.
        codecs: returns those to offer, by name, the preferred one first.
        state: of the client.
        listeners, handlers: of the client.
        lost: called with the reason when no link comes any more.
        clock: see `Clock`.

    Attributes:
        link: the one there is, or was last; None before the first.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        connect: Callable[[], Link],
        codecs: Callable[[], Mapping[str, Codec]],
        state: ClientState,
        listeners: CoroutineListeners,
        handlers: HandlerTasks,
        lost: Callable[[SigError], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self.link: AsyncioLink | None = None
        self._url = url
        self._limits = limits
        self._connect = connect
        self._codecs = codecs
        self._state = state
        self._listeners = listeners
        self._handlers = handlers
        self._lost = lost
        self._clock = clock
        self._stopped = False
        self._ended: asyncio.Event | None = None  # set when a stop has ended
        self._latest: AsyncioLink | None = None  # dialled last, maybe not there yet
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Dial for the first time.

        Raises:
            LocalProtocolError: it was started before, or stopped meanwhile.
            SigError: no link came about.
        """
        self._state.connection.begin()
        self._task = dialling = asyncio.get_running_loop().create_task(self._try_once(), name=f"dial {self._url}")
        try:
            await dialling
        except BaseException as error:
            self._end()
            me = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (me is None or not me.cancelling()):
                self._state.connection.open_session()  # it was stopped meanwhile: says so
            raise

    async def stop(self) -> None:
        """Answer what was asked, say goodbye, let what waits go out for a while, and end; again: waits for that."""
        if self._ended is not None:
            await self._ended.wait()
            return
        self._ended = asyncio.Event()
        link = self.link if self._state.connection.is_up else None
        task = self._forbid_return()
        try:
            await self._handlers.settle(STOP)
            if link is not None:
                link.session.close("the client stops")
                link.flush()
                await link.drain(STOP)
            if task is not None and task is not asyncio.current_task():
                await asyncio.wait([task], timeout=STOP)
            await self._listeners.stop(STOP)
        finally:
            self._end()
            self._ended.set()

    def _forbid_return(self) -> asyncio.Task[None] | None:
        """Never dial again; returns the task that does so now."""
        self._stopped = True
        self._state.stop()
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        return task

    def _end(self) -> None:
        """End at once: nothing is waited for."""
        self._forbid_return()
        self._handlers.cancel()
        self._listeners.cancel()
        for link in (self.link, self._latest):
            if link is not None:
                link.close()

    def let_go(self) -> None:
        """End without the loop: it is closed."""
        self._stopped = True
        self._state.stop()
        for link in (self.link, self._latest):
            if link is not None:
                link.session.fail(LinkClosed("the loop of its client is closed"))
                link.cut()

    def relieved(self) -> None:
        """Note that less waits for listeners and handlers than before."""
        for link in {self.link, self._latest}:
            if link is not None:
                link.relieved()

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's, without a word on the wire."""
        if self._state.connection.close_by_fork() and self.link is not None:
            self.link.cut()

    def open_link(self) -> AsyncioLink:
        """Return the link that lives; raises as `ConnectionState.open_session` does."""
        link = self.link
        if link is None or link.session.error is not None or self._stopped:
            self._state.connection.open_session()
            link = self.link
            assert link is not None
        link.check_loop()
        return link

    async def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, on the link that there is; without one it has nothing to ask."""
        if self.link is None:
            return run_without_link(steps)
        self.link.check_loop()
        return await self.link.run(steps)

    # -- dialling

    async def _try_once(self) -> None:
        """Dial, and have everything there, or raise what is in the way."""
        link = await self._dial()
        try:
            problem = await link.run(self._state.restore(link.session, lambda: self._adopt(link)))
            self._state.arrived(link.session, problem, self._clock())
        except BaseException:
            link.close()
            raise

    def _adopt(self, link: AsyncioLink) -> None:
        self.link = link

    async def _dial(self) -> AsyncioLink:
        codecs = self._codecs()
        raw = await in_thread(self._connected, _discard, f"sig-dial {self._url}")
        # packets=False: what is read of a packet at once may be less than all of it
        session = self._state.connection.new_session(codecs, packets=False, now=self._clock())
        session.traffic = self._state.traffic
        inbound = self._state.inbound(session)
        shared = (self._listeners, self._handlers, self._link_ended, self._clock)
        self._latest = AsyncioLink(raw, session, inbound, *shared)
        return await self._latest.open()

    def _connected(self) -> PollableLink:
        return pollable(as_stream(self._connect(), dialing=True, patience=self._limits.handshake))

    def _link_ended(self, link: AsyncioLink, error: SigError) -> None:
        if self._state.departed(link.session, error, self._clock()):
            self._task = link.create_task(self._come_back(), f"return to {self._url}")
        elif self._state.connection.state == "disconnected":
            self._lost(error)

    async def _come_back(self) -> None:
        schedule = self._state.connection.schedule
        assert schedule is not None
        while (wait := schedule.next_wait()) is not None:
            await asyncio.sleep(wait)
            try:
                await self._try_once()
            except Exception as error:
                self._state.attempt_failed(error)
            else:
                return
        self._state.give_up()
        self._lost(schedule.last)


def _discard(link: PollableLink) -> None:
    CloseOnce(link, link.peer).close()


class CallbackTask:
    """Runs the state callbacks of a client, in order, in a task that is there only while there is something to tell.

    A callback may be a coroutine function: it is awaited before the next one is called.

    Attributes:
        callbacks: to run; set before the first `wake`.
    """

    callbacks: StateCallbacks

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._running = False  # apart from the task: one that is eager may have ended before it is known

    def wake(self) -> None:
        """See to it that what is to be told is told soon."""
        if not self._running:
            self._running = True
            self._task = asyncio.get_running_loop().create_task(self._run(), name="state callbacks")

    async def settle(self, timeout: float) -> None:
        """Wait until all is told, at most `timeout` seconds, then cancel what runs; inside a callback not at all."""
        task = self._task
        if task is not None and task is not asyncio.current_task():
            _, late = await asyncio.wait([task], timeout=timeout)
            if late:
                task.cancel()
                await asyncio.wait([task], timeout=LAST_WORD)

    async def _run(self) -> None:
        try:
            while (news := self.callbacks.take()) is not None:
                await _tell(*news)
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # maybe of the whole program, which is not kept from ending
                    asyncio.get_running_loop().call_later(RESUME, self.wake)
                    return
        finally:
            self._running = False


async def _tell(callback: StateCallback, state: str, problem: SigError | None) -> None:
    try:
        result = callback(state, problem)
        if inspect.isawaitable(result):
            await result
    except BaseException as error:
        log.error(f"the callback {described(callback)} of {state!r} raised\n{traceback.format_exc()}")
        if ends_loop(error):
            asyncio.get_running_loop().call_soon(throw, error)
