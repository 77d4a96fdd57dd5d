"""`start` and `stop`, interrupted at every place where a signal could come: after another `stop` nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sig_core as sig
from sig_core.testing import eventually
from tests.interrupts.world import STEPS, each_place, nothing_is_left, ours
from tests.support.injection import TimeLimit, interrupt, time_limit

# A socket that was made just before the interrupt is nobody's yet: Python closes it, and says so.
pytestmark = [
    pytest.mark.pure_only("its places are those of interpreted code"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
RAISED = (KeyboardInterrupt, TimeLimit)
ACTS = {"Ctrl-C": interrupt, "time limit": time_limit}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("what", ["start", "stop"])
def test_a_client(what: str, act: str, step: int) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        run_through(lambda: sig.ClientRouter(server.addresses[0]), what, ACTS[act], len(ours()), step)
        eventually(lambda: not server.peers, 5)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("what", ["start", "stop"])
def test_a_server(what: str, act: str, step: int) -> None:
    run_through(lambda: sig.ServerRouter("tcp://127.0.0.1:0"), what, ACTS[act], 0, step)


def run_through(make: Callable[[], Any], what: str, act: Callable[[], None], threads: int, step: int) -> None:
    made: list[Any] = []

    def prepare() -> None:
        made[:] = [make()]
        if what == "stop":
            made[0].start()

    def check(where: str) -> None:
        made[0].stop()
        nothing_is_left(where, threads)
        if isinstance(made[0], sig.ClientRouter):
            assert not made[0].is_connected, where
        else:
            assert made[0].addresses == [] or not made[0]._clients._connections, where

    each_place(lambda: getattr(made[0], what)(), act, check, prepare=prepare, step=3 * step, expected=RAISED)
    made[0].stop()
    nothing_is_left("at the end", threads)
