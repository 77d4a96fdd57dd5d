"""A server's calls, interrupted at every place where a signal could come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sig_core.testing import eventually
from tests.interrupts.world import STEPS, World, each_place
from tests.support import within
from tests.support.injection import TimeLimit, interrupt, time_limit

pytestmark = pytest.mark.pure_only("its places are those of interpreted code")

ACTS = {"Ctrl-C": interrupt, "time limit": time_limit}
RAISED = (KeyboardInterrupt, TimeLimit)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


CALLS: dict[str, Callable[[World], Any]] = {
    "trigger": lambda world: world.own.trigger({"a": 1}),
    "trigger much": lambda world: world.own.trigger("x" * 400_000),
    "request": lambda world: world.server.request("echo", "say", "text"),
    "request_async": lambda world: world.server.request_async("echo", "say", 3).result(within(5)),
    "stats": lambda world: world.server.stats(),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_interrupted(world: World, name: str, act: str, step: int) -> None:
    def check(where: str) -> None:
        world.check(where)
        assert world.server.request("echo", "say", "next") == "next"
        world.own.trigger("next")
        eventually(lambda: world.heard_of_server and world.heard_of_server[-1] == "next", 2, where)
        world.heard_of_server.clear()
        eventually(lambda: not world.server._exchange.requests, 2, where)

    each_place(lambda: CALLS[name](world), ACTS[act], check, step=step, expected=RAISED)


ADDITIONS: dict[str, Callable[[World], Any]] = {
    "sender": lambda world: world.server.add_sender(world.fresh(), ["x", "y"]),
    "listener": lambda world: world.server.add_listener(print, world.fresh(), "x"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", ADDITIONS)
def test_an_addition_that_is_interrupted_is_none(world: World, name: str, act: str, step: int) -> None:
    added: list[Any] = []

    def check(where: str) -> None:
        while added:
            added.pop().remove()
        assert (list(world.server.senders), world.server._table.size) == (["own"], 0), where
        world.check(where)

    each_place(lambda: added.append(ADDITIONS[name](world)), ACTS[act], check, step=step, expected=RAISED)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", ADDITIONS)
def test_a_removal_that_is_interrupted_can_be_done_again(world: World, name: str, act: str, step: int) -> None:
    added: list[Any] = []

    def check(where: str) -> None:
        added.pop().remove()
        assert (list(world.server.senders), world.server._table.size) == (["own"], 0), where
        world.check(where)

    each_place(
        *(lambda: added[0].remove(), ACTS[act], check),
        prepare=lambda: added.append(ADDITIONS[name](world)),
        step=step,
        expected=RAISED,
    )
