"""Chapter "Broadcast events" of the documentation of pysig 0.7, in Python 3."""
# ruff: noqa: UP031 - the documentation's own formats

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig


def test_sender_broadcast_event() -> None:
    heard = []

    def listen_to_events(info: sig.Info, data: Any) -> None:
        heard.append((info["sender"], info["event"], data))

    router = sig.Router()

    # register to all events from this sender
    router.addListener(listen_to_events, "my_sender")

    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    router.addSender("my_second_sender", ["my_event_1"]).getSignal("my_event_1").trigger(0)
    sender.getSignal("my_event_1").trigger(1)
    sender.getSignal("my_event_2").trigger(2)
    assert [heard[0][:2], *heard[1:]] == [
        ("my_sender", sig.EVENT_CONNECT),
        ("my_sender", "my_event_1", 1),
        ("my_sender", "my_event_2", 2),
    ]


def test_router_broadcast_event_comes_before_any_other() -> None:
    order: list[str] = []

    def noting(kind: str) -> sig.Listener:
        return lambda info, data: order.append(kind)

    router = sig.Router()
    sender = router.addSender("my_sender", ["#changed"])
    for kind, pattern in [
        ("specific", ("my_sender", "#changed")),
        ("channel", (None, "#changed")),
        ("sender broadcast", ("my_sender", None)),
        ("router broadcast", (None, None)),
    ]:
        router.addListener(noting(kind), *pattern)
    sender.getSignal("#changed").trigger(None)
    assert order == ["router broadcast", "sender broadcast", "channel", "specific"]


def test_info_has_sender_and_event() -> None:
    infos = []
    router = sig.Router()
    router.addListener(lambda info, data: infos.append(info), event="#changed")
    router.addSender("my_sender", ["#changed"]).getSignal("#changed").trigger(None)
    assert infos == [{"sender": "my_sender", "event": "#changed"}]


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    # this function will be called for any signal triggered
    def listen_to_any(info: sig.Info, data: Any) -> None:
        event = info.get("event")
        sender = info.get("sender")
        if event == sig.EVENT_CONNECT:
            print("Sender '%s' is now connected" % (sender))
        elif event == sig.EVENT_DISCONNECT:
            print("Sender '%s' is now disconnected" % (sender))
        else:
            print("Sender '%s' triggered event '%s' with data '%s'" % (sender, event, data))

    # create router
    router = sig.Router()

    # register listener, even though no sender is yet connected
    router.addListener(listen_to_any)

    # create sender (connect event will be triggered)
    my_events = ["my_event_1", "my_event_2"]
    sender = router.addSender("my_sender", my_events)

    # disconnect sender (disconnect event will be triggered)
    router.removeSender(sender)

    # connect sender again (connect event will be triggered)
    sender = router.addSender("my_sender", my_events)

    # connect another sender
    sender2 = router.addSender("my_second_sender", my_events)

    # trigger some events
    sender.getSignal(my_events[0]).trigger(None)
    sender2.getSignal(my_events[1]).trigger(None)

    assert capsys.readouterr().out.splitlines() == [
        "Sender 'my_sender' is now connected",
        "Sender 'my_sender' is now disconnected",
        "Sender 'my_sender' is now connected",
        "Sender 'my_second_sender' is now connected",
        "Sender 'my_sender' triggered event 'my_event_1' with data 'None'",
        "Sender 'my_second_sender' triggered event 'my_event_2' with data 'None'",
    ]
