"""Driving a plan: on threads and on asyncio the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from sig_core.io.client.plans import drive, drive_async

Plan = Generator[Any, Any, Any]


def now(plan: Plan, perform: Callable[[Any], Any]) -> Any:
    return drive(plan, perform)


def awaited(plan: Plan, perform: Callable[[Any], Any]) -> Any:
    async def later(step: Any) -> Any:
        await asyncio.sleep(0)
        return perform(step)

    return asyncio.run(drive_async(plan, later))


BOTH = pytest.mark.parametrize("drives", [now, awaited])


def half(step: int) -> float:
    return 1 / step


@BOTH
def test_answers_are_sent_and_errors_thrown(drives: Callable[..., Any]) -> None:
    seen: list[Any] = []

    def plan() -> Plan:
        seen.append((yield 2))
        try:
            yield 0
        except ZeroDivisionError as error:
            seen.append(type(error))
        seen.append((yield 4))
        return "done"

    assert drives(plan(), half) == "done"
    assert seen == [0.5, ZeroDivisionError, 0.25]


@BOTH
def test_a_plan_without_steps(drives: Callable[..., Any]) -> None:
    def plan() -> Plan:
        return 5
        yield

    assert drives(plan(), half) == 5


@BOTH
def test_what_a_plan_raises_is_raised(drives: Callable[..., Any]) -> None:
    def plan() -> Plan:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        drives(plan(), half)


@BOTH
def test_what_a_plan_does_not_catch_is_raised(drives: Callable[..., Any]) -> None:
    def plan() -> Plan:
        yield 0

    with pytest.raises(ZeroDivisionError):
        drives(plan(), half)
