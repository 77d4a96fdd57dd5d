"""One link of the asyncio client: bytes between a session and a socket, with a clock that the test turns."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from sig_core.errors import (
    Backpressure,
    ConnectFailed,
    HandshakeError,
    LinkClosed,
    LinkLost,
    LocalProtocolError,
    OutcomeUnknown,
    RequestTimeout,
    SigError,
    UnknownSender,
)
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.aio.handler_tasks import HandlerTasks
from sig_core.io.client import asyncio_link
from sig_core.io.client.asyncio_link import AsyncioLink, AsyncReply
from sig_core.protocol.limits import Limits
from sig_core.routing.traffic import Traffic
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.gate import FRAMES
from sig_core.session.client_state.asks import Ask, Steps
from sig_core.session.client_state.inbound import Inbound
from sig_core.session.client_state.registrations import Registrations
from sig_core.testing import FakeClock
from tests.support import nothing_left_behind, within
from tests.support.served_socket import ServedSocket
from tests.support.sessions import PLUGINS, Net
from tests.support.until import until

__all__ = ["nothing_left_behind"]


class Rig:
    """A link with a server at the other end.

    Attributes:
        ended: why it ended, once told.
    """

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.clock = FakeClock()
        self.server = ServedSocket(Net())
        self.ended: list[SigError] = []
        codecs = PLUGINS.choose_codecs(["json"])
        self.session = ClientSession(codecs, self.limits, client="ab" * 16, token=None, packets=False, now=0.0)
        registrations: Any = Registrations
        nobody = registrations.__new__(registrations)  # nothing is registered, and nothing comes for it
        inbound = Inbound(self.session, nobody, Counter(), Traffic(), lambda *failure: None, self)  # type: ignore[arg-type]
        self.listeners = CoroutineListeners(lambda *failure: None, lambda info: None, lambda: None)
        self.link = AsyncioLink(
            *(self.server.link, self.session, inbound, self.listeners, HandlerTasks(10)),
            lambda link, error: self.ended.append(error),
            self.clock,
        )

    async def open(self) -> Rig:
        opening = asyncio.ensure_future(self.link.open())
        await until(lambda: self.server.pump() and opening.done())
        await opening
        return self

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
    reply = AsyncReply()
    return Ask(reply, rig.session.call(method, params or {}, reply.tell), method)


# -- it opens


def test_it_opens_and_knows_its_codec() -> None:
    async def scenario(rig: Rig) -> None:
        assert rig.session.state is State.OPEN and rig.link.codec.name == "json" and rig.ended == []

    run(scenario)


def test_a_server_that_refuses_is_named() -> None:
    async def scenario(rig: Rig) -> None:
        # the codec that it takes is another one
        rig.server.session = rig.server.net.server_session(["msgpack"])
        with pytest.raises(HandshakeError, match=r"socket://server: .*no codec in common"):
            await rig.open()
        assert rig.session.error is not None

    run(scenario, opened=False)


def test_a_server_that_says_nothing() -> None:
    async def scenario(rig: Rig) -> None:
        with pytest.raises(ConnectFailed, match=r"no answer to the hello within 0\.1 s"):
            await rig.link.open()

    run(scenario, opened=False, handshake=0.1)


def test_an_open_that_is_cancelled_closes_the_link() -> None:
    async def scenario(rig: Rig) -> None:
        opening = asyncio.ensure_future(rig.link.open())
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        await until(lambda: rig.server.read() or rig.server.closed)
        await until(lambda: rig.server.read() == 0 and rig.server.closed)

    run(scenario, opened=False)


# -- answers


def test_an_answer_and_a_refusal() -> None:
    async def scenario(rig: Rig) -> None:
        for method, params, error in (("sync", {}, None), ("resolve", {"sender": "nobody"}, UnknownSender)):
            asked = ask(rig, method, params)
            waiting = asyncio.ensure_future(rig.link.finish(asked.reply, asked.ident, 5, asked.what))
            await until(lambda waiting=waiting: rig.server.pump() and waiting.done())
            assert (type(waiting.exception()) if error else waiting.result()) == error

    run(scenario)


def test_an_answer_that_comes_too_late_is_not_waited_for() -> None:
    async def scenario(rig: Rig) -> None:
        asked = ask(rig)
        with pytest.raises(RequestTimeout, match=r"sync: no answer within 0\.01 s"):
            await rig.link.finish(asked.reply, asked.ident, 0.01, asked.what)
        rig.server.pump()
        await until(lambda: rig.session.unmatched_replies == 1)

    run(scenario)


def test_a_plan_is_driven_by_answers_and_errors() -> None:
    def plan(rig: Rig, seen: list[Any]) -> Steps[str]:
        seen.append((yield ask(rig)))
        yield None
        try:
            yield ask(rig, "resolve", {"sender": "nobody"})
        except UnknownSender as error:
            seen.append(error)
        return "done"

    async def scenario(rig: Rig) -> None:
        seen: list[Any] = []
        running = asyncio.ensure_future(rig.link.run(plan(rig, seen)))
        await until(lambda: rig.server.pump() and running.done())
        assert running.result() == "done" and seen[0] is None and isinstance(seen[1], UnknownSender)

    run(scenario)


def test_a_plan_whose_wait_is_cancelled_is_told() -> None:
    seen: list[BaseException] = []

    def plan(rig: Rig) -> Steps[None]:
        try:
            yield ask(rig)
        except BaseException as error:
            seen.append(error)
            yield None  # it may still let something leave
            raise

    async def scenario(rig: Rig) -> None:
        running = asyncio.ensure_future(rig.link.run(plan(rig)))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled() and isinstance(seen[0], asyncio.CancelledError)

    run(scenario)


def test_who_waits_when_the_link_ends_is_told() -> None:
    async def scenario(rig: Rig) -> None:
        asked = ask(rig)
        waiting = asyncio.ensure_future(rig.link.finish(asked.reply, asked.ident, 5, asked.what))
        await asyncio.sleep(0)
        rig.server.close()
        with pytest.raises(OutcomeUnknown, match="sync"):
            await waiting
        assert [type(error) for error in rig.ended] == [LinkLost]

    run(scenario)


# -- output


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of what links send."""
    sizes: list[int] = []
    real = asyncio_link.AsyncioLink._batch

    def noted(link: AsyncioLink) -> bytes:
        data = real(link)
        if data:
            sizes.append(len(data))
        return data

    monkeypatch.setattr(asyncio_link.AsyncioLink, "_batch", noted)
    yield sizes


def append(rig: Rig, size: int) -> None:
    """What a publisher does."""
    rig.session.out.append(bytes(size))
    if not rig.link.gathers or size > 128 or len(rig.session.out) >= FRAMES:
        rig.link.added(size)


def test_events_of_one_turn_leave_together(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        sends.clear()
        for _ in range(10):
            append(rig, 20)
        assert sends == [] and rig.link.gathers
        await asyncio.sleep(0)
        assert sends == [200] and not rig.link.gathers

    run(scenario)


def test_many_events_of_one_turn_do_not_wait_for_its_end(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        sends.clear()
        for _ in range(FRAMES):
            append(rig, 20)
        assert sends == [20 * FRAMES]
        append(rig, 100_000)
        assert sends[1:] == [100_000]

    run(scenario)


def test_a_request_leaves_at_once_and_one_on_its_heels_with_others(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        rig.clock.advance(1.0)
        sends.clear()
        for _ in range(3):
            rig.session.out.append(bytes(30))
            rig.link.asked(rig.clock(), rig.clock() + 10.0)
        assert sends == [30]
        await asyncio.sleep(0)
        assert sends == [30, 60]

    run(scenario)


def test_a_link_that_takes_no_more_is_full_and_then_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_link, "FULL", 10_000)

    async def scenario(rig: Rig) -> None:
        while not rig.link.full:
            append(rig, 100_000)
        with pytest.raises(Backpressure, match=r"socket://server: [0-9]+ bytes wait to be sent, 10000 may"):
            rig.link.make_room()
        waiting = asyncio.ensure_future(rig.link.wait_for_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        rig.session.close()  # the peer would not understand these bytes: they are only counted
        await until(lambda: rig.server._far.recv(1 << 20) and waiting.done())
        assert not rig.link.full

    run(scenario)


def test_who_waits_for_room_is_woken_by_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_link, "FULL", 10_000)

    async def scenario(rig: Rig) -> None:
        while not rig.link.full:
            append(rig, 100_000)
        waiting = asyncio.ensure_future(rig.link.wait_for_room())
        await asyncio.sleep(0)
        rig.link.close()
        await waiting
        assert not rig.link.full

    run(scenario)


def test_another_thread_adds(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        sends.clear()
        thread = threading.Thread(target=append, args=(rig, 20))
        thread.start()
        await until(lambda: sends == [20])
        thread.join()

    run(scenario)


def test_a_closed_loop_refuses_by_name() -> None:
    loop = asyncio.new_event_loop()
    made: list[Rig] = []

    async def begin() -> None:
        made.append(await Rig().open())

    loop.run_until_complete(begin())
    loop.close()
    (rig,) = made
    with pytest.raises(LinkClosed, match="the loop of its client is closed"):
        append(rig, 20)
    assert rig.session.state is State.CLOSED
    rig.server.close()


def test_another_loop_is_refused_by_name() -> None:
    async def scenario(rig: Rig) -> None:
        rig.link.check_loop()

        def elsewhere() -> None:
            async def check() -> None:
                with pytest.raises(LocalProtocolError, match="another loop"):
                    rig.link.check_loop()

            asyncio.run(check())

        await asyncio.to_thread(elsewhere)

    run(scenario)


# -- time


def test_silence_ends_the_link() -> None:
    async def scenario(rig: Rig) -> None:
        rig.clock.advance(9.0)
        rig.link._tick()
        assert rig.ended == []
        rig.clock.advance(2.0)
        rig.link._tick()
        assert [str(error) for error in rig.ended] == ["socket://server was silent for 11.0 s, allowed are 10"]

    run(scenario, keepalive=10)


def test_what_was_not_read_for_a_while_was_not_silence() -> None:
    async def scenario(rig: Rig) -> None:
        rig.link._pause_reading()
        rig.clock.advance(60.0)
        rig.link._tick()
        rig.link.relieved()
        rig.link._tick()
        assert rig.ended == []
        rig.clock.advance(11.0)
        rig.link._tick()
        assert len(rig.ended) == 1

    run(scenario, keepalive=10)


def test_a_request_whose_deadline_passes_fails() -> None:
    async def scenario(rig: Rig) -> None:
        reply = AsyncReply()
        rig.session.call("sync", {}, reply.tell, 5.0)
        rig.link.asked(rig.clock(), 5.0)
        rig.clock.advance(6.0)
        rig.link._tick()
        with pytest.raises(RequestTimeout):
            await reply.future

    run(scenario)


# -- the end


def test_it_says_goodbye_and_closes_once() -> None:
    async def scenario(rig: Rig) -> None:
        rig.link.close()
        rig.link.close()
        rig.server.read()
        assert rig.server.closed and "goodbye" in str(rig.server.session.error)
        assert [type(error) for error in rig.ended] == [LinkClosed]
        await rig.link.drain(5)  # nothing is left to wait for

    run(scenario)


def test_output_drains_before_the_end() -> None:
    async def scenario(rig: Rig) -> None:
        for _ in range(20):
            append(rig, 100_000)
        draining = asyncio.ensure_future(rig.link.drain(within(10)))
        await asyncio.sleep(0)
        assert not draining.done()
        rig.session.close()
        got = 0

        def take() -> bool:
            nonlocal got
            try:
                got += len(rig.server._far.recv(1 << 20))
            except BlockingIOError:
                return draining.done()
            return False

        await until(take)
        assert got >= 2_000_000

    run(scenario)


def test_a_drain_ends_by_its_time() -> None:
    async def scenario(rig: Rig) -> None:
        for _ in range(20):
            append(rig, 100_000)
        await rig.link.drain(0.01)
        assert rig.link._rest or rig.session.out

    run(scenario)
