"""The client's end of a link, fed by hand: opening, answers, notices, what the server sends and asks."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from sig_core.errors import Status
from sig_core.protocol import hello, wire
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Events, Gap, Opened, RequestsReceived
from tests.session.by_hand import CLIENT, Client, bind, welcome
from tests.support.named_frames import NamedReader, split_reply
from tests.support.sessions import CODECS, PLUGINS

# -- opening


def test_the_hello_says_what_the_client_is() -> None:
    limits = Limits(max_frame=5000, keepalive=3)
    codecs = PLUGINS.choose_codecs(["cbor", "json"])
    session = ClientSession(codecs, limits, client=CLIENT, token="a5", packets=False, now=0.0)
    (data,) = session.out
    (frame,) = NamedReader(70_000).feed(data.removeprefix(wire.PREFACE))
    said = hello.read_hello(frame)
    assert (said.codecs, said.client, said.token) == (("cbor", "json"), CLIENT, "a5")
    assert (said.max_frame, said.keepalive) == (5000, 3)


@pytest.mark.parametrize("piece", [0, 1])
def test_a_welcome_opens(piece: int) -> None:
    client = Client()
    with pytest.raises(sig.HandshakeError, match="not open yet"):
        client.session.check_open()
    (report,) = client.feed(welcome(token="beef"), piece=piece)
    assert isinstance(report, Opened)
    assert report.welcome.token == "beef"
    assert client.session.state is State.OPEN


@pytest.mark.parametrize("status", [Status.DENIED, Status.BUSY, Status.TIMEOUT, Status.BAD_MESSAGE])
def test_a_refusal_closes_with_its_status(status: Status) -> None:
    client = Client()
    (report,) = client.feed(hello.refusal(status, "go away"))
    assert isinstance(report, Closed)
    assert isinstance(report.error, sig.HandshakeError)
    assert report.error.status is status
    assert "go away" in str(report.error)


@pytest.mark.parametrize(
    "answer",
    [
        welcome(codec="cbor"),
        welcome(token="A5"),
        wire.PREFACE[:7] + b"\2" + welcome()[8:],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b'{"id": null, "status": -7, "exception": "x"}\n',
        wire.PREFACE + wire.event_frame(1, b"1"),
        wire.PREFACE + wire.control_frame(b"[]"),
        wire.PREFACE + wire.KEEP_ALIVE,
        wire.PREFACE + b"\xff\xff\xff\xff",
        welcome(software="x" * 256),
    ],
)
@pytest.mark.parametrize("piece", [0, 1])
def test_what_is_no_welcome_closes(answer: bytes, piece: int) -> None:
    client = Client()
    reports = client.feed(answer, piece=piece)
    assert [type(report) for report in reports] == [Closed]
    assert isinstance(client.session.error, sig.RemoteProtocolError)
    assert len(client.session.out) == 1  # the hello: nothing is said to who is no server of ours


def test_the_end_before_the_welcome() -> None:
    client = Client()
    client.session.receive_eof()
    (report,) = client.session.end()
    assert isinstance(report, Closed)
    assert client.session.end() == []


def test_packets_end_where_frames_end() -> None:
    client = Client(packets=True)
    assert client.feed(welcome()[:8]) == []
    assert [type(report) for report in client.feed(welcome()[8:])] == [Opened]
    assert client.feed(b"") == []
    assert [type(report) for report in client.feed(wire.KEEP_ALIVE[:5])] == [Closed]
    assert Client(packets=True).feed(welcome()[:5])
    assert Client(packets=True).feed(welcome()[:-1])


# -- answers and notices


def test_answers_find_their_calls() -> None:
    client = Client.opened()
    one = client.session.call("sync", {}, client.when)
    two = client.session.call("resolve", {"sender": "s"}, client.when)
    assert [message["id"] for message in client.messages()] == [one, two]
    client.feed_message({"id": two, "status": -4, "exception": "nobody"})
    client.feed_message({"id": one, "status": 0, "response": None})
    (_, error), done = client.told
    assert isinstance(error, sig.UnknownSender)
    assert done == (None, None)


def test_an_unknown_status_counts_as_handler_raised() -> None:
    client = Client.opened()
    client.feed_message({"id": client.session.call("sync", {}, client.when), "status": -99, "exception": "odd"})
    ((_, error),) = client.told
    assert isinstance(error, sig.RemoteError)
    assert (error.status, error.text) == (Status.HANDLER_RAISED, "odd")


@pytest.mark.parametrize("codec", CODECS)
def test_answers_to_nothing_are_counted_and_never_answered(codec: str) -> None:
    client = Client.opened(codec)
    for message in ({"id": 9, "status": 0}, {"id": "1", "status": -7}, {"status": 0}, {"id": [], "status": {}}):
        assert client.feed_message(message) == []
    client.feed(wire.reply_frame(1, 9, b"1"), wire.error_frame(1, 9, -2, b"{}"))
    assert client.session.unmatched_replies == 6
    assert client.said() == []
    assert client.session.state is State.OPEN


@pytest.mark.parametrize("method", ["sync", "add_sender", "bind", "gap", "goodbye", "x"])
def test_a_client_answers_calls_with_unknown_method(method: str) -> None:
    client = Client.opened()
    client.feed_message({"id": "a", "method": method, "params": {}})
    (answer,) = client.messages()
    assert (answer["id"], answer["status"]) == ("a", -1)
    assert client.session.state is State.OPEN


@pytest.mark.parametrize(("message", "status"), [({}, -3), ({"method": 5}, -7), ([], -7), ({"id": 7}, -3)])
def test_a_client_answers_bad_messages(message: Any, status: int) -> None:
    client = Client.opened()
    client.feed_message(message)
    (answer,) = client.messages()
    assert answer["status"] == status
    assert client.session.state is State.OPEN


@pytest.mark.parametrize("codec", CODECS)
def test_a_payload_that_cannot_be_decoded(codec: str) -> None:
    client = Client.opened(codec)
    client.feed(wire.control_frame(b"\xc1"))
    (answer,) = client.messages()
    assert (answer["id"], answer["status"]) == (None, -7)


@pytest.mark.parametrize("method", ["cancel", "sync", "add_sender", "sender_shadowed", "x"])
def test_other_notices_are_dropped(method: str) -> None:
    client = Client.opened()
    assert client.feed_message({"method": method, "params": {"a": 1}}) == []
    assert client.said() == []
    assert client.session.state is State.OPEN


BAD_NOTICES = [
    ("bind", {}),
    ("bind", {"route": 0, "sender": "s", "event": "e"}),
    ("bind", {"route": 2**32, "sender": "s", "event": "e"}),
    ("bind", {"route": "1", "sender": "s", "event": "e"}),
    ("bind", {"route": 1, "sender": "s"}),
    ("bind", {"route": 1, "sender": None, "event": "e"}),
    ("bind", {"route": 1, "sender": "s", "event": ""}),
    ("gap", {"sender": "s", "event": "e", "count": 0, "reason": "x"}),
    ("gap", {"sender": "s", "event": "e", "count": 1}),
    ("gap", {"sender": "", "event": "e", "count": 1, "reason": "x"}),
    ("refused", {"status": -12, "text": "x"}),
    ("refused", {"route": 1, "status": -12, "text": 5}),
    ("goodbye", {"status": "0"}),
    ("goodbye", {"text": 5}),
]


@pytest.mark.parametrize(("method", "params"), BAD_NOTICES)
def test_a_notice_with_bad_params_is_dropped(method: str, params: dict[str, Any]) -> None:
    client = Client.opened()
    assert client.feed_message({"method": method, "params": params}) == []
    assert client.session.state is State.OPEN, client.session.error
    assert client.said() == []
    assert client.session._names == {}


def test_gaps_and_refusals_are_reported() -> None:
    client = Client.opened()
    client.feed_message(bind(3, "s", "e"))
    gap = {"route": 9, "sender": "s", "event": "x", "count": 5, "reason": "slow"}
    refused = {"route": 3, "status": -12, "text": "not yours"}
    reports = client.feed_message({"method": "gap", "params": gap})
    reports += client.feed_message({"method": "refused", "params": refused})
    lost, dropped = reports
    assert isinstance(lost, Gap)
    assert (lost.sender, lost.event, lost.count, lost.reason, lost.sent) == ("s", "x", 5, "slow", False)
    assert isinstance(dropped, Gap)
    assert (dropped.sender, dropped.event, dropped.reason, dropped.sent) == ("s", "e", "not yours", True)


def test_a_goodbye_ends_it_in_order() -> None:
    client = Client.opened()
    client.session.call("sync", {}, client.when)
    client.said()
    (report,) = client.feed_message({"method": "goodbye", "params": {"status": -9, "text": "no room"}})
    assert isinstance(report, Closed)
    assert isinstance(report.error, sig.LinkClosed)
    assert "no room" in str(report.error)
    assert isinstance(client.told[0][1], sig.OutcomeUnknown)
    assert client.said() == []  # it is not answered
    assert client.feed(wire.KEEP_ALIVE) == []


# -- events and requests from the server


def test_events_are_reported_as_runs_under_their_names() -> None:
    client = Client.opened()
    client.feed_message(bind(1, "s", "e"))
    client.feed_message(bind(2, "s", "e"))  # a second number for one name
    events = [wire.event_frame(1, b"1"), wire.event_frame(1, b"2", b"{}"), wire.event_frame(2, b"3")]
    reports = client.feed(*events)
    assert all(isinstance(report, Events) for report in reports)
    assert [(report.sender, report.event, report.count) for report in reports] == [("s", "e", 2), ("s", "e", 1)]
    assert b"".join(report.data for report in reports) == b"".join(events)


def test_requests_are_reported_and_answered_under_their_ids() -> None:
    client = Client.opened()
    client.feed_message(bind(1, "s", None))
    (report,) = client.feed(wire.request_frame(1, 7, wire.request_tail("é", b"[1]")))
    assert isinstance(report, RequestsReceived)
    assert (report.route, report.sender, list(report.requests)) == (1, "s", [(7, "é", b"[1]")])
    client.session.reply(7, 1, {"a": 2})
    client.session.fail_to(8, 1, sig.UnknownMethod("no such"))
    client.session.reply(9, 1, {1, 2})  # no codec carries a set
    reply, failure, unfit = client.said()
    assert (reply.type, reply.route, split_reply(reply.body)) == (wire.REPLY, 1, (7, b'{"a":2}'))
    assert wire.split_error(failure.body) == (8, -5, b'{"type":"UnknownMethod","text":"no such"}')
    assert wire.split_error(unfit.body)[:2] == (9, -13)


@pytest.mark.parametrize("limit", [4096])
def test_what_is_too_long_for_the_server_is_not_sent(limit: int) -> None:
    client = Client.opened(max_frame=limit)
    client.session._routes["s"] = 1
    with pytest.raises(sig.MessageTooBig) as caught:
        client.session.request("s", "m", b"1" * limit, client.when)
    assert (caught.value.limit, caught.value.size > limit) == (limit, True)
    client.session.reply(7, 1, "x" * limit)
    (frame,) = client.said()
    assert wire.split_error(frame.body)[:2] == (7, -8)
    client.session.reply(7, 1, "x" * (limit - 11))  # to the byte: 9 of the frame, two quotes
    (frame,) = client.said()
    assert 5 + len(frame.body) == limit


@pytest.mark.parametrize("text", ["x" * 9000, "€" * 9000], ids=["ascii", "wide"])
def test_an_error_reply_is_not_longer_than_the_server_takes(text: str) -> None:
    client = Client.opened(max_frame=4096)
    client.session.fail_to(7, 1, sig.RemoteError("ValueError", text))
    (frame,) = client.said()
    assert 5 + len(frame.body) <= 4096


def test_a_call_is_not_longer_than_the_server_takes() -> None:
    client = Client.opened(max_frame=4096)
    with pytest.raises(sig.MessageTooBig):
        client.session.add_sender("s", [f"event {number}" for number in range(1000)], None, client.when)
    assert client.said() == []
    assert client.session.state is State.OPEN
