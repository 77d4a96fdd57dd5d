"""A client's calls, interrupted at every place where a signal could come: nothing is torn, taken, leaked or lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interrupts.calls import ADDITIONS, CALLS
from tests.interrupts.world import STEPS, World, each_place
from tests.support.injection import TimeLimit, interrupt, time_limit

pytestmark = pytest.mark.pure_only("its places are those of interpreted code")

ACTS = {"Ctrl-C": interrupt, "time limit": time_limit}
RAISED = (KeyboardInterrupt, TimeLimit)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_interrupted(world: World, name: str, act: str, step: int) -> None:
    losses = world.victim.stats()["losses"]
    places = each_place(lambda: CALLS[name](world), ACTS[act], world.check, step=step, expected=RAISED)
    assert places > 2
    assert world.victim.stats()["losses"] == losses  # the link lives: it says how much was sent, and read


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
