"""What can be no name, in each call that takes one: the same named error everywhere, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sig_core as sig
from tests.support.faces import Face

NO_NAMES = [[1], {}, True, object(), 1j, float("nan"), "", "x" * 256, "\ud800", 2**64, b"x"]
Call = Callable[[Any, Any], Any]


def hear(info: sig.Info, data: Any) -> None:
    """A listener."""


CALLS: dict[str, Call] = {
    "has_sender": lambda router, name: router.has_sender(name),
    "get_sender": lambda router, name: router.get_sender(name),
    "add_sender": lambda router, name: router.add_sender(name, ["e"]),
    "remove_sender": lambda router, name: router.remove_sender(name),
    "get_signal": lambda router, name: router.get_sender("own").get_signal(name),
    "add_listener": lambda router, name: router.add_listener(hear, name),
    "add_listener, event": lambda router, name: router.add_listener(hear, "own", name),
    "remove_listener": lambda router, name: router.remove_listener(hear, name),
    "request": lambda router, name: router.request(name, "method"),
    "last": lambda router, name: router.last(name, "e"),
    "last, event": lambda router, name: router.last("own", name),
}
REMOTE: dict[str, Call] = {
    "add_remote_sender": lambda router, name: router.add_remote_sender(name, ["e"]),
    "add_remote_senders": lambda router, name: router.add_remote_senders([name]),
    "remove_remote_sender": lambda router, name: router.remove_remote_sender(name),
    "add_remote_listener": lambda router, name: router.add_remote_listener(hear, name),
    "remove_remote_listener": lambda router, name: router.remove_remote_listener(hear, name),
    "remote_request": lambda router, name: router.remote_request(name, "method"),
    "last_values": lambda router, name: router.last_values(name),
}


@pytest.mark.parametrize("call", [pytest.param(call, id=name) for name, call in CALLS.items()])
def test_in_one_program_and_at_a_server(call: Call) -> None:
    for router in (sig.Router(), sig.ServerRouter("local://names")):
        router.add_sender("own", ["e"])
        for name in NO_NAMES:
            with pytest.raises(sig.ConfigError, match=r"name|sender|event"):
                call(router, name)
        assert (router.stats()["senders"], router.stats()["subscriptions"]) == (1, 0)


@pytest.mark.parametrize("call", [pytest.param(call, id=name) for name, call in (CALLS | REMOTE).items()])
def test_at_a_client(face: Face, call: Call) -> None:
    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0") as server:
            async with face.client(server.addresses[0]) as client:
                client.add_sender("own", ["e"])
                for name in NO_NAMES:
                    with pytest.raises(sig.ConfigError, match=r"name|sender|event"):
                        waits = call(client, name)
                        if waits is not None:
                            await waits
                assert not server.stats()["senders"] and not server.stats()["subscriptions"]

    face.run(scenario())


@pytest.mark.parametrize("questions", [None, 3, [1], ["ab"], [("s", "m")], [("s", "m", 1, 2)], {"s": "m"}])
def test_what_are_no_questions(face: Face, questions: Any) -> None:
    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0") as server:
            async with face.client(server.addresses[0]) as client:
                with pytest.raises(sig.ConfigError, match=r"\(sender, method, params\)"):
                    await client.request_many(questions)

    face.run(scenario())
