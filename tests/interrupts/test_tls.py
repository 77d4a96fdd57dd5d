"""Calls inside TLS, interrupted: nobody knows what of a record is out; the link ends, and what is lost is counted.

Calls that a destructor makes in the midst of them: the link lives, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import sig_core as sig
from tests.interrupts.world import RECONNECT, STEPS, World, each_place
from tests.support import eventually
from tests.support.certificates import Authority
from tests.support.injection import TimeLimit, interrupt, time_limit

pytestmark = pytest.mark.pure_only("its places are those of interpreted code")

ACTS = {"Ctrl-C": interrupt, "time limit": time_limit}
RAISED = (KeyboardInterrupt, TimeLimit)
CALLS: dict[str, Callable[[World], object]] = {
    "trigger": lambda world: world.signal.trigger({"a": 1}),
    "trigger much": lambda world: world.signal.trigger("x" * 400_000),
    "request": lambda world: world.victim.remote_request("echo", "say", "text"),
    "flush": lambda world: world.victim.flush(),
}


def request(world: World) -> None:
    with suppress(sig.LocalProtocolError):  # in the midst of a call; else it is answered
        assert world.victim.remote_request("echo", "say", 1) == 1


MADE: dict[str, Callable[[World], object]] = {
    "trigger": lambda world: world.signal.trigger("inside"),
    "request": request,
    "request_async": lambda world: world.victim.request_async("echo", "say", 1),
}


@pytest.fixture
def world(authority: Authority) -> Iterator[World]:
    with World(f"tls+tcp://127.0.0.1:0{authority.query('server')}", authority.query("client")) as made:
        yield made


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_interrupted(world: World, name: str, act: str, step: int) -> None:
    assert each_place(lambda: CALLS[name](world), ACTS[act], world.check, step=step, expected=RAISED) > 2


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
def test_a_start_that_is_interrupted_leaves_nothing(world: World, act: str, step: int) -> None:
    url = world.server.addresses[0] + world.query
    started: list[sig.ClientRouter] = []

    def start() -> None:
        started.append(sig.ClientRouter(url, reconnect=RECONNECT))
        started[-1].start()

    def check(where: str) -> None:
        while started:
            started.pop().stop()
        eventually(lambda: len(world.server.peers) == 2, 5, where)

    each_place(start, ACTS[act], check, step=20 * step, expected=RAISED)
    check("the last one was not interrupted")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_inside_a_call(world: World, name: str, made: str, step: int) -> None:
    link = world.victim._connection.link
    assert each_place(lambda: CALLS[name](world), lambda: MADE[made](world), world.check, step=step) > 2
    assert world.victim._connection.link is link and not world.other.lost.total()
