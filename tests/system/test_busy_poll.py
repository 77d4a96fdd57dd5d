"""Requests keep a server's loop awake for a moment, events do not."""

from __future__ import annotations

from types import SimpleNamespace

import sig_core as sig
from tests.support import eventually


class Echo:
    def echo(self, params: object) -> object:
        return params


def test_requests_do_and_events_do_not() -> None:
    passed: list[None] = []
    with (
        sig.ServerRouter("tcp://127.0.0.1:0") as server,
        sig.ClientRouter(server.addresses[0]) as owner,
        sig.ClientRouter(server.addresses[0]) as asker,
    ):
        heard: list[object] = []
        sender = owner.add_remote_sender("s", ["e"], Echo())
        asker.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
        server._clients.loop.awake = SimpleNamespace(passed=lambda: passed.append(None))
        for number in range(10):
            sender.get_signal("e").trigger(number)
        eventually(lambda: len(heard) == 10)
        assert not passed
        assert asker.request("s", "echo", 1) == 1
        assert passed
