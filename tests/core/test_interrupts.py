"""What interrupted a call is told from what the call itself ran into."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sig_core.errors import EncodeError
from sig_core.interrupts import find_interrupt, pass_interrupt_on


class TimeLimit(Exception):
    """What a handler raises."""


def handler(number: int, frame: object) -> None:
    raise TimeLimit


def deep(number: int, frame: object) -> None:
    handler(number, None)


class Handler:
    def __call__(self, *args: object) -> None:
        raise TimeLimit


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def interrupted() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    len("the handler has run by now")


@pytest.mark.parametrize(
    "made",
    [handler, deep, Handler(), lambda *_: handler(0, None)],
    ids=["function", "deep", "object", "lambda"],
)
def test_what_a_signal_handler_raised(made: Callable[..., Any]) -> None:
    signal.signal(signal.SIGUSR1, made)
    with pytest.raises(TimeLimit) as caught:
        interrupted()
    assert find_interrupt(caught.value) is caught.value


def test_what_others_made_of_it() -> None:
    signal.signal(signal.SIGUSR1, handler)
    with pytest.raises(EncodeError) as caught:
        try:
            interrupted()
        except Exception as error:
            raise EncodeError("can't be carried") from error
    with pytest.raises(TimeLimit):
        pass_interrupt_on(caught.value)


def test_ctrl_c_is_one_wherever_it_comes_from() -> None:
    error = ValueError()
    error.__context__ = KeyboardInterrupt()
    assert find_interrupt(error) is error.__context__


def test_all_else_is_none() -> None:
    def fail(frame: object) -> None:
        raise TimeLimit(frame)

    with pytest.raises(TimeLimit) as caught:
        fail("no frame")
    caught.value.__context__ = caught.value.__cause__ = ValueError()
    assert find_interrupt(caught.value) is None
    pass_interrupt_on(caught.value)


def test_a_circle_of_causes() -> None:
    one, two = ValueError(1), ValueError(2)
    one.__cause__, two.__cause__ = two, one
    assert find_interrupt(one) is None
