"""A call on a thread of its own: what it returns is handed over, or discarded once, whoever is late."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sig_core.io.aio.in_thread import in_thread
from tests.support import within
from tests.support.warped_loop import WarpedLoop, run, turn

NAME = "sig-tested"


class Call:
    """A call that ends when the test lets it, and what was discarded of it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.error: BaseException | None = None
        self.thread: threading.Thread | None = None
        self.discarded: list[tuple[Any, threading.Thread]] = []

    def __call__(self) -> str:
        self.thread = threading.current_thread()
        self.begun.set()
        assert self.go_on.wait(within(30))
        if self.error is not None:
            raise self.error
        return "result"

    def discard(self, result: str) -> None:
        self.discarded.append((result, threading.current_thread()))

    async def awaited(self) -> str:
        return await in_thread(self, self.discard, NAME)

    def join(self) -> threading.Thread:
        """Let it end; returns its thread, which has ended."""
        self.go_on.set()
        assert self.begun.wait(within(10)) and self.thread is not None
        self.thread.join(within(10))
        assert not self.thread.is_alive()
        return self.thread

    async def begin(self) -> asyncio.Task[str]:
        """Await it in a task, which waits for the thread now."""
        task = asyncio.create_task(self.awaited())
        await turn()
        assert self.begun.wait(within(10))
        return task


@pytest.fixture
def call() -> Iterator[Call]:
    made = Call()
    yield made
    made.go_on.set()


# -- handed over


def test_the_result_is_returned_and_none_is_discarded(call: Call) -> None:
    call.go_on.set()
    assert run(call.awaited()) == "result"
    assert call.discarded == []


def test_the_thread_has_a_name_and_the_interpreter_does_not_wait_for_it(call: Call) -> None:
    call.go_on.set()
    run(call.awaited())
    thread = call.join()
    assert (thread.name, thread.daemon) == (NAME, True)
    assert thread is not threading.current_thread()


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_the_error_is_raised(call: Call, error: BaseException) -> None:
    call.error = error
    call.go_on.set()

    async def main() -> None:
        with pytest.raises(type(error)) as raised:
            await in_thread(call, call.discard, NAME)
        assert raised.value is error

    run(main())
    assert call.discarded == []


def test_the_loop_goes_on_meanwhile(call: Call) -> None:
    async def main() -> None:
        task = await call.begin()
        assert not task.done()
        call.go_on.set()
        assert await task == "result"

    run(main())


# -- cancelled


def test_cancelled_before_the_thread_ends_it_returns_at_once_and_the_thread_discards(call: Call) -> None:
    async def main() -> None:
        task = await call.begin()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert call.discarded == [], "the loop has ended, the thread has not"
    thread = call.join()
    assert call.discarded == [("result", thread)]


@pytest.mark.parametrize("told", [False, True], ids=["not yet told", "told in the same turn"])
def test_cancelled_after_the_thread_has_ended_the_result_is_discarded_once(call: Call, told: bool) -> None:
    async def main() -> None:
        task = await call.begin()
        call.join()  # that it has ended waits behind this turn
        if told:
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await turn(3)

    run(main())
    assert call.discarded == [("result", threading.current_thread())]


def test_cancelled_when_it_was_handed_over_changes_nothing(call: Call) -> None:
    async def main() -> None:
        task = await call.begin()
        call.go_on.set()
        assert await task == "result"
        assert not task.cancel()

    run(main())
    assert call.discarded == []


@pytest.mark.parametrize("ended", [False, True])
def test_of_an_error_that_nobody_wants_nothing_is_discarded(call: Call, ended: bool) -> None:
    async def main() -> None:
        call.error = ValueError("too late")
        task = await call.begin()
        if ended:
            call.join()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    call.join()
    assert call.discarded == []


# -- a loop that is closed


@pytest.mark.parametrize("ended", [False, True], ids=["while it runs", "before it is told"])
def test_a_loop_is_closed_and_the_result_is_discarded_once(call: Call, ended: bool) -> None:
    loop, waiting = WarpedLoop(), call.awaited()

    async def step() -> None:
        waiting.send(None)

    loop.run_until_complete(step())
    if ended:
        call.join()
        assert call.discarded == [], "the loop may still tell"
    loop.close()
    call.join()
    waiting.close()
    assert [result for result, _ in call.discarded] == ["result"]
