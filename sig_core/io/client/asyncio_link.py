"""One link of a client on asyncio: session, writer, reader, and the coroutines that await answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from sig_core.clock import Clock
from sig_core.contract import PollableLink
from sig_core.errors import LocalProtocolError, RequestTimeout, SigError
from sig_core.io.aio.async_reply import settle
from sig_core.io.aio.coroutine_listener import CoroutineListeners, in_listener
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.client.asyncio_reader import AsyncioReader
from sig_core.io.client.asyncio_writer import AsyncioWriter
from sig_core.io.client.client_link import ClientLink
from sig_core.io.client.lifetime import no_answer
from sig_core.io.client.links_in_turn import LinksInTurn
from sig_core.io.client.plans import drive_async
from sig_core.io.client.resumable_asyncio_writer import ResumableAsyncioWriter
from sig_core.links.close_once import CloseOnce
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.returning import Returning
from sig_core.session.client_state.asks import Ask, Steps
from sig_core.session.client_state.inbound import Inbound

__all__ = ["AsyncioLink"]

T = TypeVar("T")


class _Late(RequestTimeout):
    """Wakes who waits, and knows the words."""


class AsyncioLink(ClientLink):
    """Brings a link up, and lets coroutines wait for what it brings; all on the loop's thread.

    Args:
        link: live.
        session: nothing received yet.
        inbound: takes what arrives.
        listeners, handlers: of the client.
        ended: called with this link, and why, when it has ended.
        clock: see `Clock`.
        go_on: gets another link when this one was cut, and the session waits for that.

    Attributes:
        opened: see `ClientLink`.
        loop: to which it belongs.
    """

    writer: AsyncioWriter

    def __init__(
        self,
        link: PollableLink,
        session: ClientSession,
        inbound: Inbound,
        listeners: CoroutineListeners,
        handlers: HandlerTasks,
        ended: Callable[[AsyncioLink, SigError], None],
        clock: Clock = time.monotonic,
        go_on: Callable[[AsyncioLink], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.opened = asyncio.Event()
        super().__init__(session, inbound, ended, link.peer, self.opened)
        self.loop = asyncio.get_running_loop()
        self._clock = clock
        stream = session.stream
        self._once = once = CloseOnce(link, link.peer) if stream is None else LinksInTurn(link)
        self._go_on = go_on
        self._going_on: asyncio.Task[None] | None = None
        if stream is not None:
            stream.on_cut = self._suspend
        self._context = context = copy_context()  # not that of who triggers or listens: it is nobody's own
        context.run(in_listener.set, None)
        self._waits: dict[asyncio.Future[Any], float] = {}  # when an answer is late
        kind = AsyncioWriter if stream is None else ResumableAsyncioWriter
        self.writer = session.gate = kind(session, link, once, self._tick, self.lose, context, clock)
        session.kept.on_remind = partial(self.loop.call_soon, self.writer.wake)
        shared = (inbound, listeners, handlers, context, clock)
        self.reader = AsyncioReader(session, link, once, self.writer, self, *shared)

    async def open(self) -> AsyncioLink:
        """Send the hello; returns when the server has answered it.

        Raises:
            ConnectFailed: no answer within the limit `handshake`.
            SigError: what the answer says, or what became of the link.
        """
        try:
            self.reader.resume()
            self.writer.wake()
            self.writer.flush()
            self.check_opened(await _comes(self.opened, self.limits.handshake))
        except BaseException:
            self.close()
            raise
        return self

    # -- the end

    def close(self) -> None:
        """Say goodbye, as far as it goes now, and end."""
        self.session.close("the client stops")
        self.writer.flush()
        self.end()

    def lose(self, error: SigError) -> None:
        """End, because of `error`."""
        self.session.lose(error)
        if self.session.suspended is None or self.session.error is not None:
            self.end()

    def end(self) -> None:
        """End, once the session is closed."""
        if self._once.closed:
            return
        self.reader.stop()
        self.writer.stop()
        self._once.close()
        if self._going_on is not None:
            self._going_on.cancel()
        self.reader.take(self.session.end())

    def cut(self) -> None:
        """See `ClientLink`: in a forked child the loop is the parent's; or it is closed."""
        self._once.close()

    # -- another link for the session

    def _suspend(self) -> None:
        """Let go of the link that was cut, and get another one."""
        assert isinstance(self._once, LinksInTurn) and isinstance(self.writer, ResumableAsyncioWriter)
        self.reader.stop()
        self.writer.suspend()
        self._once.cut()
        if self._going_on is None:
            self._going_on = self.create_task(self._get_link(), f"resume {self._peer}")

    async def _get_link(self) -> None:
        assert self._go_on is not None
        while self.session.suspended is not None and self.session.error is None:
            await self._go_on(self)
        self._going_on = None
        if self.session.error is not None:
            self.end()

    def resume(self, link: PollableLink, returning: Returning) -> None:
        """Go on over another link, on which the server has agreed to that."""
        assert isinstance(self._once, LinksInTurn) and isinstance(self.writer, ResumableAsyncioWriter)
        self._once.use(link)
        if not self._once.closed:
            self.writer.use(link, returning.received)
            self.reader.read_from(link, returning.rest)

    # -- waiting

    async def run(self, steps: Steps[T]) -> T:
        """Do what a plan asks, awaiting each answer, and return its result; it raises what the plan raises."""
        return await drive_async(steps, self.perform)

    async def perform(self, ask: Ask | None) -> Any:
        """Do one step of a plan."""
        if ask is not None:
            reply: Any = ask.reply
            return await self.finish(reply.future, ask.ident, self._clock(), None, ask.what)
        self.writer.flush()
        return await asyncio.sleep(0)  # plans are long: others have their turn

    async def finish(
        self,
        answer: asyncio.Future[Any],
        ident: int | None,
        begun: float,
        seconds: float | None,
        what: str,
        *names: object,
    ) -> Any:
        """Send, await an answer, and return it.

        Args:
            answer: of an `AsyncReply`, or the like.
            ident: of the request or call; None: of nobody's own.
            begun: when the caller began, monotonic seconds.
            seconds: that it may take; None: the limit `request_timeout`.
            what: was asked, with `{!r}` for each of `names`, if there are any.

        Raises:
            RequestTimeout: none came within `seconds`; it is not waited for any more.
            Overflow: a coroutine listener waits for it, and too many events wait for that.
            SigError: what the answer says.
        """
        if answer.done():
            return answer.result()
        if seconds is None:
            seconds = self.limits.request_timeout
        self._waits[answer] = deadline = begun + seconds
        self.writer.asked(begun, deadline)
        if self.reader.busy is not None:
            self.reader.busy.asks()
        try:
            return await (answer if in_listener.get() is None else self.reader.wait_inside(answer))
        except BaseException as error:
            if ident is not None:
                self.session.cancel(ident)  # if it was not answered
                self.writer.gather()
            if isinstance(error, _Late):
                raise no_answer(self.session, seconds, what, names) from None
            raise
        finally:
            del self._waits[answer]

    def check_loop(self) -> None:
        """Raise LocalProtocolError if the running loop is not that of this link."""
        if asyncio.get_running_loop() is not self.loop:
            raise LocalProtocolError(f"{self._peer}: its client was started on another loop; make one for each")

    def create_task(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run what belongs to the client, and to nobody who calls it."""
        return self.loop.create_task(coroutine, name=name, context=self._context.copy())

    # -- what the writer asks

    def _tick(self, now: float) -> float:
        if self._once.closed:
            return self.limits.keepalive
        ended, wait = self.session.tick(now)
        self.reader.take(ended)
        wait = min(wait, self._expire(now))
        self.reader.check_silence(now)
        if self.session.error is not None:
            self.end()
        return wait

    def _expire(self, now: float) -> float:
        """Tell who waits for what is late; return the seconds until the next is."""
        wait = self.limits.keepalive
        for answer, deadline in self._waits.copy().items():
            if deadline > now:
                wait = min(wait, deadline - now)
            else:
                settle(answer, None, _Late())
        return wait


async def _comes(event: asyncio.Event, seconds: float) -> bool:
    """Await an event; return whether it came within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
