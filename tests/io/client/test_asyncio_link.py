"""One link of the asyncio client: opening, waiting for answers, driving plans, the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sig_core.errors import (
    ConnectFailed,
    HandshakeError,
    LinkClosed,
    LinkLost,
    LocalProtocolError,
    OutcomeUnknown,
    RequestTimeout,
    UnknownSender,
)
from sig_core.session.base import State
from sig_core.session.client_state.asks import Steps
from tests.io.client.asyncio_rig import Rig, ask, run
from tests.support import nothing_left_behind
from tests.support.until import until

__all__ = ["nothing_left_behind"]


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


async def finish(rig: Rig, asked: Any, what: str = "sync", *names: object) -> Any:
    """Await an answer for 5 s."""
    return await rig.link.finish(asked.reply.future, asked.ident, rig.clock(), 5, what, *names)


def test_an_answer_and_a_refusal() -> None:
    async def scenario(rig: Rig) -> None:
        for method, params, error in (("sync", {}, None), ("resolve", {"sender": "nobody"}, UnknownSender)):
            asked = ask(rig, method, params)
            waiting = asyncio.ensure_future(finish(rig, asked))
            await until(lambda waiting=waiting: rig.server.pump() and waiting.done())
            assert (type(waiting.exception()) if error else waiting.result()) == error

    run(scenario)


def test_an_answer_that_comes_too_late_is_not_waited_for() -> None:
    async def scenario(rig: Rig) -> None:
        asked = ask(rig)
        waiting = asyncio.ensure_future(finish(rig, asked, "ask {!r}", "this"))
        await asyncio.sleep(0)
        rig.clock.advance(5.1)
        rig.link.writer.wake()
        with pytest.raises(RequestTimeout, match=r"ask 'this': no answer within 5 s"):
            await waiting
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
        waiting = asyncio.ensure_future(finish(rig, asked))
        await asyncio.sleep(0)
        rig.server.close()
        with pytest.raises(OutcomeUnknown, match="sync"):
            await waiting
        assert [type(error) for error in rig.ended] == [LinkLost]

    run(scenario)


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


# -- the end


def test_it_says_goodbye_and_closes_once() -> None:
    async def scenario(rig: Rig) -> None:
        rig.link.close()
        rig.link.close()
        rig.server.read()
        assert rig.server.closed and "goodbye" in str(rig.server.session.error)
        assert [type(error) for error in rig.ended] == [LinkClosed]
        await rig.link.writer.finish(5)  # nothing is left to wait for

    run(scenario)
