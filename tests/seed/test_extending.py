"""Chapter "Extending functionality" of the documentation of pysig 0.7, in Python 3; and the same over a server."""
# ruff: noqa: UP031 - the documentation's own formats

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually


class MySender(sig.Sender):
    pass


class MySignal(sig.Signal):
    pass


class MyEvent(sig.Event):
    pass


def test_classes_in_the_constructor() -> None:
    router = sig.Router(class_sender=MySender, class_event=MyEvent, class_signal=MySignal)
    sender = router.addSender("my_sender", ["my_event_1"])
    assert type(sender) is MySender
    assert type(sender.getEvent("my_event_1")) is MyEvent
    assert type(sender.getSignal("my_event_1")) is MySignal


def test_classes_on_the_fly() -> None:
    router = sig.Router()
    before = router.addSender("before", ["my_event_1"])
    router.class_sender = MySender
    router.class_event = MyEvent
    router.class_signal = MySignal
    sender = router.addSender("my_sender", ["my_event_1"])
    assert type(sender) is MySender
    assert type(sender.getEvent("my_event_1")) is MyEvent
    assert type(sender.getSignal("my_event_1")) is MySignal
    assert type(before) is sig.Sender
    assert type(before.getSignal("my_event_1")) is sig.Signal


def test_signal_of_one_sender() -> None:
    router = sig.Router()
    router.addSender("my_sender", ["my_event_1"])
    other = router.addSender("my_second_sender", ["my_event_1"])

    # find my sender
    sender = router.getSender("my_sender")
    assert sender is not None

    # all signals created by this sender, from now on, will be instances of MySignal class
    sender.class_signal = MySignal
    assert type(sender.getSignal("my_event_1")) is MySignal
    assert type(other.getSignal("my_event_1")) is sig.Signal


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    # counts the number of occurrences for each key
    count_dict: dict[str, int] = {}

    def count_message_from(key: str) -> int:
        value = count_dict.get(key, 0)
        value += 1
        count_dict[key] = value
        return value

    # my own signal class
    class MySignal(sig.Signal):
        def __init__(self, objevent: sig.Event, broad_events: Sequence[sig.Event]) -> None:
            sig.Signal.__init__(self, objevent, broad_events)

        def trigger(self, data: Any = None) -> None:
            event_name = self.objevent.getName()
            sender_name = self.objsender.getName()

            # count each message occurrence count
            value = count_message_from("%s:%s" % (sender_name, event_name))
            self.event_info["count"] = value

            # call super
            sig.Signal.trigger(self, data)

    # listener callback
    def listen_to_any(info: sig.Info, data: Any) -> None:
        sender = info.get("sender")
        event = info.get("event")
        occur: Any = info.get("count")
        print("Sender: %17.17s Event: %12.12s Occurrence: %u times" % (sender, event, occur))

    # print statistics
    def print_statistics() -> None:
        print("\nEvent statistics:")
        for key, value in sorted(count_dict.items()):
            print("%30.30s was triggered %u times" % (key, value))

    # create router and instruct it to use a custom Signal class
    router = sig.Router(class_signal=MySignal)

    # register broadcast listener
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

    # remove senders
    router.removeSender(sender)
    router.removeSender(sender2)

    # print statistics
    print_statistics()

    assert capsys.readouterr().out.splitlines() == [
        "Sender:         my_sender Event:     #connect Occurrence: 1 times",
        "Sender:         my_sender Event:  #disconnect Occurrence: 1 times",
        "Sender:         my_sender Event:     #connect Occurrence: 2 times",
        "Sender:  my_second_sender Event:     #connect Occurrence: 1 times",
        "Sender:         my_sender Event:   my_event_1 Occurrence: 1 times",
        "Sender:  my_second_sender Event:   my_event_2 Occurrence: 1 times",
        "Sender:         my_sender Event:  #disconnect Occurrence: 2 times",
        "Sender:  my_second_sender Event:  #disconnect Occurrence: 1 times",
        "",
        "Event statistics:",
        "     my_second_sender:#connect was triggered 1 times",
        "  my_second_sender:#disconnect was triggered 1 times",
        "   my_second_sender:my_event_2 was triggered 1 times",
        "            my_sender:#connect was triggered 2 times",
        "         my_sender:#disconnect was triggered 2 times",
        "          my_sender:my_event_1 was triggered 1 times",
    ]


# -- over a server


class Counting(sig.Signal):
    """Adds how often this signal has fired."""

    def trigger(self, data: Any = None) -> None:
        self.event_info["count"] = self.event_info.get("count", 0) + 1
        sig.Signal.trigger(self, data)


def counts_heard_by(listener: sig.ClientRouter) -> list[tuple[Any, ...]]:
    """Fill a list with sender, count and data of what arrives on the channel `#changed`."""
    heard: list[tuple[Any, ...]] = []
    listener.addRemoteListener(lambda info, data: heard.append((info["sender"], info["count"], data)), event="#changed")
    return heard


def test_additions_of_a_client_arrive_at_remote_listeners(server: sig.ServerRouter, near: sig.ClientRouter) -> None:
    heard = counts_heard_by(near)
    with sig.ClientRouter(server.addresses[0], class_signal=Counting) as far:
        changed = far.addRemoteSender("temp", ["#changed"]).getSignal("#changed")
        for value in (20, 21):
            changed.trigger(value)
        eventually(lambda: heard == [("temp", 1, 20), ("temp", 2, 21)])


def test_additions_of_one_sender_of_a_client(near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    heard = counts_heard_by(near)
    sender = far.addRemoteSender("temp", ["#changed"])
    sender.class_signal = Counting
    sender.getSignal("#changed").trigger(20)
    eventually(lambda: heard == [("temp", 1, 20)])


def test_additions_of_the_server_arrive_at_remote_listeners() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", class_signal=Counting) as server:
        with sig.ClientRouter(server.addresses[0]) as near:
            heard = counts_heard_by(near)
            server.addSender("timer", ["#changed"]).getSignal("#changed").trigger("tic")
            eventually(lambda: heard == [("timer", 1, "tic")])
