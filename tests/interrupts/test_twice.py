"""A second interrupt, while what the first one left is put right: that changes nothing of what must hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.testing import eventually
from tests.interrupts.calls import ADDITIONS, CALLS
from tests.interrupts.world import World, each_pair, nothing_is_left, ours
from tests.support.injection import interrupt

RAISED = (KeyboardInterrupt,)
MOST = 100_000  # places that a call may have
PARTS = 8  # of the places where the first interrupt comes: so that no test takes long
PLACES = [
    pytest.param(range(1, MOST, 11), 11, id="some pairs"),
    *(
        pytest.param(range(part, MOST, PARTS), 1, id=f"every pair, part {part}", marks=pytest.mark.slow)
        for part in range(1, PARTS + 1)
    ),
]


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


@pytest.mark.parametrize(("places", "step"), PLACES)
@pytest.mark.parametrize("name", CALLS)
def test_a_call(world: World, name: str, places: range, step: int) -> None:
    losses = world.victim.stats()["losses"]
    each_pair(lambda: CALLS[name](world), interrupt, world.check, places=places, step=step, expected=RAISED)
    assert world.victim.stats()["losses"] == losses


@pytest.mark.parametrize(("places", "step"), PLACES)
@pytest.mark.parametrize("name", ADDITIONS)
def test_an_addition_is_none(world: World, name: str, places: range, step: int) -> None:
    added: list[Any] = []

    def check(where: str) -> None:
        while added:
            added.pop().remove()
        world.check(where)

    each_pair(lambda: added.extend(ADDITIONS[name](world)), interrupt, check, places=places, step=step, expected=RAISED)


@pytest.mark.parametrize(("places", "step"), PLACES)
@pytest.mark.parametrize("name", ADDITIONS)
def test_a_removal_can_be_done_again(world: World, name: str, places: range, step: int) -> None:
    added: list[Any] = []

    def remove() -> None:
        for each in added:
            each.remove()

    def check(where: str) -> None:
        remove()
        added.clear()
        world.check(where)

    prepare = lambda: added.extend(ADDITIONS[name](world))  # noqa: E731
    each_pair(remove, interrupt, check, prepare=prepare, places=places, step=step, expected=RAISED)


PLACES_OF_LIFE = [
    pytest.param(range(1, MOST, 41), 41, id="some pairs"),
    *(
        pytest.param(range(part, MOST, 7 * PARTS), 7, id=f"more pairs, part {part}", marks=pytest.mark.slow)
        for part in range(1, 7 * PARTS, 7)
    ),
]


# A socket that was made just before the interrupt is nobody's yet: Python closes it, and says so.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("places", "step"), PLACES_OF_LIFE)
@pytest.mark.parametrize("what", ["start", "stop"])
def test_the_start_and_the_stop_of_a_client(what: str, places: range, step: int) -> None:
    made: list[sig.ClientRouter] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        threads = len(ours())

        def prepare() -> None:
            made[:] = [sig.ClientRouter(server.addresses[0])]
            if what == "stop":
                made[0].start()

        def check(where: str) -> None:
            made[0].stop()
            nothing_is_left(where, threads)
            assert not made[0].is_connected, where

        call = lambda: getattr(made[0], what)()  # noqa: E731
        each_pair(call, interrupt, check, prepare=prepare, places=places, step=step, expected=RAISED)
        eventually(lambda: not server.peers, 5)
