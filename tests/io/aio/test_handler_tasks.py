"""Handlers that may be coroutine functions: so many at a time, in order, and each is answered once."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from sig_core.io.aio.handler_tasks import HandlerTasks
from tests.support.warped_loop import WarpedLoop, run, turn


class Handlers:
    """Handlers that end when the test says so."""

    def __init__(self, most: int = 2) -> None:
        self.tasks = HandlerTasks(most)
        self.begun: list[Any] = []
        self.answers: list[tuple[Any, Any, BaseException | None]] = []
        self.ends: dict[Any, asyncio.Future[Any]] = {}

    def run(self, name: Any) -> None:
        """Run a coroutine function."""
        self.ends[name] = asyncio.get_running_loop().create_future()
        self.tasks.run(lambda: self._work(name), lambda value, error: self.answers.append((name, value, error)))

    def run_plain(self, name: Any, error: BaseException | None = None) -> None:
        """Run a plain function, which returns its name or raises."""

        def work() -> Any:
            self.begun.append(name)
            if error is not None:
                raise error
            return name

        self.tasks.run(work, lambda value, error: self.answers.append((name, value, error)))

    async def _work(self, name: Any) -> Any:
        self.begun.append(name)
        return await self.ends[name]

    @property
    def answered(self) -> list[Any]:
        return [name for name, _, _ in self.answers]


# -- answers


def test_a_plain_function_is_answered_at_once() -> None:
    async def main() -> None:
        handlers, error = Handlers(), ValueError("no")
        handlers.run_plain(1)
        handlers.run_plain(2, error)
        assert handlers.answers == [(1, 1, None), (2, None, error)]

    run(main())


def test_a_coroutine_is_answered_when_it_ends() -> None:
    async def main() -> None:
        handlers, error = Handlers(), ValueError("no")
        handlers.run(1)
        handlers.run(2)
        await turn()
        assert (handlers.begun, handlers.answers) == ([1, 2], [])
        handlers.ends[2].set_exception(error)
        await turn(2)
        assert handlers.answers == [(2, None, error)]
        handlers.ends[1].set_result("one")
        await turn(2)
        assert handlers.answers[1:] == [(1, "one", None)]

    run(main())


def test_whatever_can_be_awaited_is() -> None:
    async def main() -> None:
        handlers, future = Handlers(), asyncio.get_running_loop().create_future()
        handlers.tasks.run(lambda: future, lambda value, error: handlers.answers.append((0, value, error)))
        assert handlers.answers == []
        future.set_result("late")
        await turn(2)
        assert handlers.answers == [(0, "late", None)]

    run(main())


def test_a_cancellation_that_a_handler_raises_is_its_answer() -> None:
    async def main() -> None:
        handlers = Handlers()
        handlers.run_plain(1, asyncio.CancelledError())
        handlers.run(2)
        await turn()
        handlers.ends[2].cancel()
        await turn(3)
        assert handlers.answered == [1, 2]
        assert all(isinstance(error, asyncio.CancelledError) for _, _, error in handlers.answers)

    run(main())


@pytest.mark.parametrize("plain", [True, False])
def test_an_interrupt_is_answered_and_then_ends_the_loop_which_may_go_on(plain: bool) -> None:
    handlers, error = Handlers(), KeyboardInterrupt()

    async def interrupt() -> None:
        raise error

    def begin() -> None:
        handlers.run_plain("plain", error)
        assert handlers.answers == [("plain", None, error)]

    def begin_task() -> None:
        handlers.tasks.run(interrupt, lambda value, error: handlers.answers.append(("task", value, error)))

    loop = WarpedLoop()
    try:
        loop.call_soon(begin if plain else begin_task)
        with pytest.raises(KeyboardInterrupt) as raised:
            loop.run_forever()
        assert raised.value is error
        loop.call_soon(handlers.run_plain, "next")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert handlers.answers == [("plain" if plain else "task", None, error), ("next", "next", None)]
    finally:
        loop.close()


# -- the bound


def test_so_many_run_and_the_others_have_their_turn_in_order() -> None:
    async def main() -> None:
        handlers = Handlers(2)
        for name in range(5):
            handlers.run(name)
        await turn(3)
        assert handlers.begun == [0, 1]
        handlers.ends[1].set_result(None)
        await turn(4)
        assert handlers.begun == [0, 1, 2]
        handlers.ends[0].set_result(None)
        handlers.ends[2].set_result(None)
        await turn(4)
        assert handlers.begun == [0, 1, 2, 3, 4] and handlers.answered == [1, 0, 2]
        handlers.tasks.cancel()
        await turn(2)

    run(main())


def test_plain_ones_wait_as_well_and_then_run_in_one_go() -> None:
    async def main() -> None:
        handlers = Handlers(1)
        handlers.run("first")
        handlers.run_plain(1)
        handlers.run_plain(2, ValueError())
        handlers.run("last")
        handlers.run_plain(3)
        await turn(3)
        assert handlers.begun == ["first"]
        handlers.ends["first"].set_result(None)
        await turn(4)
        assert handlers.begun == ["first", 1, 2, "last"]
        handlers.ends["last"].set_result(None)
        await turn(4)
        assert handlers.answered == ["first", 1, 2, "last", 3]

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python has no eager tasks")
def test_on_a_loop_of_eager_tasks_the_bound_and_the_answers_are_the_same() -> None:
    async def main() -> None:
        factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(factory)
        handlers = Handlers(1)

        async def at_once() -> str:
            return "at once"

        handlers.tasks.run(at_once, lambda value, error: handlers.answers.append((0, value, error)))
        assert handlers.answers == [(0, "at once", None)]
        await turn(2)
        handlers.run(1)
        handlers.run(2)
        assert handlers.begun == [1]
        handlers.ends[1].set_result("one")
        await turn(4)
        assert handlers.begun == [1, 2] and handlers.answers[1:] == [(1, "one", None)]
        handlers.tasks.cancel()
        await turn(3)
        assert handlers.answered == [0, 1, 2]

    run(main())


# -- the end


def test_those_that_run_are_cancelled_and_answered_once_and_those_that_wait_never_run() -> None:
    async def main() -> None:
        handlers = Handlers(2)
        for name in range(4):
            handlers.run(name)
        await turn()
        handlers.tasks.cancel()
        handlers.tasks.cancel()
        await turn(4)
        assert handlers.begun == [0, 1] and sorted(handlers.answered) == [0, 1]
        assert all(isinstance(error, asyncio.CancelledError) for _, _, error in handlers.answers)

    run(main())


def test_one_that_is_cancelled_before_its_first_step_is_answered_too() -> None:
    async def main() -> None:
        handlers = Handlers(1)
        handlers.run("never")
        handlers.tasks.cancel()
        await turn(3)
        assert (handlers.begun, handlers.answered) == ([], ["never"])
        assert isinstance(handlers.answers[0][2], asyncio.CancelledError)
        handlers.run("next")
        await turn()
        assert handlers.begun == ["next"], "there is room for others again"
        handlers.ends["next"].set_result(None)
        await turn(2)

    run(main())


def test_a_settling_waits_for_those_that_run_and_those_that_wait() -> None:
    async def main() -> None:
        handlers, loop = Handlers(1), asyncio.get_running_loop()
        handlers.run(0)
        handlers.run(1)
        loop.call_later(3, handlers.ends[0].set_result, "zero")
        loop.call_later(5, handlers.ends[1].set_result, "one")
        began = loop.time()
        await handlers.tasks.settle(10)
        assert loop.time() - began == pytest.approx(5)
        assert handlers.answers == [(0, "zero", None), (1, "one", None)]

    run(main())


def test_after_its_time_a_settling_cancels_the_rest() -> None:
    async def main() -> None:
        handlers, loop = Handlers(2), asyncio.get_running_loop()
        for name in range(4):
            handlers.run(name)
        loop.call_later(3, handlers.ends[0].set_result, "zero")
        began = loop.time()
        await handlers.tasks.settle(10)
        assert loop.time() - began == pytest.approx(10)
        await turn(3)
        assert handlers.begun == [0, 1, 2] and handlers.answers[0] == (0, "zero", None)
        assert sorted(handlers.answered) == [0, 1, 2]

    run(main())


def test_a_settling_of_nothing_returns_at_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await Handlers().tasks.settle(10)
        assert loop.time() == began

    run(main())


def test_a_handler_that_settles_does_not_wait_for_itself() -> None:
    async def main() -> None:
        handlers, loop = Handlers(2), asyncio.get_running_loop()

        async def stop() -> float:
            began = loop.time()
            await handlers.tasks.settle(10)
            return loop.time() - began

        handlers.run("other")
        handlers.tasks.run(stop, lambda value, error: handlers.answers.append(("stop", value, error)))
        loop.call_later(2, handlers.ends["other"].set_result, None)
        await asyncio.sleep(20)  # of the loop's own clock
        assert handlers.answers == [("other", None, None), ("stop", pytest.approx(2), None)]

    run(main())
