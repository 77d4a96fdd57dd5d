"""Chapters "Network features" and "Design" of the documentation of pysig 0.7: every feature, over a server."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually


class Said:
    """Listeners of the documentation, which keep what they would print."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def hear(self, info: sig.Info, data: Any) -> None:
        self.lines.append(f"{info['sender']} {info['event']} {data}")

    def hear_presence(self, info: sig.Info, data: Any) -> None:
        state = {sig.EVENT_CONNECT: "connected", sig.EVENT_DISCONNECT: "disconnected"}[info["event"]]
        self.lines.append(f"{info['sender']} is now {state}")

    def hear_any(self, info: sig.Info, data: Any) -> None:
        presence = info["event"] in (sig.EVENT_CONNECT, sig.EVENT_DISCONNECT)
        (self.hear_presence if presence else self.hear)(info, data)


@pytest.fixture
def said() -> Said:
    return Said()


EVENTS = ["my_event_1", "my_event_2"]


def test_specific_events(near: sig.ClientRouter, far: sig.ClientRouter, said: Said) -> None:
    near.addRemoteListener(said.hear, "my_sender", "my_event_1")
    near.addRemoteListener(said.hear, "my_second_sender", "my_event_2")
    sender = far.addRemoteSender("my_sender", EVENTS)
    far.addRemoteSender("my_second_sender", EVENTS).getSignal("my_event_1").trigger(None)
    sender.getSignal("my_event_2").trigger(None)
    sender.getSignal("my_event_1").trigger({"info1": "something", "info2": 2})
    eventually(lambda: said.lines == ["my_sender my_event_1 {'info1': 'something', 'info2': 2}"])


def test_connect_and_disconnect_events(near: sig.ClientRouter, far: sig.ClientRouter, said: Said) -> None:
    near.addRemoteListener(said.hear, "my_sender", "my_event_1")
    near.addRemoteListener(said.hear_presence, "my_sender", sig.EVENT_CONNECT)
    near.addRemoteListener(said.hear_presence, "my_sender", sig.EVENT_DISCONNECT)
    sender = far.addRemoteSender("my_sender", EVENTS)
    far.removeRemoteSender(sender)
    sender = far.addRemoteSender("my_sender", EVENTS)
    sender.getSignal("my_event_1").trigger(None)
    eventually(
        lambda: said.lines
        == [
            "my_sender is now connected",
            "my_sender is now disconnected",
            "my_sender is now connected",
            "my_sender my_event_1 None",
        ]
    )


def test_broadcast_events(near: sig.ClientRouter, far: sig.ClientRouter, said: Said) -> None:
    of_one = Said()
    near.addRemoteListener(said.hear_any)
    near.addRemoteListener(of_one.hear_any, "my_second_sender")
    sender = far.addRemoteSender("my_sender", EVENTS)
    second = far.addRemoteSender("my_second_sender", EVENTS)
    sender.getSignal("my_event_1").trigger(None)
    far.removeRemoteSender(sender)
    second.getSignal("my_event_2").trigger(None)
    eventually(
        lambda: said.lines
        == [
            "my_sender is now connected",
            "my_second_sender is now connected",
            "my_sender my_event_1 None",
            "my_sender is now disconnected",
            "my_second_sender my_event_2 None",
        ]
    )
    assert of_one.lines == ["my_second_sender is now connected", "my_second_sender my_event_2 None"]


def test_channels_and_requests_of_a_sender_of_the_server(
    server: sig.ServerRouter, near: sig.ClientRouter, said: Said
) -> None:
    near.addRemoteListener(said.hear, event="#changed")
    timer = server.addSender("timer", ["#changed"], {"read": lambda params: params["unit"]})
    timer.getSignal("#changed").trigger(12)
    eventually(lambda: said.lines == ["timer #changed 12"])
    assert near.remoteRequest("timer", "read", {"unit": "s"}) == "s"


def test_the_server_sees_senders_of_clients(server: sig.ServerRouter, far: sig.ClientRouter, said: Said) -> None:
    server.addListener(said.hear, "my_sender", "my_event_1")
    sender = far.addRemoteSender("my_sender", EVENTS, {"ping": lambda params: "pong"})
    found = server.getSender("my_sender")
    assert found is not None
    assert found.isConnected()
    assert server.request("my_sender", "ping") == "pong"
    sender.getSignal("my_event_1").trigger(1)
    eventually(lambda: said.lines == ["my_sender my_event_1 1"])


def test_a_client_has_local_senders_and_listeners_too(near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    at_home, elsewhere = Said(), Said()
    far.addListener(at_home.hear, "local", "my_event_1")
    far.addListener(at_home.hear, "remote of another", "my_event_1")
    near.addRemoteListener(elsewhere.hear)
    far.addSender("local", EVENTS, {"ping": lambda params: "pong"}).getSignal("my_event_1").trigger(1)
    assert at_home.lines == ["local my_event_1 1"]
    with pytest.raises(sig.UnknownSender):
        near.remoteRequest("local", "ping")

    near.addRemoteSender("remote of another", EVENTS).getSignal("my_event_1").trigger(2)
    eventually(lambda: "remote of another my_event_1 2" in elsewhere.lines)
    far.flush()
    assert at_home.lines == ["local my_event_1 1"]
    assert not any(line.startswith("local") for line in elsewhere.lines)


def test_a_listener_that_is_removed_hears_no_more(near: sig.ClientRouter, far: sig.ClientRouter, said: Said) -> None:
    others = Said()
    near.addRemoteListener(said.hear, "my_sender", "my_event_1")
    near.addRemoteListener(others.hear, "my_sender", "my_event_1")
    signal = far.addRemoteSender("my_sender", EVENTS).getSignal("my_event_1")
    signal.trigger(1)
    eventually(lambda: others.lines == ["my_sender my_event_1 1"])
    assert near.removeRemoteListener(said.hear, "my_sender", "my_event_1")
    signal.trigger(2)
    eventually(lambda: others.lines == ["my_sender my_event_1 1", "my_sender my_event_1 2"])
    assert said.lines == ["my_sender my_event_1 1"]


def test_senders_of_a_client_that_leaves_are_disconnected(server: sig.ServerRouter, said: Said) -> None:
    server.addListener(said.hear_presence, event=sig.EVENT_DISCONNECT)
    with sig.ClientRouter(server.addresses[0]) as client:
        client.addRemoteSender("my_sender", EVENTS)
    eventually(lambda: said.lines == ["my_sender is now disconnected"])
    found = server.getSender("my_sender")
    assert found is None or not found.isConnected()
