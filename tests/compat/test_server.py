"""A ServerRouter on a carrier that others wrote: its clients are played by the test."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import sig_core.compat as sig
from sig_core.testing import begin
from tests.compat.scripted import Message, Scripted, served
from tests.support import eventually, sig_threads, within

QUICK = sig.Limits(request_timeout=0.2)


def test_the_router_fills_the_methods_and_leaves_those_of_the_carrier() -> None:
    carrier = Scripted()
    carrier.methods["time"] = lambda clientid, params: [clientid, params]
    with served(carrier, 1):
        assert set(carrier.methods) == {
            *("get_version", "list_senders", "add_sender", "remove_sender", "add_listener", "remove_listener"),
            *("signal", "request", "time"),
        }
        assert carrier.ask(1, "time", zone="utc") == [1, {"zone": "utc"}]
        assert carrier.ask(1, "get_version") == carrier.methods["get_version"](1, {}) == "1.01"
        with pytest.raises(sig.UnknownSender):
            carrier.methods["request"](1, {"sender": "nobody", "method": "x"})


def test_events_and_requests_both_ways() -> None:
    carrier = Scripted()
    with served(carrier, "a", "b") as router:
        timer = router.addSender("timer", ["tic"], {"twice": lambda params: params * 2})
        ident = carrier.ask("a", "add_listener", sender=None, event=None)["listener_id"]
        assert carrier.ask("b", "add_sender", sender="b", events=["x"], requests=["echo"]) is None
        assert carrier.fire("b", "b", "x", {"n": 1}) is None
        timer.getSignal("tic").trigger(2)
        eventually(lambda: len(carrier.sent) == 3)
        connect, *events = [message for who, message in carrier.sent if who == "a"]
        assert connect["params"]["info"] == {"sender": "b", "event": "#connect"}
        assert [set(message) for message in events] == [{"method", "params"}] * 2
        assert events[0]["params"] == {"listener_id": ident, "info": {"sender": "b", "event": "x"}, "data": {"n": 1}}
        assert events[1]["params"]["data"] == 2
        assert carrier.ask("b", "request", sender="timer", method="twice", params=4) == 8
        carrier.answer = lambda clientid, message: {"status": 0, "response": [clientid, message["params"]["params"]]}
        assert router.request("b", "echo", 5) == ["b", 5]
        assert carrier.ask("a", "request", sender="b", method="echo", params=6) == ["b", 6]


def test_ids_are_the_clients_own() -> None:
    carrier = Scripted()
    with served(carrier, 1, 2):
        for ident in (1, "1", None, [1, {"a": 2}], 1):
            for clientid in (1, 2):
                reply = carrier.handleRX(clientid, {"id": ident, "method": "get_version"})
                assert reply == {"id": ident, "status": 0, "response": "1.01"}


def test_failures_of_the_server_come_as_replies() -> None:
    carrier = Scripted()
    with served(carrier, 1, 2) as router:
        router.addSender("mine", ["e"], {"bad": lambda params: 1 / 0})
        statuses = [
            carrier.ask(1, "add_sender", sender="mine", events=[])["status"],
            carrier.ask(1, "remove_sender", sender="mine")["status"],
            carrier.ask(1, "remove_sender", sender="nobody")["status"],
            carrier.ask(1, "request", sender="mine", method="other")["status"],
            carrier.fire(1, "mine", "e", None)["status"],
            carrier.ask(1, "add_listener", sender=[])["status"],
            carrier.ask(1, "request", sender="mine", method="bad")["status"],
        ]
        assert statuses == [-11, -12, -4, -5, -12, -7, -2]
        failed = carrier.ask(1, "request", sender="mine", method="bad")
        assert failed["exception"] == "division by zero"


def test_a_client_that_has_not_connected_is_told_so() -> None:
    carrier = Scripted()
    with served(carrier):
        assert "call handle_client_connected" in carrier.ask(1, "get_version")["exception"]
        assert carrier.ask([], "get_version")["status"] == -2  # a list can be no client's id


@pytest.mark.parametrize(
    ("data", "status"),
    [(object(), -13), (float("nan"), -13), ("\ud800", -13), ("x" * 5000, -8)],
    ids=["object", "nan", "surrogate", "long"],
)
def test_what_the_server_can_not_take_is_refused_and_the_client_lives(data: Any, status: int) -> None:
    carrier = Scripted()
    with served(carrier, 1, limits=sig.Limits(max_frame=4096)):
        carrier.ask(1, "add_sender", sender="s", events=["e"])
        assert carrier.fire(1, "s", "e", data)["status"] == status
        assert carrier.fire(1, "s", "e", "fine") is None


@pytest.mark.parametrize("leave", ["one", "all"])
def test_a_client_that_goes_takes_its_senders_and_listeners_along(leave: str) -> None:
    carrier = Scripted()
    with served(carrier, 1, 2) as router:
        gone = threading.Event()
        router.addListener(lambda info, data: gone.set(), "s", sig.EVENT_DISCONNECT)
        carrier.ask(1, "add_sender", sender="s", events=["e"])
        carrier.ask(1, "add_listener", sender="t")
        if leave == "one":
            carrier.handle_client_disconnected(1)
        else:
            carrier.handle_all_clients_diconnected()
        assert gone.wait(within(5))
        assert carrier.ask(1, "get_version")["status"] == -7
        carrier.handle_client_connected(1)  # its name is free again at once
        assert carrier.ask(1, "add_sender", sender="s", events=["e"]) is None
        router.addSender("t", ["e"]).getSignal("e").trigger(1)
        assert carrier.ask(1, "get_version") == "1.01"
        assert carrier.events(1) == []
        eventually(lambda: len(router.peers) == (2 if leave == "one" else 1))


def test_who_connects_twice_replaces_itself() -> None:
    carrier = Scripted()
    with served(carrier) as router:
        for _ in range(100):  # its names are free at once, each time
            carrier.handle_client_connected(1)
            assert carrier.ask(1, "add_sender", sender="s", events=[]) is None
        eventually(lambda: router.peers == ["carrier://Scripted#1"])


def test_who_goes_at_once_leaves_nothing() -> None:
    carrier = Scripted()
    with served(carrier) as router:
        for clientid in range(50):
            carrier.handle_client_connected(clientid)
            carrier.handle_client_disconnected(clientid)
            carrier.handle_client_disconnected(clientid)
        eventually(lambda: router.peers == [])


def test_what_is_asked_when_the_client_goes_ends() -> None:
    asked = threading.Event()
    carrier = Scripted()
    with served(carrier, 1) as router:
        go_on = threading.Event()
        router.addSender("slow", [], {"wait": lambda params: (asked.set(), go_on.wait(within(10)))[1]})
        answer = begin(lambda: carrier.ask(1, "request", sender="slow", method="wait"))
        assert asked.wait(within(5))
        carrier.handle_client_disconnected(1)
        assert answer.result(within(10))["status"] == -10
        go_on.set()


def test_a_request_ends_with_its_time() -> None:
    carrier = Scripted()
    with served(carrier, 1, limits=QUICK) as router:
        go_on = threading.Event()
        router.addSender("slow", [], {"wait": lambda params: go_on.wait(within(10))})
        reply = carrier.ask(1, "request", sender="slow", method="wait")
        assert reply["status"] == -14
        assert carrier.ask(1, "get_version") == "1.01"
        go_on.set()


@pytest.mark.parametrize("answer", [None, "text", {}, {"status": None}, {"response": 1}], ids=str)
def test_what_is_no_reply_fails_the_request_and_is_counted(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    carrier = Scripted(lambda clientid, message: answer)
    with served(carrier, 1) as router:
        carrier.ask(1, "add_sender", sender="s", events=[], requests=["x"])
        with pytest.raises(sig.ProtocolError, match="handleTX gave no reply but"):
            router.request("s", "x")
        eventually(lambda: carrier.tx_failures == 1)
        eventually(lambda: "carrier://Scripted#1: request: RemoteProtocolError" in caplog.text)


def test_what_can_not_be_sent_fails_the_request_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    def broken(clientid: Any, message: Message) -> Any:
        raise BrokenPipeError("no wire")

    carrier = Scripted(broken)
    with served(carrier, 1, 2) as router:
        carrier.ask(1, "add_sender", sender="s", events=["e"], requests=["x"])
        carrier.ask(2, "add_listener", sender="s")
        with pytest.raises(sig.RemoteError, match="no wire"):
            router.request("s", "x")
        carrier.fire(1, "s", "e", 1)  # who fires does not learn of it
        eventually(lambda: carrier.tx_failures == 2)
        eventually(lambda: "signal: BrokenPipeError: no wire" in caplog.text)
        carrier.answer = lambda clientid, message: {"status": 0}
        assert carrier.fire(1, "s", "e", 2) is None
        eventually(lambda: carrier.events(2) == [1, 2])
        assert router.request("s", "x") is None


def test_a_reply_that_can_not_be_carried_fails_the_request() -> None:
    carrier = Scripted(lambda clientid, message: {"status": 0, "response": object()})
    with served(carrier, 1) as router:
        carrier.ask(1, "add_sender", sender="s", events=[], requests=["x"])
        with pytest.raises(sig.EncodeError, match="object"):
            router.request("s", "x")


def test_the_failure_of_a_clients_handler_reaches_who_asks() -> None:
    carrier = Scripted(lambda clientid, message: {"status": -5, "exception": "no such thing"})
    with served(carrier, 1, 2):
        carrier.ask(1, "add_sender", sender="s", events=[], requests=["x"])
        reply = carrier.ask(2, "request", sender="s", method="x")
        assert (reply["status"], reply["exception"]) == (-5, "no such thing")


def test_a_client_that_hangs_holds_nobody_up_not_even_itself() -> None:
    go_on, hangs = threading.Event(), threading.Event()

    def hang(clientid: Any, message: Message) -> Message:
        if clientid == "slow":
            hangs.set()
            go_on.wait(within(10))
        return {"status": 0}

    carrier = Scripted(hang)
    with served(carrier, "slow", "quick") as router:
        signal = router.addSender("s", ["e"]).getSignal("e")
        for clientid in ("slow", "quick"):
            carrier.ask(clientid, "add_listener", sender="s", event="e")
        for n in range(20):
            signal.trigger(n)
        assert hangs.wait(within(5))
        eventually(lambda: carrier.events("quick") == list(range(20)))
        assert carrier.ask("slow", "get_version") == "1.01"
        assert carrier.ask("slow", "add_sender", sender="mine", events=["x"]) is None
        assert carrier.fire("slow", "mine", "x", 1) is None
        assert carrier.events("slow") == [0]  # one message at a time
        go_on.set()
        eventually(lambda: carrier.events("slow") == list(range(20)))


def test_a_client_may_ask_while_it_is_asked() -> None:
    carrier = Scripted()

    def ask_back(clientid: Any, message: Message) -> Message:
        answer = carrier.ask(clientid, "request", sender="server", method="double", params=message["params"]["params"])
        return {"status": 0, "response": answer + 1}

    carrier.answer = ask_back
    with served(carrier, 1) as router:
        router.addSender("server", [], {"double": lambda params: params * 2})
        carrier.ask(1, "add_sender", sender="s", events=[], requests=[None])
        assert router.request("s", "any", 10) == 21


def test_a_client_that_goes_while_it_is_sent_to_lets_its_thread_go() -> None:
    carrier = Scripted()

    def vanish(clientid: Any, message: Message) -> Any:
        carrier.handle_client_disconnected(clientid)  # as a carrier does that finds the connection broken
        raise ConnectionResetError

    carrier.answer = vanish
    with served(carrier, 1) as router:
        carrier.ask(1, "add_sender", sender="s", events=[], requests=["x"])
        with pytest.raises(sig.OutcomeUnknown):
            router.request("s", "x")
        eventually(lambda: router.peers == [])
        eventually(lambda: not [thread for thread in sig_threads() if thread.startswith("sig-sender")])


def test_info_that_a_signal_adds_travels() -> None:
    carrier = Scripted()
    with served(carrier, 1, 2):
        carrier.ask(1, "add_listener", sender="s", event="e")
        carrier.ask(2, "add_sender", sender="s", events=["e"])
        carrier.ask(2, "signal", info={"sender": "s", "event": "e", "count": 3}, data=None)
        eventually(lambda: carrier.sent)
        assert carrier.sent[0][1]["params"]["info"] == {"sender": "s", "event": "e", "count": 3}


def test_after_the_stop_everything_is_refused() -> None:
    carrier = Scripted()
    with served(carrier, 1):
        carrier.ask(1, "add_sender", sender="s", events=[])
    assert carrier.ask(1, "get_version")["status"] == -10
    carrier.handle_client_connected(2)
    assert carrier.ask(2, "get_version")["status"] == -10
    carrier.handle_client_disconnected(1)


def test_no_more_links_than_the_limit() -> None:
    carrier = Scripted()
    with served(carrier, 1, limits=sig.Limits(max_links=1)) as router:
        carrier.ask(1, "add_listener", sender="s", event="e")  # who has nothing here would give way
        carrier.handle_client_connected(2)
        assert carrier.ask(2, "get_version")["status"] == -10
        eventually(lambda: router.peers == ["carrier://Scripted#1"])


def test_it_runs_at_once_and_takes_other_addresses_too() -> None:
    carrier = Scripted()
    with served(carrier, 1) as router:
        with pytest.raises(sig.LocalProtocolError, match="starts once"):
            router.start()
        with sig_client(router.listen("local://beside")) as client:
            carrier.ask(1, "add_sender", sender="s", events=[], requests=["x"])
            carrier.answer = lambda clientid, message: {"status": 0, "response": "here"}
            assert client.remote_request("s", "x") == "here"


def sig_client(url: str) -> Any:
    import sig_core

    return sig_core.ClientRouter(url)


def test_the_classes_of_a_router_can_be_chosen() -> None:
    class Loud(sig.Signal):
        def trigger(self, data: Any = None) -> None:
            super().trigger(str(data).upper())

    carrier = Scripted()
    with served(carrier, 1, class_signal=Loud) as router:
        carrier.ask(1, "add_listener", sender="s", event="e")
        router.addSender("s", ["e"]).getSignal("e").trigger("text")
        eventually(lambda: carrier.events(1) == ["TEXT"])


def test_a_codec_that_is_not_json_is_no_hindrance() -> None:
    carrier = Scripted()
    with served(carrier, 1, codecs=["msgpack"]):
        assert carrier.ask(1, "get_version") == "1.01"
