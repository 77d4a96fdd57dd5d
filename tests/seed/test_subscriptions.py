"""Chapter "Subscriptions" of the documentation of pysig 0.7, in Python 3."""
# ruff: noqa: UP031 - the documentation's own formats

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig

EVERYTHING = [("a", "#changed"), ("a", "event"), ("b", "#changed"), ("b", "event")]


def test_names_of_the_built_in_events() -> None:
    assert (sig.EVENT_CONNECT, sig.EVENT_DISCONNECT) == ("#connect", "#disconnect")


@pytest.mark.parametrize(
    ("sender", "event", "hears"),
    [
        pytest.param("a", "event", [("a", "event")], id="normal"),
        pytest.param("a", None, [("a", "#changed"), ("a", "event")], id="sender-broadcast"),
        pytest.param(None, None, EVERYTHING, id="router-broadcast"),
        pytest.param(None, "#changed", [("a", "#changed"), ("b", "#changed")], id="channel"),
    ],
)
def test_types_of_subscriptions(sender: str | None, event: str | None, hears: list[tuple[str, str]]) -> None:
    heard = []

    def callback(info: sig.Info, data: Any) -> None:
        heard.append((info["sender"], info["event"]))

    router = sig.Router()
    signals = [router.addSender(name, ["#changed", "event"]) for name in ("a", "b")]
    assert router.addListener(callback, sender, event)
    for each in signals:
        each.getSignal("#changed").trigger(None)
        each.getSignal("event").trigger(None)
    assert heard == hears


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    # this function will be called when the sender connects or disconnects
    def listen_to_connect_disconnect(info: sig.Info, data: Any) -> None:
        event = info.get("event")
        print("Sender connect/disconnect event, current state: ", end=" ")
        if event == sig.EVENT_CONNECT:
            print("connected")
        else:
            print("disconnected")

    # this is your callback function
    def listen_to_events(info: sig.Info, data: Any) -> None:
        event = info.get("event")
        sender = info.get("sender")
        print("Received event '%s' from sender '%s' having data '%s'" % (event, sender, data))

    def print_sender_state() -> None:
        connected = router.getSender("my_sender").isConnected()  # type: ignore[union-attr]
        print("Sender state: %s" % ("connected" if connected else "disconnected"))

    # create router
    router = sig.Router()

    # register listener, even though no sender is yet connected
    router.addListener(listen_to_events, "my_sender", "my_event_1")

    # register to connect and disconnect events
    router.addListener(listen_to_connect_disconnect, "my_sender", sig.EVENT_CONNECT)
    router.addListener(listen_to_connect_disconnect, "my_sender", sig.EVENT_DISCONNECT)
    print_sender_state()

    # create sender (connect event will be triggered)
    my_events = ["my_event_1", "my_event_2"]
    sender = router.addSender("my_sender", my_events)
    print_sender_state()

    # disconnect sender (disconnect event will be triggered)
    router.removeSender(sender)
    print_sender_state()

    # connect sender again (connect event will be triggered)
    sender = router.addSender("my_sender", my_events)
    print_sender_state()

    # trigger first event
    sender.getSignal(my_events[0]).trigger(None)

    assert capsys.readouterr().out.splitlines() == [
        "Sender state: disconnected",
        "Sender connect/disconnect event, current state:  connected",
        "Sender state: connected",
        "Sender connect/disconnect event, current state:  disconnected",
        "Sender state: disconnected",
        "Sender connect/disconnect event, current state:  connected",
        "Sender state: connected",
        "Received event 'my_event_1' from sender 'my_sender' having data 'None'",
    ]
