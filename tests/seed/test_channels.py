"""Chapter "Channel events" of the documentation of pysig 0.7: three sensors, over a server."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually


class Callback:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def __call__(self, info: sig.Info, data: Any) -> None:
        self.heard.append((info["sender"], info["event"], data))


@pytest.fixture
def callback() -> Callback:
    return Callback()


class Sensors:
    """The senders temp, humidity and light, which share the channel `#changed`."""

    def __init__(self, router: sig.ClientRouter) -> None:
        self.router = router
        self.temp = router.addRemoteSender("temp", ["#changed", "cold", "hot"])
        self.humidity = router.addRemoteSender("humidity", ["#changed", "dry", "wet"])
        self.light = router.addRemoteSender("light", ["#changed"])

    def measure(self) -> None:
        self.temp.getSignal("cold").trigger(-3)
        self.temp.getSignal("#changed").trigger(21)
        self.humidity.getSignal("#changed").trigger(40)
        self.light.getSignal("#changed").trigger(100)


CHANGED = [("temp", "#changed", 21), ("humidity", "#changed", 40), ("light", "#changed", 100)]


def test_without_channels_each_sensor_is_registered_for(
    near: sig.ClientRouter, far: sig.ClientRouter, callback: Callback
) -> None:
    router = near
    router.addRemoteListener(callback, "temp", "changed")
    router.addRemoteListener(callback, "humidity", "changed")
    router.addRemoteListener(callback, "light", "changed")
    for name, value in (("temp", 21), ("humidity", 40), ("light", 100)):
        far.addRemoteSender(name, ["changed"]).getSignal("changed").trigger(value)
    eventually(lambda: callback.heard == [(sender, "changed", value) for sender, _, value in CHANGED])


def test_one_subscription_hears_all_sensors(
    near: sig.ClientRouter, far: sig.ClientRouter, callback: Callback
) -> None:
    router = near
    router.addRemoteListener(callback, event="#changed")
    Sensors(far).measure()
    eventually(lambda: callback.heard == CHANGED)


def test_the_other_way_to_write_it(near: sig.ClientRouter, far: sig.ClientRouter, callback: Callback) -> None:
    router = near
    router.addRemoteListener(callback, None, "#changed")
    Sensors(far).measure()
    eventually(lambda: callback.heard == CHANGED)


def test_a_sensor_that_comes_later_is_heard_too(
    near: sig.ClientRouter, far: sig.ClientRouter, callback: Callback
) -> None:
    near.addRemoteListener(callback, event="#changed")
    Sensors(far).measure()
    near.addRemoteSender("wind", ["#changed"]).getSignal("#changed").trigger(7)
    eventually(lambda: sorted(callback.heard) == sorted([*CHANGED, ("wind", "#changed", 7)]))


# -- Good to know


def test_built_in_events_are_channels(near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    heard = Callback()

    def listen_for_connects(info: sig.Info, data: Any) -> None:
        heard(info, None)

    router = near
    router.addRemoteListener(listen_for_connects, event=sig.EVENT_CONNECT)
    router.addRemoteListener(listen_for_connects, event=sig.EVENT_DISCONNECT)
    sensors = Sensors(far)
    sensors.measure()
    far.removeRemoteSender(sensors.light)
    eventually(
        lambda: heard.heard
        == [
            ("temp", "#connect", None),
            ("humidity", "#connect", None),
            ("light", "#connect", None),
            ("light", "#disconnect", None),
        ]
    )


def test_an_event_without_decorator_is_no_channel(
    near: sig.ClientRouter, far: sig.ClientRouter, callback: Callback
) -> None:
    router = near
    router.addRemoteListener(callback, event="cold")
    router.addRemoteListener(callback, event="#changed")  # fired after "cold", so it comes after it
    Sensors(far).measure()
    eventually(lambda: callback.heard == CHANGED)


def test_a_channel_of_one_sender_is_an_event_of_that_sender(
    near: sig.ClientRouter, far: sig.ClientRouter, callback: Callback
) -> None:
    everything = Callback()
    router = near
    router.addRemoteListener(callback, "temp", "#changed")
    router.addRemoteListener(everything, "light", "#changed")
    Sensors(far).measure()
    eventually(lambda: everything.heard == [("light", "#changed", 100)])
    assert callback.heard == [("temp", "#changed", 21)]


def test_the_same_within_one_program(callback: Callback) -> None:
    router = sig.Router()
    router.addListener(callback, None, "#changed")
    router.addListener(callback, "temp", "#changed")
    router.addListener(callback, event="cold")
    temp = router.addSender("temp", ["#changed", "cold", "hot"])
    humidity = router.addSender("humidity", ["#changed", "dry", "wet"])
    temp.getSignal("#changed").trigger(21)
    humidity.getSignal("#changed").trigger(40)
    temp.getSignal("cold").trigger(None)
    assert callback.heard == [("temp", "#changed", 21)] * 2 + [("humidity", "#changed", 40)]
