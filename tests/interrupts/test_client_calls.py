"""A client's calls, interrupted at every place where a signal could come: nothing is torn, taken, leaked or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sig_core as sig
from tests.interrupts.world import STEPS, World, each_place
from tests.support.injection import TimeLimit, interrupt, time_limit

ACTS = {"Ctrl-C": interrupt, "time limit": time_limit}
RAISED = (KeyboardInterrupt, TimeLimit)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def ask_async(world: World) -> None:
    assert world.victim.request_async("echo", "say", 3).result(5) == 3


CALLS: dict[str, Callable[[World], Any]] = {
    "trigger": lambda world: world.signal.trigger({"a": 1}),
    "trigger much": lambda world: world.signal.trigger("x" * 400_000),
    "request": lambda world: world.victim.remote_request("echo", "say", "text"),
    "request to a name that is asked for": lambda world: ask_unknown(world),
    "request_async": ask_async,
    "flush": lambda world: world.victim.flush(),
}


def ask_unknown(world: World) -> None:
    with pytest.raises(sig.UnknownSender):
        world.victim.remote_request(world.fresh(), "say", 1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_interrupted(world: World, name: str, act: str, step: int) -> None:
    losses = world.victim.stats()["losses"]
    places = each_place(lambda: CALLS[name](world), ACTS[act], world.check, step=step, expected=RAISED)
    assert places > 2
    assert world.victim.stats()["losses"] == losses  # the link lives: it says how much was sent, and read


def add_remote_senders(world: World) -> list[Any]:
    return list(world.victim.add_remote_senders({name: ["x"] for name in (world.fresh(), world.fresh())}))


ADDITIONS: dict[str, Callable[[World], list[Any]]] = {  # what is added, each of which has a `remove`
    "remote sender": lambda world: [world.victim.add_remote_sender(world.fresh(), ["x", "y"])],
    "remote senders": add_remote_senders,
    "remote listener": lambda world: [world.victim.add_remote_listener(print, world.fresh(), "e")],
    "sender": lambda world: [world.victim.add_sender(world.fresh(), ["x"])],
    "listener": lambda world: [world.victim.add_listener(print, world.fresh(), "x")],
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", ADDITIONS)
def test_an_addition_that_is_interrupted_is_none(world: World, name: str, act: str, step: int) -> None:
    added: list[Any] = []

    def check(where: str) -> None:
        while added:
            added.pop().remove()
        world.check(where)

    each_place(lambda: added.extend(ADDITIONS[name](world)), ACTS[act], check, step=step, expected=RAISED)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", ADDITIONS)
def test_a_removal_that_is_interrupted_can_be_done_again(world: World, name: str, act: str, step: int) -> None:
    added: list[Any] = []

    def remove() -> None:
        for each in added:
            each.remove()

    def check(where: str) -> None:
        remove()
        added.clear()
        world.check(where)

    each_place(
        *(remove, ACTS[act], check),
        prepare=lambda: added.extend(ADDITIONS[name](world)),
        step=step,
        expected=RAISED,
    )
