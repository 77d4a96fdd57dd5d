"""Requests of a server's own program on asyncio: answers, failures, time that is over, and who asks no more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sig_core.errors import EncodeError, RemoteError, RequestTimeout, UnknownMethod, UnknownSender
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.server.asyncio_port import AsyncioPort
from sig_core.io.server.asyncio_requests import AsyncioRequests
from sig_core.testing import begin, within
from tests.support.sessions import PLUGINS, Link, Net
from tests.support.warped_loop import run, turn


class Program:
    """A server's own program on the running loop, beside a client that has a sender."""

    def __init__(self) -> None:
        self.net = Net()
        self.lock = threading.Lock()
        self.held: list[Callable[[], None]] | None = None  # jobs that the test runs
        self.loop = asyncio.get_running_loop()
        nothing: Any = lambda *what: None  # noqa: E731
        self.port = AsyncioPort(
            *(PLUGINS.codecs.get, self.net.limits, self.lock, self.net.exchange.flow_control),
            lambda sender, event: (),
            nothing,
            nothing,
            post=self._post,
            listeners=CoroutineListeners(nothing, nothing, nothing),
            note_lost=nothing,
        )
        self.net.exchange.join(self.port, own=True)
        self.requests = AsyncioRequests(self.net.exchange, self.port, self.lock, PLUGINS)
        self.client: Link = self.net.connect()
        self.client.add_sender("s", [], ["m"])

    def _post(self, function: Callable[[], None]) -> None:
        if self.held is None:
            self.loop.call_soon_threadsafe(function)
        else:
            self.held.append(function)

    def ask(self, method: str = "m", params: Any = None, seconds: float = 5.0) -> asyncio.Task[Any]:
        return asyncio.create_task(self.requests.ask("s", method, params, seconds))

    def serve(self, handler: Callable[[str, Any], Any] = lambda method, params: [method, params]) -> int:
        """Let the client answer what has come; returns how much that was."""
        self.net.pump()
        return len(self.client.serve(handler))

    def open(self) -> int:
        """Requests that the exchange has open."""
        return len(self.net.exchange.requests)


def refuse(method: str, params: Any) -> Any:
    raise RemoteError("ValueError", "not this one")


# -- answers


def test_the_answer_is_returned() -> None:
    async def main() -> None:
        program = Program()
        asked = program.ask(params={"a": 1})
        await turn(2)
        assert not asked.done() and program.serve() == 1
        assert await asked == ["m", {"a": 1}]
        assert program.open() == 0

    run(main())


def test_each_has_its_own_answer() -> None:
    async def main() -> None:
        program = Program()
        asked = [program.ask(params=number) for number in range(3)]
        await turn(2)
        assert program.serve() == 3
        assert await asyncio.gather(*asked) == [["m", 0], ["m", 1], ["m", 2]]

    run(main())


def test_it_is_told_from_another_thread() -> None:
    async def main() -> None:
        program = Program()
        asked = asyncio.create_task(program.requests.ask("s", "m", 1, within(30)))
        await turn(2)
        assert begin(program.serve).result(within(10)) == 1
        assert not asked.done(), "that thread only has it told"
        await turn(5)
        assert asked.done() and await asked == ["m", 1]

    run(main())


# -- failures


def test_what_the_answer_says_is_raised() -> None:
    async def main() -> None:
        program = Program()
        asked = program.ask()
        await turn(2)
        program.serve(refuse)
        with pytest.raises(RemoteError, match="not this one"):
            await asked

    run(main())


def test_an_owner_that_leaves_fails_what_is_open() -> None:
    async def main() -> None:
        program = Program()
        asked = program.ask()
        await turn(2)
        program.client.lose()
        with pytest.raises(Exception, match="was lost while the request was open"):
            await asked
        assert program.open() == 0

    run(main())


def test_what_can_not_be_asked_is_refused_and_nothing_is_sent() -> None:
    async def main() -> None:
        program = Program()
        with pytest.raises(UnknownSender, match="'nobody' is not connected"):
            await program.requests.ask("nobody", "m", None, 5.0)
        with pytest.raises(EncodeError, match="request 'm' to sender 's'"):
            await program.ask(params=object())
        with pytest.raises(UnknownMethod, match="answers no request 'other'"):
            await program.ask("other")
        assert (program.open(), program.serve()) == (0, 0)

    run(main())


# -- time


def test_when_its_time_is_over_it_fails_and_is_not_open_any_more() -> None:
    async def main() -> None:
        program = Program()
        began = program.loop.time()
        with pytest.raises(RequestTimeout, match="request 'm' to sender 's': no answer within 5 s"):
            await program.ask()
        assert program.loop.time() - began == pytest.approx(5)
        assert program.open() == 0
        assert program.serve() == 1
        assert program.client.server.unmatched_replies == 1

    run(main())


def test_an_answer_in_time_is_not_overtaken() -> None:
    async def main() -> None:
        program = Program()
        program.loop.call_later(4.9, program.serve)
        program.loop.call_later(0.1, program.net.pump)
        assert await program.ask() == ["m", None]

    run(main())


def test_an_answer_that_came_just_before_the_end_and_is_not_yet_told_is_returned() -> None:
    async def main() -> None:
        program = Program()
        asked = program.ask()
        await turn(2)
        program.held = []
        program.serve()
        await asyncio.sleep(6)  # of the loop's own clock
        assert not asked.done() and program.open() == 0
        (job,) = program.held
        job()
        assert await asked == ["m", None]

    run(main())


# -- cancelled


def test_one_that_is_cancelled_is_not_open_any_more() -> None:
    async def main() -> None:
        program = Program()
        asked = program.ask()
        await turn(2)
        assert program.open() == 1
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert program.open() == 0
        assert program.serve() == 1, "the client is not told"
        await turn(2)

    run(main())


@pytest.mark.parametrize("handler", [lambda method, params: params, refuse], ids=["value", "error"])
@pytest.mark.parametrize("turns", [0, 1], ids=["before it is told", "in the turn in which it is told"])
def test_one_that_is_cancelled_while_its_answer_comes_leaves_nothing_behind(
    handler: Callable[[str, Any], Any], turns: int
) -> None:
    complaints: list[Any] = []

    async def main() -> None:
        program = Program()
        program.loop.set_exception_handler(lambda loop, context: complaints.append(context))
        asked = program.ask()
        await turn(2)
        program.serve(handler)
        await turn(turns)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await turn(3)
        assert program.open() == 0

    run(main())
    assert complaints == []


def test_one_that_is_cancelled_after_its_time_while_the_answer_comes() -> None:
    async def main() -> None:
        program = Program()
        asked = program.ask()
        await turn(2)
        program.held = []
        program.serve(refuse)
        await asyncio.sleep(6)  # of the loop's own clock
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        (job,) = program.held
        job()

    run(main())
