"""Calls of the client that is interrupted, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sig_core as sig
from tests.interrupts.world import World

__all__ = ["ADDITIONS", "CALLS"]
from tests.support import within


def ask_async(world: World) -> None:
    assert world.victim.request_async("echo", "say", 3).result(within(5)) == 3


CALLS: dict[str, Callable[[World], Any]] = {
    "trigger": lambda world: world.signal.trigger({"a": 1}),
    "trigger much": lambda world: world.signal.trigger("x" * 400_000),
    "request_many": lambda world: world.victim.request_many([("echo", "say", n) for n in range(3)]),
    "request": lambda world: world.victim.remote_request("echo", "say", "text"),
    "request to a name that is asked for": lambda world: ask_unknown(world),
    "request_async": ask_async,
    "flush": lambda world: world.victim.flush(),
}


def ask_unknown(world: World) -> None:
    with pytest.raises(sig.UnknownSender):
        world.victim.remote_request(world.fresh(), "say", 1)


def add_remote_senders(world: World) -> list[Any]:
    return list(world.victim.add_remote_senders({name: ["x"] for name in (world.fresh(), world.fresh())}))


ADDITIONS: dict[str, Callable[[World], list[Any]]] = {  # what is added, each of which has a `remove`
    "remote sender": lambda world: [world.victim.add_remote_sender(world.fresh(), ["x", "y"])],
    "remote senders": add_remote_senders,
    "remote listener": lambda world: [world.victim.add_remote_listener(print, world.fresh(), "e")],
    "remote listener with a queue": lambda world: [
        world.victim.add_remote_listener(print, world.fresh(), "e", delivery=sig.Delivery(overflow="latest"))
    ],
    "sender": lambda world: [world.victim.add_sender(world.fresh(), ["x"])],
    "listener": lambda world: [world.victim.add_listener(print, world.fresh(), "x")],
    "listener with a queue": lambda world: [
        world.victim.add_listener(print, world.fresh(), "x", delivery=sig.Delivery())
    ],
}
