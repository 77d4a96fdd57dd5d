"""A link of the asyncio client with a server at the other end, and a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sig_core.errors import SigError
from sig_core.io.aio.async_reply import AsyncReply
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.client.asyncio_link import AsyncioLink
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Subscription
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.gate import FRAMES
from sig_core.session.client_state.asks import Ask
from sig_core.testing import FakeClock
from tests.io.client.dials import state_of
from tests.support import within
from tests.support.served_socket import ServedSocket
from tests.support.sessions import PLUGINS, Net
from tests.support.until import until

__all__ = ["Rig", "append", "ask", "run"]


class Rig:
    """A link with a server at the other end; the clock stands still.

    Attributes:
        state: of a client that has this link; nothing is registered.
        ended: why it ended, once told.
    """

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.clock = FakeClock()
        self.server = ServedSocket(Net())
        self.ended: list[SigError] = []
        codecs = PLUGINS.choose_codecs(["json"])
        self.session = ClientSession(codecs, self.limits, client="ab" * 16, token=None, packets=False, now=0.0)
        self.state, _, self.log = state_of(lambda: AsyncReply(self.link.loop), None, lambda: None)
        self.inbound = self.state.inbound(self.session)
        self.listeners = CoroutineListeners(lambda *failure: None, lambda info: None, lambda: None)
        self.link = AsyncioLink(
            *(self.server.link, self.session, self.inbound, self.listeners, HandlerTasks(10)),
            lambda link, error: self.ended.append(error),
            self.clock,
        )

    async def open(self) -> Rig:
        opening = asyncio.ensure_future(self.link.open())
        await until(lambda: self.server.pump() and opening.done())
        await opening
        return self

    def hear(self, listener: Callable[[Any, Any], Any]) -> Subscription:
        """Have a listener of every event, without a word to the server."""
        made = Subscription(listener, (None, None), lambda subscription: None)
        self.state.registrations.table.add((None, None), self.listeners.adopt(made))
        return made

    def end(self) -> None:
        self.link.close()
        self.server.close()


def run(scenario: Callable[[Rig], Awaitable[None]], *, opened: bool = True, **limits: Any) -> None:
    """Run a scenario with a link; it is closed afterwards."""

    async def main() -> None:
        rig = Rig(**limits)
        try:
            if opened:
                await rig.open()
            await scenario(rig)
        finally:
            rig.end()

    asyncio.run(asyncio.wait_for(main(), within(20)))


def ask(rig: Rig, method: str = "sync", params: dict[str, Any] | None = None) -> Ask:
    reply = AsyncReply(asyncio.get_running_loop())
    return Ask(reply, rig.session.call(method, params or {}, reply.tell), method)


def append(rig: Rig, size: int) -> None:
    """What a publisher does."""
    rig.session.out.append(bytes(size))
    if not rig.link.writer.gathers or size > 128 or len(rig.session.out) >= FRAMES:
        rig.link.writer.added(size)
