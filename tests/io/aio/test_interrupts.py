"""Which errors end a loop, and how they are handed to it."""

from __future__ import annotations

import asyncio

import pytest

from sig_core.io.aio.interrupts import ends_loop, throw
from tests.support.warped_loop import WarpedLoop


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_interrupt_ends_the_loop(error: BaseException) -> None:
    assert ends_loop(error)


@pytest.mark.parametrize(
    "error", [ValueError(), asyncio.CancelledError(), GeneratorExit(), TimeoutError(), BaseException()], ids=repr
)
def test_everything_else_is_a_failure_of_its_own(error: BaseException) -> None:
    assert not ends_loop(error)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_is_thrown_ends_a_loop_which_may_go_on(error: BaseException) -> None:
    loop, done = WarpedLoop(), list[str]()
    try:
        loop.call_soon(throw, error)
        loop.call_soon(done.append, "behind it")
        with pytest.raises(type(error)) as raised:
            loop.run_forever()
        assert raised.value is error and done == []
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert done == ["behind it"]
    finally:
        loop.close()
