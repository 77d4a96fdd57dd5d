"""The class Carrier by itself: packing, and replies to whatever comes."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

import sig_core.compat as sig
from sig_core.compat.replies import value_of


def boom(clientid: Any, params: Any) -> Any:
    raise ValueError("boom")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def speechless(clientid: Any, params: Any) -> Any:
    raise Unspeakable


def test_json_in_bytes_is_the_default() -> None:
    carrier = sig.Carrier()
    message = {"id": 1, "params": {"ü": [1, 2.5, None, True]}}
    assert isinstance(carrier.pack(message), bytes)
    assert carrier.unpack(carrier.pack(message)) == message
    assert carrier.unpack('{"id": 2}') == {"id": 2}


@pytest.mark.parametrize("data", [b"{", b"\xff", None, 5])
def test_what_is_no_message_unpacks_to_none(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert sig.Carrier().unpack(data) is None
    assert "Carrier" in caplog.text


def test_what_is_not_json_packs_to_none(caplog: pytest.LogCaptureFixture) -> None:
    assert sig.Carrier().pack({"data": object()}) is None
    assert "object" in caplog.text


def test_a_reply_has_the_id_and_the_response() -> None:
    carrier = sig.Carrier()
    carrier.methods["add"] = lambda clientid, params: [clientid, params["a"] + params["b"]]
    message = {"id": "23", "method": "add", "params": {"a": 1, "b": 2}}
    assert carrier.handleRX("me", message) == {"id": "23", "status": 0, "response": ["me", 3]}


def test_params_that_are_not_there_are_empty() -> None:
    carrier = sig.Carrier()
    carrier.methods["see"] = lambda clientid, params: params
    assert carrier.handleRX(1, {"id": 1, "method": "see"})["response"] == {}
    assert carrier.handleRX(1, {"id": 1, "method": "see", "params": None})["response"] == {}
    assert carrier.handleRX(1, {"id": 1, "method": "see", "params": [5]})["response"] == [5]


@pytest.mark.parametrize(
    ("message", "ident", "status", "text"),
    [
        ({"id": [1], "method": "nothing"}, [1], -1, "unknown method 'nothing'; known are: boom, speechless"),
        ({"id": 4, "method": ["boom"]}, 4, -1, "unknown method"),
        ({"id": 5}, 5, -3, "without a method"),
        ({}, None, -3, "without a method"),
        ({"id": 6, "method": "boom"}, 6, -2, "boom"),
        ({"id": 7, "method": "speechless"}, 7, -2, "(its text can't be had)"),
        ([1], None, -7, "a message is a dict, not list"),
        (None, None, -7, "a message is a dict, not NoneType"),
    ],
)
def test_every_failure_is_a_reply(message: Any, ident: Any, status: int, text: str) -> None:
    carrier = sig.Carrier()
    carrier.methods = {"boom": boom, "speechless": speechless}
    reply = carrier.handleRX(1, message)
    assert (reply["id"], reply["status"], reply["response"]) == (ident, status, None)
    assert text in reply["exception"]


def test_the_text_of_an_exception_is_its_own() -> None:
    carrier = sig.Carrier()
    carrier.methods["boom"] = boom
    assert carrier.handleRX(1, {"id": 1, "method": "boom"})["exception"] == "boom"


def test_what_an_override_raises_is_a_reply() -> None:
    class Broken(sig.Carrier):
        def handleRPC(self, clientid: Any, message: Any) -> Any:
            raise SystemExit("no")

    assert Broken().handleRX(1, {"id": 9})["status"] == -2
    assert Broken().handleRX(1, {"id": 9})["id"] == 9


def test_who_wants_to_see_every_message_does() -> None:
    carrier, seen = sig.Carrier(), []
    carrier.callback_rx = lambda clientid, message: seen.append((clientid, message))
    carrier.handleRX(3, {"id": 1, "method": "x"})
    assert seen == [(3, {"id": 1, "method": "x"})]


def test_sending_does_nothing_by_itself() -> None:
    assert sig.Carrier().handleTX(1, {"method": "x"}) is None


def test_a_subclass_need_not_call_its_init_and_may_be_a_thread() -> None:
    class Threaded(sig.Carrier, threading.Thread):
        def __init__(self, what: str) -> None:
            threading.Thread.__init__(self, name=what)

    one, two = Threaded("one"), Threaded("two")
    one.methods["x"] = boom
    assert two.methods == {}
    assert two.handleRX(1, {"id": 1, "method": "x"})["status"] == -1


def test_without_a_router_nobody_hears_of_clients() -> None:
    carrier = sig.Carrier()
    carrier.handle_client_connected(1)
    carrier.handle_client_disconnected(1)
    carrier.handle_all_clients_diconnected()
    assert carrier.handleRX(1, {"id": 1, "method": "get_version"})["status"] == -1


def test_a_carrier_has_one_router() -> None:
    carrier = sig.carrier.LocalCarrier()
    router = sig.ClientRouter(carrier)
    with pytest.raises(sig.ConfigError, match="LocalCarrier has a router already"):
        sig.ServerRouter(carrier)
    assert router.carrier is carrier


@pytest.mark.parametrize(
    ("status", "text", "error", "shown"),
    [
        (-2, "boom: it", sig.RemoteError, "RemoteError: boom: it"),
        (-2, "", sig.RemoteError, "RemoteError: call failed with status -2"),
        (-4, "nobody", sig.UnknownSender, "nobody"),
        (-5, "nothing", sig.UnknownMethod, "nothing"),
        (-11, "taken", sig.SenderExists, "taken"),
        (-12, "no", sig.NotOwner, "no"),
        (-14, "late", sig.RequestTimeout, "late"),
        (-99, "odd", sig.RemoteError, "RemoteError: odd"),
    ],
)
def test_statuses_are_errors(status: int, text: str, error: type[Exception], shown: str) -> None:
    with pytest.raises(error) as raised:
        value_of({"id": 1, "status": status, "exception": text}, "call")
    assert type(raised.value) is error
    assert str(raised.value) == shown


@pytest.mark.parametrize("reply", [{}, {"status": None}, {"status": "0"}, {"status": True}, "text", 0])
def test_what_is_no_reply_is_refused(reply: Any) -> None:
    with pytest.raises(sig.RemoteProtocolError, match=r"call: .* is no reply"):
        value_of(reply, "call")


def test_it_logs_through_the_logger_of_pysig(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "sig"):
        carrier = sig.Carrier()
        carrier.methods["boom"] = boom
        carrier.handleRX(1, {"id": 1, "method": "boom"})
    assert "method 'boom' failed: ValueError: boom" in caplog.text
