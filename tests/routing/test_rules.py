"""The rules of local routing, one by one."""

from __future__ import annotations

import logging
import math
import threading
from typing import Any

import pytest

import sig_core as sig
from tests.support import within


def collector() -> tuple[list[Any], Any]:
    heard: list[Any] = []
    return heard, lambda info, data: heard.append((info["sender"], info["event"], data))


def test_order_of_dispatch() -> None:
    router, order = sig.Router(), []
    router.add_listener(lambda i, d: order.append("specific"), "s", "#e")
    router.add_listener(lambda i, d: order.append("channel"), None, "#e")
    router.add_listener(lambda i, d: order.append("sender"), "s")
    router.add_listener(lambda i, d: order.append("router"))
    router.add_listener(lambda i, d: order.append("router 2"))
    sender = router.add_sender("s", ["#e"])
    order.clear()
    sender.get_signal("#e").trigger()
    assert order == ["router", "router 2", "sender", "channel", "specific"]


def test_subscription_waits_for_its_sender_and_event_and_survives_it() -> None:
    router = sig.Router()
    heard, listen = collector()
    router.add_listener(listen, "s", "later")
    router.add_sender("s", ["other"])
    router.remove_sender("s")
    router.add_sender("s", ["later"]).get_signal("later").trigger(1)
    assert heard == [("s", "later", 1)]


def test_twice_registered_fires_twice_and_removing_removes_one() -> None:
    router = sig.Router()
    heard, listen = collector()
    sender = router.add_sender("s", ["e"])
    first = router.add_listener(listen, "s", "e")
    router.add_listener(listen, "s", "e")
    assert first
    assert first.active
    sender.get_signal("e").trigger()
    assert len(heard) == 2
    assert router.remove_listener(listen, "s", "e")
    assert not first.active
    sender.get_signal("e").trigger()
    assert len(heard) == 3
    with router.add_listener(listen, "s", "e"):
        sender.get_signal("e").trigger()
    assert len(heard) == 5
    assert router.remove_listener(listen, "s", "e")
    assert not router.remove_listener(listen, "s", "e")


def test_removed_inside_the_same_dispatch_does_not_start() -> None:
    router = sig.Router()
    heard, listen = collector()
    router.add_listener(lambda info, data: second.remove(), "s", "e")
    second = router.add_listener(listen, "s", "e")
    router.add_sender("s", ["e"]).get_signal("e").trigger()
    assert heard == []


def test_info_is_a_fresh_copy_for_each_trigger() -> None:
    router, seen = sig.Router(), []

    def spoil(info: sig.Info, data: Any) -> None:
        seen.append(dict(info))
        info["spoilt"] = True

    router.add_listener(spoil, "s", "e")
    signal = router.add_sender("s", ["e"]).get_signal("e")
    signal.trigger()
    signal.trigger()
    assert seen == [{"sender": "s", "event": "e"}] * 2


@pytest.mark.parametrize(
    "name", ["", True, math.nan, math.inf, 2**64, -(2**63) - 1, "\ud800", "x" * 256, "é" * 128, None, (), b"x"]
)
def test_bad_names(name: Any) -> None:
    router = sig.Router()
    with pytest.raises(sig.ConfigError):
        router.add_sender(name, [])
    with pytest.raises(sig.ConfigError):
        router.add_sender("s", [name])


@pytest.mark.parametrize("name", ["x" * 255, 0, -(2**63), 2**64 - 1, 0.5, "é"])
def test_good_names(name: Any) -> None:
    router = sig.Router()
    heard, listen = collector()
    router.add_listener(listen, name, name)
    router.add_sender(name, [name]).get_signal(name).trigger()
    assert heard == [(name, name, None)]


def test_names_are_equal_as_python_compares_them() -> None:
    router = sig.Router()
    router.add_sender(1, [])
    with pytest.raises(NameError):
        router.add_sender(1.0, [])
    router.add_sender("1", [])


def test_taken_names_and_stale_signals() -> None:
    router = sig.Router()
    signal = router.add_sender("s", ["e"]).get_signal("e")
    with pytest.raises(sig.SenderExists, match="already connected"):
        router.add_sender("s", [])
    assert router.remove_sender("s")
    assert not router.remove_sender("s")
    with pytest.raises(sig.UnknownSender, match="no longer connected"):
        signal.trigger()
    with pytest.raises(sig.UnknownEvent, match="has no event 'f'"):
        router.add_sender("s", ["e"]).get_signal("f")


def test_listener_that_raises_is_logged_and_others_run(caplog: pytest.LogCaptureFixture) -> None:
    router = sig.Router()
    heard, listen = collector()

    def broken(info: sig.Info, data: Any) -> None:
        raise RuntimeError("on purpose")

    router.add_listener(broken, "s", "e")
    router.add_listener(listen, "s", "e")
    with caplog.at_level(logging.ERROR, "sig"):
        router.add_sender("s", ["e"]).get_signal("e").trigger()
    assert heard
    assert router.listener_errors == 1
    assert "on purpose" in caplog.text
    assert "Traceback" in caplog.text


def test_every_call_is_legal_inside_a_callback() -> None:
    router = sig.Router()
    heard, listen = collector()

    def busy(info: sig.Info, data: Any) -> None:
        if info["sender"] != "outer":
            return
        inner = router.add_sender("inner", ["e"], {"ask": lambda params: params})
        with router.add_listener(listen, "inner", "e"):
            inner.get_signal("e").trigger(router.request("inner", "ask", 1))
        router.remove_sender(inner)

    router.add_listener(busy, None, sig.EVENT_CONNECT)
    router.add_listener(busy, None, sig.EVENT_DISCONNECT)
    router.add_sender("outer", [])
    router.remove_sender("outer")
    assert heard == [("inner", "e", 1)] * 2


def test_a_sender_may_come_back_inside_its_own_disconnect() -> None:
    router = sig.Router()
    once = threading.Event()

    def again(info: sig.Info, data: Any) -> None:
        if not once.is_set():
            once.set()
            router.add_sender("s", ["e"])

    router.add_listener(again, "s", sig.EVENT_DISCONNECT)
    router.add_sender("s", ["e"])
    router.remove_sender("s")
    found = router.get_sender("s")
    assert found is not None
    assert found.is_connected()
    found.get_signal("e").trigger()


def test_threads_keep_their_order() -> None:
    router, seen = sig.Router(), {}
    router.add_listener(lambda info, data: seen.setdefault(data[0], []).append(data[1]), "s", "e")
    signal = router.add_sender("s", ["e"]).get_signal("e")
    ended = threading.Event()

    def churn() -> None:
        while not ended.is_set():
            router.add_listener(lambda info, data: None, "s", "e").remove()

    def fire(who: int) -> None:
        for n in range(2000):
            signal.trigger((who, n))

    churner = threading.Thread(target=churn)
    threads = [threading.Thread(target=fire, args=(who,)) for who in range(4)]
    for thread in (churner, *threads):
        thread.start()
    for thread in threads:
        thread.join(within(60))
    ended.set()
    churner.join(within(60))
    assert not churner.is_alive()
    assert {who: list(range(2000)) for who in range(4)} == seen


def test_classes_are_chosen_on_the_router_and_on_a_sender() -> None:
    class MySender(sig.Sender): ...

    class MyEvent(sig.Event): ...

    class MySignal(sig.Signal): ...

    router = sig.Router(class_sender=MySender, class_event=MyEvent, class_signal=MySignal)
    sender = router.add_sender("s", ["e"])
    assert type(sender) is MySender
    assert type(sender.get_event("e")) is MyEvent
    assert type(sender.get_signal("e")) is MySignal
    router.class_sender = sig.Sender
    other = router.add_sender("t", ["e"])
    assert type(other) is sig.Sender
    other.class_signal = sig.Signal
    assert type(other.get_signal("e")) is sig.Signal


def test_camel_case_follows_an_override() -> None:
    class Mine(sig.Router):
        def add_sender(self, sender: Any, events: Any = None, request_handler: Any = None) -> sig.Sender:
            return super().add_sender(f"my {sender}", events, request_handler)

    assert Mine().addSender("s", ["e"]).getName() == "my s"


def test_events_know_their_listeners() -> None:
    router = sig.Router()
    _, listen = collector()
    sender = router.add_sender("s", ["#e", "f"])
    sender.add_listener(listen, "#e")
    sender.addListener(listen)
    event = sender.getEvent("#e")
    assert event.getListeners() == [listen]
    assert event.isChannel()
    assert not sender.getEvent("f").isChannel()
    assert event.getSender() is sender
    assert sender.countListeners() == 2
    assert sender.hasListeners()
    assert sender.removeListener(listen)
    assert sender.remove()


def test_simple_logger_names_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    logger = sig.SimpleLogger(tag="[sig]", level=sig.LOG_LEVELS.LEVEL_INFO)
    logger.info("hello")
    logger.debug("not this")
    out = capsys.readouterr().out
    line = out[len("[sig][") : out.index("]", 6)]
    assert int(line) > 0
    assert out == f"[sig][{line}][test_simple_logger_names_the_caller][{'info':>8}]-hello\n"


def test_a_removed_sender_gives_no_signals() -> None:
    heard: list[Any] = []
    router = sig.Router()
    sender = router.add_sender("s", ["e"])
    router.add_listener(lambda info, data: heard.append(data), "s", "e")
    sender.remove()
    with pytest.raises(sig.UnknownSender, match="add it again"):
        sender.get_signal("e")
    router.add_sender("s", ["e"]).get_signal("e").trigger(1)
    assert heard == [1]


@pytest.mark.parametrize("connected", [True, False])
def test_an_event_that_was_never_declared_can_not_be_fired_and_is_not_told_of(connected: bool) -> None:
    router, heard = sig.Router(), []
    router.add_listener(lambda info, data: heard.append((info["event"], data)), "s")
    if connected:
        router.add_sender("s", ["e"])
    sender = router.get_sender("s")
    assert sender is not None
    made = sender.get_event("other", create=True)
    assert made.listeners == [] and sender.get_event("other") is made
    with pytest.raises(sig.UnknownEvent, match="sender 's' has no event 'other'; it has: "):
        sender.get_signal("other")
    router.remove_sender("s")
    told = {"events": ["e", "#connect", "#disconnect"], "requests": None}
    assert heard == ([("#connect", told), ("#disconnect", told)] if connected else [])
