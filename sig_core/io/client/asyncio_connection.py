"""A client's link on asyncio, over all its losses: dialled, lost, dialled again, and told."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from sig_core.clock import Clock
from sig_core.contract import Codec, Link, PollableLink
from sig_core.errors import LinkClosed, SigError
from sig_core.io.adapters.pumped import pollable
from sig_core.io.aio.coroutine_listener import RESUME, CoroutineListeners
from sig_core.io.aio.handler_tasks import LAST_WORD, HandlerTasks
from sig_core.io.aio.in_thread import in_thread
from sig_core.io.aio.interrupts import ends_loop, throw
from sig_core.io.client.asyncio_link import AsyncioLink
from sig_core.io.client.client_connection import ClientConnection
from sig_core.io.client.dialled_again import dialled_again
from sig_core.io.client.lifetime import STOP
from sig_core.io.client.plans import drive_async
from sig_core.io.tls.dialled import dialled
from sig_core.links.close_once import CloseOnce
from sig_core.protocol.limits import Limits
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.returning import Returning
from sig_core.session.client_state.asks import Steps, run_without_link
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.dialling import Pause, come, come_back, go_on, stop
from sig_core.session.client_state.state_callbacks import StateCallbacks, StateNews

__all__ = ["AsyncioConnection", "CallbackTask"]

T = TypeVar("T")


class AsyncioConnection(ClientConnection[AsyncioLink]):
    """Does what a `ClientState` decides: dials, waits, dials again.

    Args: see `ClientConnection`, and:
        listeners, handlers: of the client.
        lost: called with the reason when no link comes any more.
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
        super().__init__(url, limits, connect, codecs, state, clock)
        self._listeners = listeners
        self._handlers = handlers
        self._lost = lost
        self._ended = asyncio.Event()  # set when a stop has ended
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Dial for the first time.

        Raises:
            LocalProtocolError: it was started before, or stopped meanwhile.
            SigError: no link came about.
        """
        self._state.connection.begin()
        coming = drive_async(come(self._state, self, self._clock), self._perform)
        self._task = asyncio.get_running_loop().create_task(coming, name=f"dial {self._url}")
        try:
            await self._task
        except BaseException as error:
            self._end()
            me = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (me is None or not me.cancelling()):
                self._state.connection.open_session()  # it was stopped meanwhile: says so
            raise

    async def stop(self) -> None:
        """End the link, and never dial again; a further stop waits for the first, but not inside a callback."""
        try:
            for step in stop(self._state):
                await self._stop_steps[step]()
        except BaseException:
            self._end()
            raise

    async def _wait_for_other(self) -> None:
        if not (self._listeners.is_inside() or self._handlers.is_inside()):
            await self._ended.wait()

    async def _end_dialling(self) -> None:
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _settle(self) -> None:
        await self._handlers.settle(STOP)

    async def _drain(self) -> None:
        if self.link is not None:
            await self.link.writer.finish(STOP)

    async def _join(self) -> None:
        if self.link is not None:
            await self.link.reader.settle(STOP)
        if self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task], timeout=STOP)
        await self._listeners.stop(STOP)

    async def _end_now(self) -> None:
        self._end()

    def _end(self) -> None:
        """End at once: nothing is waited for."""
        self._state.stop()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._handlers.cancel()
        self._listeners.cancel()
        for link in self.links():
            link.close()
            link.reader.discard()
        self._ended.set()

    def let_go(self) -> None:
        """End without the loop: it is closed."""
        self._state.stop()
        for link in self.links():
            link.session.fail(LinkClosed("the loop of its client is closed"))
            link.cut()

    def relieved(self) -> None:
        """Note that less waits for listeners and handlers than before."""
        for link in self.links():
            link.reader.relieved()

    def open_link(self) -> AsyncioLink:
        """Return the link that lives, on its own loop; see `ClientConnection`."""
        link = ClientConnection.open_link(self)  # quicker than `super`, on the way of each request
        if asyncio.get_running_loop() is not link.loop:
            link.check_loop()
        return link

    async def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, on the link that there is; without one it has nothing to ask."""
        if self.link is None:
            return run_without_link(steps)
        self.link.check_loop()
        return await self.link.run(steps)

    # -- dialling

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _dial(self) -> ClientSession:
        codecs = self._codecs()
        raw = await in_thread(self._connected, _discard, f"sig-dial {self._url}")
        # packets=False: what is read of a packet at once may be less than all of it
        session = self._state.connection.new_session(codecs, packets=False, now=self._clock())
        shared = (self._listeners, self._handlers, self._link_ended, self._clock, self._go_on)
        self._latest = AsyncioLink(raw, session, self._state.inbound(session), *shared)
        await self._latest.open()
        return session

    def dropped(self) -> None:
        """See `Dialler`."""
        if self._latest is not None:
            self._latest.close()

    def _connected(self) -> PollableLink:
        return pollable(dialled(self._url, self._connect, self._limits.handshake))

    async def _go_on(self, link: AsyncioLink) -> None:
        """Get another link for a session whose own was cut, or end it."""

        async def perform(step: object) -> None:
            await (self._pause(step.seconds) if isinstance(step, Pause) else self._resume(link))

        await drive_async(go_on(self._state, link.session, self._clock), perform)

    async def _resume(self, link: AsyncioLink) -> None:
        patience = self._limits.handshake

        def connect() -> Link:
            return dialled(self._url, self._connect, patience)

        def opened() -> tuple[PollableLink, Returning]:
            raw, returning = dialled_again(connect, self._state, link.session, patience)
            return pollable(raw), returning

        link.resume(*await in_thread(opened, lambda given: _discard(given[0]), f"sig-resume {self._url}"))

    def _link_ended(self, link: AsyncioLink, error: SigError) -> None:
        if self._state.departed(link.session, error, self._clock()):
            self._task = link.create_task(self._come_back(), f"return to {self._url}")
        elif self._state.connection.state == "disconnected":
            self._lost(error)

    async def _come_back(self) -> None:
        schedule = self._state.connection.schedule
        await drive_async(come_back(self._state, self, self._clock), self._perform)
        if schedule is not None and self._state.connection.state == "gave up":
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
                await self._tell(news)
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # maybe of the whole program, which is not kept from ending
                    asyncio.get_running_loop().call_later(RESUME, self.wake)
                    return
        finally:
            self._running = False

    async def _tell(self, news: StateNews) -> None:
        callback, state, problem = news
        try:
            result = callback(state, problem)
            if inspect.isawaitable(result):
                await result
        except BaseException as error:
            self.callbacks.raised(news, error)
            if ends_loop(error):
                asyncio.get_running_loop().call_soon(throw, error)
