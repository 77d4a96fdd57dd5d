"""The examples of pysig's documentation, in Python 3, with their exact output."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig


def hear(info: sig.Info, data: Any) -> None:
    print(f"Received event '{info['event']}' from sender '{info['sender']}' having data '{data}'")


def test_getting_started(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    router.addListener(hear, "my_sender", "my_event_1")
    sender.getSignal("my_event_1").trigger({"info1": "something", "info2": 2})
    assert capsys.readouterr().out == (
        "Received event 'my_event_1' from sender 'my_sender' having data '{'info1': 'something', 'info2': 2}'\n"
    )


def test_connect_and_disconnect(capsys: pytest.CaptureFixture[str]) -> None:
    def presence(info: sig.Info, data: Any) -> None:
        state = "connected" if info["event"] == sig.EVENT_CONNECT else "disconnected"
        print("Sender connect/disconnect event, current state: ", state)

    def show() -> None:
        found = router.getSender("my_sender")
        assert found is not None
        print(f"Sender state: {'connected' if found.isConnected() else 'disconnected'}")

    router = sig.Router()
    router.addListener(hear, "my_sender", "my_event_1")
    router.addListener(presence, "my_sender", sig.EVENT_CONNECT)
    router.addListener(presence, "my_sender", sig.EVENT_DISCONNECT)
    show()
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    show()
    router.removeSender(sender)
    show()
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    show()
    sender.getSignal("my_event_1").trigger(None)
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


def test_signal_subclass(capsys: pytest.CaptureFixture[str]) -> None:
    counts: dict[str, int] = {}

    class MySignal(sig.Signal):
        def __init__(self, objevent: sig.Event, broad_events: Any) -> None:
            sig.Signal.__init__(self, objevent, broad_events)

        def trigger(self, data: Any = None) -> None:
            key = f"{self.objsender.getName()}:{self.objevent.getName()}"
            counts[key] = counts.get(key, 0) + 1
            self.event_info["count"] = counts[key]
            sig.Signal.trigger(self, data)

    def any_event(info: sig.Info, data: Any) -> None:
        print("Sender: %17.17s Event: %12.12s Occurrence: %u times" % (info["sender"], info["event"], info["count"]))  # noqa: UP031

    router = sig.Router(class_signal=MySignal)
    router.addListener(any_event)
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    router.removeSender(sender)
    sender = router.addSender("my_sender", ["my_event_1", "my_event_2"])
    second = router.addSender("my_second_sender", ["my_event_1", "my_event_2"])
    sender.getSignal("my_event_1").trigger(None)
    second.getSignal("my_event_2").trigger(None)
    router.removeSender(sender)
    router.removeSender(second)
    assert capsys.readouterr().out.splitlines() == [
        "Sender:         my_sender Event:     #connect Occurrence: 1 times",
        "Sender:         my_sender Event:  #disconnect Occurrence: 1 times",
        "Sender:         my_sender Event:     #connect Occurrence: 2 times",
        "Sender:  my_second_sender Event:     #connect Occurrence: 1 times",
        "Sender:         my_sender Event:   my_event_1 Occurrence: 1 times",
        "Sender:  my_second_sender Event:   my_event_2 Occurrence: 1 times",
        "Sender:         my_sender Event:  #disconnect Occurrence: 2 times",
        "Sender:  my_second_sender Event:  #disconnect Occurrence: 1 times",
    ]


class Weather:
    hidden = "not callable"

    def getWeather(self, params: Any) -> Any:
        return 20.2 if params.get("when") == "now" else "unknown"

    def get(self, method: str, params: Any) -> str:
        return f"Unknown method {method}"

    def _private(self, params: Any) -> str:
        return "never"


@pytest.mark.parametrize("form", ["object", "mapping"])
def test_requests(form: str) -> None:
    weather = Weather()
    handler: Any = weather if form == "object" else {"getWeather": weather.getWeather, None: weather.get}
    router = sig.Router()
    sender = router.addSender("my_sender", ["weather_change"], request_handler=handler)
    assert sender.request("getWeather", {"when": "now"}) == 20.2
    assert router.request("my_sender", "getWeather", {"when": "tomorrow"}) == "unknown"
    assert router.request("my_sender", "getWeatherInformation", None) == "Unknown method getWeatherInformation"
    for name in ("_private", "__class__", "__init__", "hidden", "__dict__"):
        assert router.request("my_sender", name) == f"Unknown method {name}"


def test_unknown_requests_are_lookup_errors() -> None:
    router = sig.Router()
    router.add_sender("a", [], {"x": lambda params: params})
    router.add_sender("b", [])
    for sender, method in (("a", "y"), ("b", "x"), ("c", "x")):
        with pytest.raises(LookupError):
            router.request(sender, method)
    with pytest.raises(sig.ConfigError):
        router.request("a", None)  # type: ignore[arg-type]
    assert router.request_async("a", "x", 5).result() == 5


def test_names_and_channels(capsys: pytest.CaptureFixture[str]) -> None:
    router = sig.Router()

    def show(what: str) -> Any:
        return lambda info, data: print(what, repr(info["sender"]), repr(info["event"]), data)

    router.add_listener(show("twenty"), 20)
    sender = router.add_sender(20, [1, 2.0, "2.0"])
    for event in (1, 2.0, "2.0"):
        sender.get_signal(event).trigger("x")
    router.remove_listener(show, 20)
    assert capsys.readouterr().out.splitlines() == [
        "twenty 20 '#connect' {'events': [1, 2.0, '2.0', '#connect', '#disconnect'], 'requests': None}",
        "twenty 20 1 x",
        "twenty 20 2.0 x",
        "twenty 20 '2.0' x",
    ]
    router.add_listener(show("channel"), None, "#changed")
    router.add_listener(show("temp only"), "temp", "#changed")
    router.add_listener(show("never"), event="cold")
    temp = router.add_sender("temp", ["#changed", "cold", "hot"])
    humidity = router.add_sender("humidity", ["#changed", "dry"])
    temp.get_signal("#changed").trigger(21)
    humidity.get_signal("#changed").trigger(40)
    temp.get_signal("cold").trigger(None)
    assert capsys.readouterr().out.splitlines() == [
        "channel 'temp' '#changed' 21",
        "temp only 'temp' '#changed' 21",
        "channel 'humidity' '#changed' 40",
    ]
