"""Calls that a destructor, or a signal handler, makes in the midst of another call: at every place of that.

Each is made where the interrupted call may have any lock of ours. It must not wait for that: it is done, is done soon
by another thread, or raises an error that says where to call it from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import sig_core as sig
from sig_core.testing import begin, eventually
from tests.interrupts.world import STEPS, World, each_place
from tests.support import within
from tests.support.injection import Injection

pytestmark = pytest.mark.pure_only("its places are those of interpreted code")


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def request_and_release(world: World) -> None:
    with suppress(sig.LocalProtocolError):  # in the midst of a call; else it is answered
        assert world.victim.remote_request("echo", "say", 1) == 1


def add_and_remove(world: World) -> None:
    with suppress(sig.LocalProtocolError):
        world.victim.add_remote_listener(print, world.fresh(), "e").remove()


CALLS: dict[str, Callable[[World], Any]] = {
    "trigger": lambda world: world.signal.trigger({"a": 1}),
    "trigger much": lambda world: world.signal.trigger("x" * 400_000),
    "request": lambda world: world.victim.remote_request("echo", "say", "text"),
    "sender": lambda world: world.victim.add_remote_sender(world.fresh(), ["x"]).remove(),
    "listener": lambda world: world.victim.add_remote_listener(print, world.fresh(), "e").remove(),
    "here": lambda world: world.victim.add_listener(print, world.fresh(), "e").remove(),
    "a server's trigger": lambda world: world.own.trigger(1),
    "a server's listener": lambda world: world.server.add_listener(print, world.fresh(), "e").remove(),
}
MADE: dict[str, Callable[[World], Any]] = {
    "trigger": lambda world: world.signal.trigger("inside"),
    "request": request_and_release,
    "request_async": lambda world: world.victim.request_async("echo", "say", 1),
    "addition": add_and_remove,
    "a server's trigger": lambda world: world.own.trigger(2),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_inside_a_call(world: World, name: str, made: str, step: int) -> None:
    each_place(lambda: CALLS[name](world), lambda: MADE[made](world), world.check, step=2 * step)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", CALLS)
def test_what_is_removed_inside_a_call_is_gone_soon(world: World, name: str, step: int) -> None:
    there: list[Any] = []

    def prepare() -> None:
        there[:] = [
            world.victim.add_remote_listener(print, world.fresh(), "e"),
            world.victim.add_listener(print, world.fresh(), "e"),
            world.victim.add_remote_sender(world.fresh(), ["x"]),
            world.victim.add_sender(world.fresh(), ["x"]),
            world.server.add_listener(print, world.fresh(), "e"),
        ]

    def remove() -> None:
        for each in there:
            each.remove()

    def check(where: str) -> None:
        eventually(lambda: not world.victim.has_sender(there[2].name), 2, where)
        eventually(lambda: not world.victim.has_sender(there[3].name), 2, where)
        eventually(lambda: world.victim._table.size == 0 and not world.victim._state.registrations.table.size, 2, where)
        eventually(lambda: world.server._table.size == 0, 2, where)
        remove()  # where the call has no such place, and again
        world.check(where)

    each_place(lambda: CALLS[name](world), remove, check, prepare=prepare, step=2 * step)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("where", ["client", "server"])
@pytest.mark.parametrize("name", CALLS)
def test_a_stop_inside_a_call(name: str, where: str, step: int) -> None:
    for number in range(1, 400, 5 * step):
        with World() as world:
            stopped: Any = world.victim if where == "client" else world.server
            injection = Injection(number, stopped.stop)

            def run(world: World = world, injection: Injection = injection) -> None:
                with suppress(sig.SigError), injection:
                    CALLS[name](world)

            begin(run).result(within(20))
            if not injection.reached:
                return
            eventually(lambda: not world.victim.is_connected, 10, injection.where)
