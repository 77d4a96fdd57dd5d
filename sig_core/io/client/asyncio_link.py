"""A client's session on the running asyncio loop: no thread, nothing but the sans-IO session and a pollable link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sig_core.contract import Codec, PollableLink
from sig_core.errors import ConnectFailed, LinkLost, SigError
from sig_core.io.sync.receive_buffer import ReceiveBuffer
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Opened, ReplyCallback, ReplyReceived, Report

__all__ = ["AioLink"]


class AioLink:
    """Reads, writes and ticks on the loop. Everything happens in the loop's thread.

    Args:
        link: live.
        session: that has not yet received anything.
        take: called with what arrives, except answers, which are told here.

    Attributes:
        full, gathers: see `Gate`; output is not bounded here.
    """

    full = False

    def __init__(self, link: PollableLink, session: ClientSession, take: Callable[[Report], None]) -> None:
        self.session = session
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._take = take
        self._once = CloseOnce(link, link.peer)
        self._buffer = ReceiveBuffer()
        self._rest: bytes | memoryview = b""
        self._timer: asyncio.TimerHandle | None = None
        self.gathers = False
        self._loop.add_reader(link.fileno(), self._read)
        self._tick()
        self.flush()

    @property
    def codec(self) -> Codec:
        """The codec that was agreed on."""
        assert self.session.encoding is not None
        return self.session.encoding

    async def answer(self, ask: Callable[[ReplyCallback], int]) -> Any:
        """Ask, with a function that queues the call and gives its id, and await the answer."""
        future: asyncio.Future[Any] = self._loop.create_future()
        ident = ask(lambda value, error: _settle(future, value, error))
        self.flush()
        self._tick()
        try:
            return await future
        finally:
            if future.cancelled():
                self.session.cancel(ident)

    def make_room(self) -> None:
        """See `Gate`."""

    def added(self, size: int = 0) -> None:
        """Note that something was appended to the output: it leaves at the loop's next turn, with its neighbours."""
        if not self.gathers:
            self.gathers = True
            self._loop.call_soon(self.flush)

    def close(self) -> None:
        """Say goodbye, as far as it goes now, and end."""
        self.session.close("the client stops")
        self.flush()
        self._finish()

    # -- the loop's side

    def _read(self) -> None:
        try:
            data = self._buffer.read(self._link, self.session.missing)
        except BlockingIOError:
            return
        except Exception as error:
            self._lose(link_lost(self._link.peer, error))
            return
        if not data:
            self._lose(LinkLost("the link ended without a goodbye"))
            return
        self._pass_on(self.session.receive_data(data, time.monotonic()))
        if self.session.state is State.CLOSED:
            self._finish()
        else:
            self.flush()

    def _pass_on(self, reports: list[Report]) -> None:
        for report in reports:
            if isinstance(report, ReplyReceived):
                report.tell()
                continue
            if isinstance(report, Opened):
                _settle(self.opened, None, None)
            self._take(report)

    def flush(self) -> None:
        """Send what goes now; the rest leaves when the link can take it."""
        self.gathers = False
        if self._once.closed:
            return
        out = self.session.out
        data = self._rest
        if not data:
            data = b"".join(out)
            out.clear()
        try:
            count = self._link.send_some(data) if data else 0
        except Exception as error:
            self._lose(link_lost(self._link.peer, error))
            return
        if count:
            self.session.sent(count, time.monotonic())
        self._rest = memoryview(data)[count:] if count < len(data) else b""
        if self._rest or out:
            self._loop.add_writer(self._link.fileno(), self.flush)
        else:
            self._loop.remove_writer(self._link.fileno())

    def _tick(self) -> None:
        if self._once.closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        now, session = time.monotonic(), self.session
        reports, wait = session.tick(now)
        self._pass_on(reports)
        silent, allowed = session.silence(now), session.limits.keepalive
        if silent > allowed:
            self._lose(LinkLost(f"{self._link.peer} was silent for {silent:.1f} s, allowed are {allowed:g}"))
            return
        if session.out:
            self.added()
        self._timer = self._loop.call_later(max(0.001, wait), self._tick)

    def _lose(self, error: SigError) -> None:
        self.session.fail(error)
        self._finish()

    def _finish(self) -> None:
        if self._once.closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._link.fileno())
        self._loop.remove_writer(self._link.fileno())
        self._once.close()
        self._pass_on(self.session.end())
        error = self.session.error
        if not self.opened.done():
            self.opened.set_exception(error or ConnectFailed(f"{self._link.peer}: the link ended"))

    def is_closed(self) -> bool:
        """Return whether the link has ended."""
        return self._once.closed


def _settle(future: asyncio.Future[Any], value: Any, error: SigError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
