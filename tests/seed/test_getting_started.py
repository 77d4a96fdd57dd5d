"""Chapter "Getting started" of the documentation of pysig 0.7, in Python 3."""
# ruff: noqa: UP031 - the documentation's own formats

from __future__ import annotations

import json
from typing import Any

import pytest

import sig_core as sig


def listen_to_events(info: sig.Info, data: Any) -> None:
    event = info.get("event")
    sender = info.get("sender")
    print("Received event '%s' from sender '%s' having data '%s'" % (event, sender, data))


def test_the_basics(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()

    # create a sender
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    assert sender.isConnected()
    assert router.getSender("my_sender") is sender

    # trigger its first event: no listener is registered, which is no problem
    sig_ev1 = sender.getSignal("my_event_1")
    data = {"info1": "something", "info2": 2}
    sig_ev1.trigger(data)
    assert capsys.readouterr().out == ""

    # register our listener callback
    assert router.addListener(listen_to_events, "my_sender", "my_event_1")
    sig_ev1.trigger(data)
    assert capsys.readouterr().out == (
        "Received event 'my_event_1' from sender 'my_sender' having data '{'info1': 'something', 'info2': 2}'\n"
    )


def test_trigger_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()
    router.addSender("my_sender", ["my_event_1", "my_event_2"])
    router.addListener(listen_to_events, "my_sender", "my_event_1")
    router.getSender("my_sender").getSignal("my_event_1").trigger({"info1": "somedata", "info2": 2})  # type: ignore[union-attr]
    assert capsys.readouterr().out == (
        "Received event 'my_event_1' from sender 'my_sender' having data '{'info1': 'somedata', 'info2': 2}'\n"
    )


def test_listener_by_the_sender(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    assert sender.addListener(listen_to_events, "my_event_1")
    sender.getSignal("my_event_1").trigger(1)
    sender.getSignal("my_event_2").trigger(2)
    assert capsys.readouterr().out == "Received event 'my_event_1' from sender 'my_sender' having data '1'\n"

    assert sender.removeListener(listen_to_events, "my_event_1")
    sender.getSignal("my_event_1").trigger(3)
    assert capsys.readouterr().out == ""


def test_listener_without_sender_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    router.addListener(listen_to_events, "my_sender")
    router.addListener(listen_to_events)
    sender.getSignal("my_event_2").trigger(1)
    assert capsys.readouterr().out == "Received event 'my_event_2' from sender 'my_sender' having data '1'\n" * 2


def test_names_are_the_objects_that_were_passed(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()
    router.addListener(lambda info, data: print(repr(info["sender"]), repr(info["event"]), data), 20)
    sender = router.addSender(20, [1, 2.0, "2.0"])
    sig_ev1 = sender.getSignal(1)
    sig_ev2 = sender.getSignal(2.0)
    sig_ev3 = sender.getSignal("2.0")
    capsys.readouterr()  # its #connect
    for signal in (sig_ev1, sig_ev2, sig_ev3):
        signal.trigger("x")
    assert capsys.readouterr().out.splitlines() == ["20 1 x", "20 2.0 x", "20 '2.0' x"]


def test_a_dictionary_as_a_name_once_it_is_encoded(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()
    sender_name = json.dumps({"id": 123, "source": "http://www.something.com"})
    sender = router.addSender(sender_name, [1, 2, 3])
    router.addListener(lambda info, data: print(json.loads(info["sender"])["id"], info["event"], data), sender_name, 3)
    sender.getSignal(3).trigger("x")
    assert capsys.readouterr().out == "123 3 x\n"


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    # create router
    router = sig.Router()

    # create sender
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    sig_ev1 = sender.getSignal("my_event_1")

    # register listener
    router.addListener(listen_to_events, "my_sender", "my_event_1")

    # trigger first event
    sig_ev1.trigger({"info1": "something", "info2": 2})

    assert capsys.readouterr().out == (
        "Received event 'my_event_1' from sender 'my_sender' having data '{'info1': 'something', 'info2': 2}'\n"
    )
