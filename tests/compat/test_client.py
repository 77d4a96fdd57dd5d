"""A ClientRouter on a carrier that others wrote: its server is played by the test."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import sig_core.compat as sig
from sig_core.testing import begin
from tests.compat.scripted import Message, Scripted
from tests.support import within


class Server:
    """Answers a client as a server would; what it is asked is kept."""

    def __init__(self) -> None:
        self.carrier = Scripted(self.answer)
        self.router = sig.ClientRouter(self.carrier)
        self.asked: list[tuple[str, Any]] = []
        self.failure: Message = {}

    def answer(self, clientid: Any, message: Message) -> Message:
        assert set(message) == {"method", "params"}
        self.asked.append((message["method"], message["params"]))
        if self.failure:
            return self.failure
        if message["method"] == "add_listener":
            return {"id": 1, "status": 0, "response": {"listener_id": len(self.asked)}}
        return {"id": 1, "status": 0, "response": message["params"].get("params")}

    def fires(self, listener_id: Any, data: Any = None, **info: Any) -> Message:
        params = {"listener_id": listener_id, "info": {"sender": "s", "event": "e", **info}, "data": data}
        return self.carrier.handleRX("any", {"id": 5, "method": "signal", "params": params})

    def asks(self, sender: Any, method: Any, params: Any = None) -> Message:
        inside = {"sender": sender, "method": method, "params": params}
        return self.carrier.handleRX("any", {"id": 6, "method": "request", "params": inside})


@pytest.fixture
def server() -> Server:
    return Server()


def refused(status: int, text: str) -> Message:
    return {"id": 1, "status": status, "response": None, "exception": text}


# -- senders


def test_a_remote_sender_is_added_fires_and_is_removed(server: Server) -> None:
    heard: list[Any] = []
    server.router.addListener(lambda info, data: heard.append((info["event"], data)), "s")
    sender = server.router.addRemoteSender("s", ["e", "#c"], {"x": print, None: print})
    assert sender.isConnected()
    assert heard[0][0] == "#connect"
    signal = sender.getSignal("e")
    signal.trigger({"n": 1})
    assert heard[1:] == [("e", {"n": 1})]
    assert server.router.removeRemoteSender(sender) is True
    assert heard[2][0] == "#disconnect"
    assert not sender.isConnected()
    assert server.asked == [
        ("add_sender", {"sender": "s", "events": ["e", "#c"], "requests": ["x", None]}),
        ("signal", {"info": {"sender": "s", "event": "e"}, "data": {"n": 1}}),
        ("remove_sender", {"sender": "s"}),
    ]
    with pytest.raises(sig.UnknownSender, match="add it again"):
        signal.trigger(2)


def test_what_a_signal_adds_to_the_info_is_sent(server: Server) -> None:
    class Counted(sig.Signal):
        def trigger(self, data: Any = None) -> None:
            self.event_info["count"] = self.event_info.get("count", 0) + 1
            super().trigger(data)

    server.router.class_signal = Counted
    signal = server.router.addRemoteSender("s", "e").getSignal("e")
    for _ in range(2):
        signal.trigger()
    infos = [params["info"] for method, params in server.asked if method == "signal"]
    assert infos == [{"sender": "s", "event": "e", "count": 1}, {"sender": "s", "event": "e", "count": 2}]


def test_what_is_local_stays_local(server: Server) -> None:
    heard: list[Any] = []
    router = server.router
    router.addListener(lambda info, data: heard.append(data), "here", "e")
    sender = router.addSender("here", ["e"], {"x": lambda params: params})
    sender.getSignal("e").trigger(1)
    assert (heard, router.request("here", "x", 2), sender.remove()) == ([1], 2, True)
    assert server.asked == []


def test_a_name_that_is_taken_is_refused(server: Server) -> None:
    router = server.router
    server.failure = refused(-11, "sender 's' is already connected")
    with pytest.raises(NameError, match="already connected"):
        router.addRemoteSender("s", ["e"])
    assert router.getSender("s") is None
    server.failure = {}
    router.addRemoteSender("s", ["e"])
    for add in (router.addSender, router.addRemoteSender):
        with pytest.raises(sig.SenderExists):
            add("s", ["e"])
    assert [method for method, _ in server.asked] == ["add_sender"] * 2


def test_a_name_is_reserved_while_the_server_is_asked(server: Server) -> None:
    asked, go_on = threading.Event(), threading.Event()
    router, answer = server.router, server.answer

    def slow(clientid: Any, message: Message) -> Message:
        asked.set()
        assert go_on.wait(within(10))
        return answer(clientid, message)

    server.carrier.answer = slow
    added = begin(lambda: router.addRemoteSender("s", ["e"], {"x": lambda params: params}))
    assert asked.wait(within(5))
    with pytest.raises(sig.SenderExists, match="just being connected"):
        router.addSender("s", [])
    assert server.asks("s", "x", 7)["response"] == 7  # the server may know it before we do
    go_on.set()
    assert added.result(within(10)).isConnected()


def test_remove_sender_of_a_remote_one_removes_it_at_the_server(server: Server) -> None:
    sender = server.router.addRemoteSender("s", [])
    assert sender.remove() is True
    assert server.asked[-1] == ("remove_sender", {"sender": "s"})


def test_removing_what_is_not_there_or_another_clients(server: Server) -> None:
    server.failure = refused(-4, "not connected")
    assert server.router.removeRemoteSender("x") is False
    server.failure = refused(-12, "not yours")
    with pytest.raises(PermissionError, match="not yours"):
        server.router.removeRemoteSender("x")


def test_an_event_that_the_server_refuses_is_raised_where_it_is_fired(server: Server) -> None:
    heard: list[Any] = []
    signal = server.router.addRemoteSender("s", ["e"]).getSignal("e")
    server.router.addListener(lambda info, data: heard.append(data), "s", "e")
    server.failure = refused(-13, "no such value")
    with pytest.raises(sig.EncodeError):
        signal.trigger(1)
    assert heard == []


# -- listeners


def test_listeners_hear_what_is_for_them_with_info_as_it_was_sent(server: Server) -> None:
    heard: list[Any] = []
    one = server.router.addRemoteListener(lambda info, data: heard.append((1, info, data)), "s", "e")
    two = server.router.addRemoteListener(lambda info, data: heard.append((2, info, data)), event="#c")
    assert one and two
    assert server.fires(2, "x", extra=[5]) == {"id": 5, "status": 0, "response": None}
    assert server.fires(1, None)["status"] == 0
    info = {"sender": "s", "event": "e"}
    assert heard == [(2, {**info, "extra": [5]}, "x"), (1, info, None)]
    assert server.asked == [
        ("add_listener", {"sender": "s", "event": "e"}),
        ("add_listener", {"sender": None, "event": "#c"}),
    ]


def test_a_listener_is_removed_by_what_it_hears(server: Server) -> None:
    heard: list[Any] = []
    router = server.router
    for sender in ("a", "b", "a"):
        router.addRemoteListener(heard.append, sender, "e")
    assert router.removeRemoteListener(heard.append, "b", "e") is True
    assert router.removeRemoteListener(heard.append, "b", "e") is False
    assert router.removeRemoteListener(print, "a", "e") is False
    assert router.removeRemoteListener(heard.append, "a", "e") is True
    removed = [params["listener_id"] for method, params in server.asked if method == "remove_listener"]
    assert removed == [2, 1]
    assert server.fires(1)["status"] == -7
    assert heard == []


def test_a_listener_that_raises_is_counted_and_answered(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def bad(info: Any, data: Any) -> None:
        raise ValueError("bad listener")

    server.router.addRemoteListener(bad, "s", "e")
    assert server.fires(1)["status"] == 0
    assert server.router.listener_errors == 1
    assert "bad listener" in caplog.text


def test_events_that_are_faster_than_the_answer_are_heard_in_order(server: Server) -> None:
    heard: list[Any] = []
    late: list[Any] = []

    def fire_first(clientid: Any, message: Message) -> Message:
        for n in range(3):
            assert server.fires(70, n)["status"] == 0
        assert server.fires(99, "of nobody")["status"] == 0
        return {"status": 0, "response": {"listener_id": 70}}

    def listen(info: Any, data: Any) -> None:
        heard.append(data)
        if data == 0:  # while the first is heard, another one comes
            late.append(begin(lambda: server.fires(70, "later")))

    server.carrier.answer = fire_first
    server.router.addRemoteListener(listen, "s", "e")
    assert late[0].result(within(10))["status"] == 0
    assert heard == [0, 1, 2, "later"]
    assert server.fires(99)["status"] == -7  # what was kept for nobody is not kept any more


@pytest.mark.parametrize("response", [None, {}, 5])
def test_an_answer_without_a_listener_id_is_an_error(server: Server, response: Any) -> None:
    server.carrier.answer = lambda clientid, message: {"status": 0, "response": response}
    with pytest.raises(sig.ProtocolError, match="without a listener_id"):
        server.router.addRemoteListener(print, "s", "e")


@pytest.mark.parametrize(
    "params",
    [None, [], {}, {"listener_id": 1}, {"listener_id": 1, "info": {"sender": 1}}, {"listener_id": 1, "info": 1}],
)
def test_a_signal_that_is_none_is_refused(server: Server, params: Any) -> None:
    server.router.addRemoteListener(print, "s", "e")
    assert server.carrier.handleRX(0, {"id": 1, "method": "signal", "params": params})["status"] == -7


# -- requests


def test_requests_go_to_the_server_alone(server: Server) -> None:
    assert server.router.remoteRequest("far", "double", [1, 2]) == [1, 2]
    assert server.asked == [("request", {"sender": "far", "method": "double", "params": [1, 2]})]
    with pytest.raises(sig.UnknownSender):
        server.router.request("far", "double")


def test_requests_of_others_run_the_handlers(server: Server) -> None:
    class Handler:
        def double(self, params: Any) -> Any:
            return params * 2

        def fail(self, params: Any) -> Any:
            raise KeyError("lost")

    server.router.addRemoteSender("s", [], Handler())
    server.router.addSender("local", [], Handler())
    assert server.asks("s", "double", 4) == {"id": 6, "status": 0, "response": 8}
    failed = server.asks("s", "fail")
    assert (failed["status"], failed["exception"]) == (-2, "'lost'")
    assert server.asks("s", "other")["status"] == -5
    assert server.asks("nobody", "x")["status"] == -4
    assert server.asks("local", "double", 1)["status"] == -4
    assert server.asks("s", None)["status"] == -7


def test_a_handler_may_ask_and_add(server: Server) -> None:
    router = server.router

    def ask_on(params: Any) -> Any:
        router.addRemoteListener(print, "s", "e")
        return router.remoteRequest("far", "x", params)

    router.addRemoteSender("s", [], {"ask_on": ask_on})
    assert server.asks("s", "ask_on", 3)["response"] == 3


# -- failures of the carrier


def everything(router: sig.ClientRouter) -> list[Any]:
    return [
        lambda: router.addRemoteSender("s", ["e"]),
        lambda: router.addRemoteListener(print, "s", "e"),
        lambda: router.remoteRequest("s", "x"),
        lambda: router.removeRemoteSender("s"),
    ]


def test_without_a_link_everything_raises(server: Server) -> None:
    server.carrier.answer = lambda clientid, message: None
    for call in everything(server.router):
        with pytest.raises(sig.LinkClosed, match="no reply: is it connected"):
            call()


def test_what_the_carrier_raises_is_an_error_of_pysig(server: Server) -> None:
    def broken(clientid: Any, message: Message) -> Any:
        raise OSError("no wire")

    server.carrier.answer = broken
    for call in everything(server.router):
        with pytest.raises(sig.LinkLost, match="no wire") as raised:
            call()
        assert isinstance(raised.value.__cause__, OSError)


def test_names_are_checked_before_anything_is_sent(server: Server) -> None:
    router = server.router
    for call in (
        lambda: router.addRemoteSender("", []),
        lambda: router.addRemoteListener(print, "s", True),
        lambda: router.addRemoteListener("no function"),
        lambda: router.remoteRequest("s", ""),
        lambda: router.remoteRequest([], "x"),
    ):
        with pytest.raises(sig.ConfigError):
            call()
    assert server.asked == []


def test_when_the_server_has_gone_everything_remote_is_forgotten(server: Server) -> None:
    heard: list[Any] = []
    router = server.router
    router.addListener(lambda info, data: heard.append(info["event"]), "s")
    local = router.addSender("local", ["e"])
    subscription = router.addRemoteListener(heard.append, "far", "e")
    signal = router.addRemoteSender("s", ["e"]).getSignal("e")
    before = len(server.asked)
    server.carrier.handle_client_disconnected("any")
    assert heard == ["#connect", "#disconnect"]
    assert list(router.senders.values()) == [local]
    assert not subscription.active
    with pytest.raises(sig.UnknownSender):
        signal.trigger()
    assert len(server.asked) == before
    assert server.fires(1)["status"] == -7
    assert router.addRemoteSender("s", ["e"]).isConnected()


def test_a_sender_whose_server_goes_while_it_is_added_is_not_added(server: Server) -> None:
    answer = server.answer

    def go(clientid: Any, message: Message) -> Message:
        server.carrier.handle_client_disconnected("any")
        return answer(clientid, message)

    server.carrier.answer = go
    with pytest.raises(sig.LinkClosed, match="ended just now"):
        server.router.addRemoteSender("s", ["e"])
    assert server.router.senders == {}
