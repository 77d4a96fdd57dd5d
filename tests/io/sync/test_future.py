"""A future that makes its condition for who blocks, and is a future of concurrent.futures all the same."""

from __future__ import annotations

import ast
import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sig_core.errors import RequestTimeout
from sig_core.io.sync.future import HelpedFuture
from sig_core.testing import begin, within

ERROR = RequestTimeout("too late")


def future() -> HelpedFuture:
    return HelpedFuture(lambda asked, timeout: timeout)


def test_a_value() -> None:
    made = future()
    assert (made.done(), made.running(), made.cancelled()) == (False, False, False)
    made([1], None)
    assert made.done()
    assert (made.result(), made.exception()) == ([1], None)
    assert "finished" in repr(made)


def test_an_error() -> None:
    made = future()
    made(None, ERROR)
    assert made.exception() is ERROR
    with pytest.raises(RequestTimeout, match="too late"):
        made.result()


def test_nobody_who_does_not_block_pays_for_a_condition() -> None:
    made = future()
    told: list[Any] = []
    made.add_done_callback(lambda done: told.append(done.result()))
    made(1, None)
    made.add_done_callback(lambda done: told.append(done.result()))
    assert told == [1, 1]
    assert "_made" not in vars(made)


@pytest.mark.parametrize("look", ["result", "exception"])
def test_a_thread_that_blocks_goes_on(look: str) -> None:
    made = future()
    blocked = begin(getattr(made, look), within(10))
    made(3, None)
    assert blocked.result(within(10)) == (3 if look == "result" else None)


def test_nothing_in_time() -> None:
    with pytest.raises(TimeoutError):
        future().result(0)
    with pytest.raises(TimeoutError):
        future().exception(0)


def test_help_comes_before_the_wait_and_says_what_is_left_of_it() -> None:
    asked: list[Any] = []

    def help(mine: Any, timeout: float | None) -> float:
        asked.append((mine, timeout))
        mine("helped", None)
        return 0.0

    made = HelpedFuture(help)
    assert made.result(5) == "helped"
    assert asked == [(made, 5)]
    assert made.result() == "helped"  # who has a value needs no help
    assert len(asked) == 1


def test_a_cancelled_one_stays_cancelled() -> None:
    made = future()
    told: list[Any] = []
    made.add_done_callback(told.append)
    assert made.cancel()
    made(1, None)
    assert made.cancel()
    assert made.cancelled()
    assert made.done()
    assert told == [made]
    with pytest.raises(concurrent.futures.CancelledError):
        made.result()


def test_one_that_is_done_can_t_be_cancelled() -> None:
    made = future()
    made(1, None)
    assert not made.cancel()
    assert made.result() == 1


@pytest.mark.parametrize("kind", [ZeroDivisionError, asyncio.CancelledError, GeneratorExit, SystemExit])
def test_the_next_callback_runs_though_one_raises(kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    made = future()
    told: list[Any] = []

    def bad(done: Any) -> None:
        raise kind("mine")

    made.add_done_callback(bad)
    made.add_done_callback(told.append)
    made(1, None)
    assert told == [made]
    assert f"{kind.__name__}: mine" in caplog.text


def test_who_waits_for_several() -> None:
    made = [future() for _ in range(4)]
    made[0](0, None)
    waiting = begin(concurrent.futures.wait, made, within(10))
    three: list[concurrent.futures.Future[Any]] = [*made[1:]]
    first = begin(lambda: next(concurrent.futures.as_completed(three, within(10))))
    made[1](None, ERROR)
    assert first.result(within(10)) is made[1]
    made[2](2, None)
    made[3].cancel()  # its answer may never come
    done, not_done = waiting.result(within(10))
    assert (done, not_done) == (set(made), set())


def test_asyncio_awaits_it() -> None:
    async def run() -> Any:
        made = future()
        begin(made, 5, None)
        return await asyncio.wait_for(asyncio.wrap_future(made), within(10))

    assert asyncio.run(run()) == 5


def race(*works: Callable[[], Any]) -> list[Any]:
    """Run all at once, as near as threads come to it; give what they gave."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(within(10))
        return work()

    return [one.result(within(20)) for one in [begin(run, work) for work in works]]


def outcome(made: HelpedFuture) -> Any:
    try:
        return made.result(within(10))
    except concurrent.futures.CancelledError:
        return "cancelled"


def test_whoever_comes_first_a_callback_runs_once_and_nobody_waits_for_ever() -> None:
    for number in range(300):
        made = future()
        told: list[Any] = []
        _, cancelled, value, _ = race(
            partial(made, number, None),
            made.cancel,
            partial(outcome, made),
            partial(made.add_done_callback, told.append),
        )
        assert told == [made]
        assert value == ("cancelled" if cancelled else number)


def test_it_stands_in_for_what_the_base_class_sets_on_itself() -> None:
    """It does not call `Future.__init__`: a Python that sets anything else there, or anywhere, needs a look."""
    attributes = {"_condition", "_state", "_result", "_exception", "_waiters", "_done_callbacks"}
    base = concurrent.futures.Future
    assert set(vars(base())) == attributes
    stored = [node for node in ast.walk(ast.parse(inspect.getsource(base))) if isinstance(node, ast.Attribute)]
    assert {node.attr for node in stored if isinstance(node.ctx, ast.Store)} == attributes
    made, plain = future(), base()
    for name in attributes:
        assert type(getattr(made, name)) is type(getattr(plain, name)), name
    assert made._state == plain._state


def test_the_states_of_the_base_class_are_those_that_it_knows() -> None:
    from concurrent.futures import _base

    known = [_base.PENDING, _base.RUNNING, _base.CANCELLED, _base.CANCELLED_AND_NOTIFIED, _base.FINISHED]
    assert set(_base._STATE_TO_DESCRIPTION_MAP) == set(known)
    settled, cancelled = future(), future()
    settled(1, None)
    cancelled.cancel()
    plain: concurrent.futures.Future[int] = concurrent.futures.Future()
    plain.set_result(1)
    assert settled._state == plain._state == _base.FINISHED
    assert cancelled._state == _base.CANCELLED_AND_NOTIFIED
