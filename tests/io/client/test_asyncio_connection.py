"""A client's connection on asyncio: it dials, is left, dials again, and tells, by a script; its clock stands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.errors import ConnectFailed, LocalProtocolError, SigError
from sig_core.io.aio.async_reply import AsyncReply
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.client.asyncio_connection import AsyncioConnection, CallbackTask
from sig_core.log import log
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.state_callbacks import StateCallbacks
from sig_core.testing import FakeClock
from tests.io.client.dials import Dials, state_of
from tests.support import nothing_left_behind, within
from tests.support.sessions import PLUGINS
from tests.support.until import until

__all__ = ["nothing_left_behind"]

SOON = Reconnect(first=0.001, most=0.001, jitter=0)
NOBODY = ConnectFailed("nobody is there")


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as made:
        yield made


class Rig:
    """A connection, its state and what it told."""

    def __init__(self, dials: Dials, policy: Reconnect | None) -> None:
        self.task = CallbackTask()
        loop = asyncio.get_running_loop()
        self.state, self.told, self.log = state_of(lambda: AsyncReply(loop), policy, self.task.wake)
        self.task.callbacks = self.state.callbacks
        self.clock = FakeClock()
        self.connection = AsyncioConnection(
            *("test://server", self.state.connection._limits),
            connect=dials,
            codecs=lambda: PLUGINS.choose_codecs(["json"]),
            state=self.state,
            listeners=CoroutineListeners(lambda *failure: None, lambda info: None, lambda: None),
            handlers=HandlerTasks(10),
            lost=lambda error: None,
            clock=self.clock,
        )

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def run(scenario: Callable[[Rig], Awaitable[None]], dials: Dials, policy: Reconnect | None = SOON) -> None:
    async def main() -> None:
        rig = Rig(dials, policy)
        try:
            await scenario(rig)
        finally:
            await rig.connection.stop()
            await rig.task.settle(within(5))

    asyncio.run(asyncio.wait_for(main(), within(30)))


def test_it_starts_once_and_stops(server: sig.ServerRouter) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.connection.start()
        assert rig.connection.open_link() is rig.connection.link
        with pytest.raises(LocalProtocolError, match="starts once"):
            await rig.connection.start()
        await rig.connection.stop()
        await rig.connection.stop()
        with pytest.raises(SigError, match="stopped"):
            rig.connection.open_link()
        await until(lambda: rig.names() == ["connected"])

    run(scenario, Dials(server.addresses[0], "up"))


@pytest.mark.parametrize("error", [NOBODY, ZeroDivisionError("a bug of a carrier")])
def test_a_first_dial_that_fails_is_raised_as_it_is(error: Exception) -> None:
    async def scenario(rig: Rig) -> None:
        with pytest.raises(type(error)):
            await rig.connection.start()
        assert rig.state.connection.state == "stopped" and rig.told == []

    run(scenario, Dials("", error))


def test_it_comes_back_through_failures(server: sig.ServerRouter) -> None:
    dials = Dials(server.addresses[0], "up", NOBODY, ZeroDivisionError("again"), "up")

    async def scenario(rig: Rig) -> None:
        await rig.connection.start()
        first = rig.connection.link
        assert first is not None
        first.close()
        await until(lambda: rig.names() == ["connected", "disconnected", "reconnected"])
        assert rig.connection.link is not first and dials.made == 4
        assert any("nobody is there" in text for text in rig.log.texts)
        assert any("ZeroDivisionError: again" in text for text in rig.log.texts)

    run(scenario, dials)


def test_it_gives_up(server: sig.ServerRouter) -> None:
    dials = Dials(server.addresses[0], "up", NOBODY)

    async def scenario(rig: Rig) -> None:
        await rig.connection.start()
        assert rig.connection.link is not None
        rig.connection.link.close()
        await until(lambda: rig.told[-1:] == [("gave_up", NOBODY)])
        assert dials.made == 4 and rig.state.connection.state == "gave up"

    run(scenario, dials, Reconnect(first=0.001, most=0.001, attempts=3))


def test_a_link_that_lived_for_long_begins_the_attempts_anew(server: sig.ServerRouter) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.connection.start()
        for times in (1, 2, 3, 4):
            rig.clock.advance(11.0)
            assert rig.connection.link is not None
            rig.connection.link.close()
            await until(lambda times=times: rig.names().count("reconnected") == times)

    policy = Reconnect(first=0.001, most=10.0, factor=1.0, attempts=2, jitter=0)
    run(scenario, Dials(server.addresses[0], "up"), policy)


def is_closed(link: Any) -> bool:
    try:
        return bool(link.fileno() < 0)
    except OSError:
        return True


def test_a_start_that_is_cancelled_returns_at_once_and_the_link_that_comes_is_closed(server: sig.ServerRouter) -> None:
    dialling, go_on = threading.Event(), threading.Event()
    dials = Dials(server.addresses[0], "up")

    def wait(number: int) -> None:
        dialling.set()
        assert go_on.wait(within(10))

    dials.at = wait

    async def scenario(rig: Rig) -> None:
        starting = asyncio.ensure_future(rig.connection.start())
        await until(dialling.is_set)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert rig.state.connection.state == "stopped"
        go_on.set()
        await until(lambda: dials.links and is_closed(dials.links[0]))

    run(scenario, dials)


def test_a_stop_while_it_comes_back_ends_that(server: sig.ServerRouter) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.connection.start()
        assert rig.connection.link is not None
        rig.connection.link.close()
        await until(lambda: "disconnected" in rig.names())
        await rig.connection.stop()
        assert rig.connection._task is not None and rig.connection._task.done()

    run(scenario, Dials(server.addresses[0], "up", NOBODY), Reconnect(first=3600, most=3600))


def test_state_callbacks_are_told_in_order_and_awaited_whatever_they_raise() -> None:
    async def main() -> None:
        told: list[Any] = []
        task = CallbackTask()
        task.callbacks = StateCallbacks(task.wake, log)

        async def slow(state: str, error: Any) -> None:
            await asyncio.sleep(0)
            told.append("slow")
            raise asyncio.CancelledError

        def quick(state: str, error: Any) -> None:
            told.append("quick")
            raise ValueError

        task.callbacks.add("connected", slow)
        task.callbacks.add("connected", quick)
        for _ in range(3):
            task.callbacks.tell("connected", None)
        task.wake()
        task.wake()
        await task.settle(within(5))
        assert told == ["slow", "quick"] * 3
        task.callbacks.tell("connected", None)
        task.wake()
        await task.settle(within(5))
        assert told == ["slow", "quick"] * 4

    asyncio.run(main())
