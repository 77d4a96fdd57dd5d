"""The server's end of a link, fed by hand: what it answers, what it refuses, what ends it."""

from __future__ import annotations

import json

import pytest

from sig_core.errors import Busy, HandshakeError, LinkClosed, LinkLost, RemoteProtocolError
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from tests.session.by_hand import SYNC, Raw, call_frame, errors_of, events_of, goodbyes, request, sender_of
from tests.support.named_frames import split_reply, split_request
from tests.support.sessions import CODECS, EVERYTHING, Net, opening, pieces_of

# -- control


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("body", [b"\xc1", b"\xff", b"{", b"\x81", b"\x01\x01", b"\xa1\x01\x02", b"\x81\x01\x02"])
def test_a_payload_that_cannot_be_decoded_is_answered_and_the_link_goes_on(codec: str, body: bytes) -> None:
    raw = Raw(Net(), codec)
    (answer,) = raw.messages(raw.send(wire.control_frame(body)))
    assert (answer["id"], answer["status"]) == (None, -7)
    assert raw.ask("sync") is None


def test_two_calls_under_one_id_are_both_answered() -> None:
    raw = Raw(Net())
    assert [found["id"] for found in raw.messages(raw.send(call_frame(SYNC) * 3))] == [77, 77, 77]


def test_answers_and_unknown_notices_are_counted() -> None:
    raw = Raw(Net())
    for message in ({"id": 1, "status": 0}, {"status": "x"}, {"id": [], "status": -1}):
        assert raw.say(message) == []
    assert raw.session.unmatched_replies == 3
    for notice in ({"method": "bind"}, {"method": "sync"}, {"method": "x"}, {"method": "cancel", "params": {}}):
        assert raw.say(notice) == []
    assert raw.session.port.calls.unknown_notices == 4
    assert raw.open


def test_a_number_is_bound_before_the_first_frame_that_carries_it() -> None:
    net = Net()
    raw, other = Raw(net), Raw(net, number=2)
    raw.ask("add_listener", sender=None, event=None)
    _, routes = sender_of(other)
    seen: set[int] = set()
    for frame in raw.read() + raw.read():
        for message in raw.messages([frame]):
            if message.get("method") == "bind":
                assert message["params"]["route"] not in seen
                seen.add(message["params"]["route"])
        assert frame.type != wire.EVENT or frame.route in seen
    other.send(wire.event_frame(routes["e"], b"1") * 3)
    bound, run = raw.read()
    assert raw.messages([bound]) == [
        {"method": "bind", "params": {"route": routes["e"], "sender": "s", "event": "e"}},
    ]
    assert (run.route, run.events) == (routes["e"], 3)
    other.send(wire.event_frame(routes["e"], b"1"))
    assert [frame.type for frame in raw.read()] == [wire.EVENT]


def test_presence_is_fired_by_the_server_alone() -> None:
    net = Net()
    raw = Raw(net)
    raw.ask("add_listener", sender=None, event="#connect")
    found = raw.say(
        {"id": 1, "method": "add_sender", "params": {"sender": "s", "events": ["#connect"], "requests": None}}
    )
    (answer,) = [message for message in found if "status" in message]
    ((event, route),) = answer["response"]["events"]
    assert event == "#connect"
    frames = raw.send(wire.event_frame(route, b"1"))
    assert events_of(frames) == []
    assert [message["params"]["status"] for message in raw.messages(frames)] == [-12]


# -- routes that are not the client's


def test_foreign_routes_are_dropped_counted_and_told_once() -> None:
    net = Net()
    owner, thief, listener = Raw(net, number=1), Raw(net, number=2), Raw(net, number=3)
    _, routes = sender_of(owner)
    listener.ask("add_listener", sender="s", event=None)
    frames = thief.send(wire.event_frame(routes["e"], b"1") * 3, wire.event_frame(999, b"1"))
    assert [(message["method"], message["params"]["route"]) for message in thief.messages(frames)] == [
        ("refused", routes["e"]),
        ("refused", 999),
    ]
    assert {message["params"]["status"] for message in thief.messages(frames)} == {-12}
    assert thief.send(wire.event_frame(routes["e"], b"1"), wire.event_frame(0, b"1"))  # 0 for the first time
    assert thief.send(wire.event_frame(routes["e"], b"1"), wire.event_frame(0, b"1")) == []
    assert thief.session.traffic.refused == 8
    assert listener.read() == []
    assert thief.open


def test_a_route_is_its_owners_until_the_sender_is_removed() -> None:
    net = Net()
    raw, listener = Raw(net, number=1), Raw(net, number=2)
    listener.ask("add_listener", sender="s", event="e")
    _, routes = sender_of(raw)
    raw.send(wire.event_frame(routes["e"], b"1"))
    raw.ask("remove_sender", sender="s")
    raw.send(wire.event_frame(routes["e"], b"2"))
    assert raw.session.traffic.refused == 1
    assert sender_of(raw)[1] == routes
    raw.send(wire.event_frame(routes["e"], b"3"))
    assert [data for _, _, data in events_of(listener.read())] == [b"1", b"3"]


# -- requests


def test_a_request_under_an_open_id_is_a_breach() -> None:
    net = Net()
    owner, asker = Raw(net, number=1), Raw(net, number=2)
    route, _ = sender_of(owner)
    assert asker.send(request(route, 5)) == []
    frames = asker.send(request(route, 5))
    assert goodbyes(asker, frames) == [-7]
    assert isinstance(asker.session.error, RemoteProtocolError)
    assert len(net.exchange.requests) == 0


@pytest.mark.parametrize("end", ["reply", "error", "cancel"])
def test_an_id_is_free_once_its_request_has_ended(end: str) -> None:
    net = Net()
    owner, asker = Raw(net, number=1), Raw(net, number=2)
    route, _ = sender_of(owner)
    for ident in (5, 5, 0, 2**32 - 1):
        asker.send(request(route, ident))
        (arrived,) = [frame for frame in owner.read() if frame.type == wire.REQUEST]
        token, method, params = split_request(arrived.body)
        assert (arrived.route, method, params) == (route, "m", b"1")
        if end == "cancel":
            assert asker.say({"method": "cancel", "params": {"id": ident}}) == []
        elif end == "reply":
            owner.send(wire.reply_frame(route, token, b"[2]"))
            assert [split_reply(frame.body) for frame in asker.read()] == [(ident, b"[2]")]
        else:
            owner.send(wire.error_frame(route, token, -99, b'{"type": "E", "text": "no"}'))
            assert errors_of(asker, asker.read()) == [(ident, -2)]
        assert len(net.exchange.requests) == 0


def test_answers_to_requests_of_nobody_are_counted_and_dropped() -> None:
    net = Net()
    owner, asker, other = Raw(net, number=1), Raw(net, number=2), Raw(net, number=3)
    route, _ = sender_of(owner)
    asker.send(request(route, 5))
    token, _, _ = split_request(owner.read()[-1].body)
    assert other.send(wire.reply_frame(route, token, b"1")) == []  # another link's
    assert other.send(wire.error_frame(route, token, -2, b"{}")) == []
    assert asker.send(wire.reply_frame(route, token, b"1")) == []
    assert owner.send(wire.reply_frame(0, token, b"1"), wire.reply_frame(route, token, b"1")) == []
    assert [raw.session.unmatched_replies for raw in (other, asker, owner)] == [2, 1, 1]
    assert [split_reply(frame.body) for frame in asker.read()] == [(5, b"1")]


def test_what_the_server_answers_itself() -> None:
    net = Net()
    owner, asker = Raw(net, number=1), Raw(net, number=2)
    route, routes = sender_of(owner)
    mute = owner.ask("add_sender", sender="mute", events=[], requests=None)["route"]
    few = owner.ask("add_sender", sender="few", events=[], requests=["a"])["route"]
    frames = asker.send(request(0, 1), request(999, 2), request(routes["e"], 3), request(mute, 4), request(few, 5))
    assert errors_of(asker, frames) == [(1, -4), (2, -4), (3, -4), (4, -5), (5, -5)]
    owner.ask("remove_sender", sender="s")
    assert errors_of(asker, asker.send(request(route, 6))) == [(6, -4)]
    owner.read()
    asker.send(request(few, 7, method=b"a"))
    owner.say({"method": "goodbye"})
    assert errors_of(asker, asker.read()) == [(7, -10)]


@pytest.mark.parametrize("value", [b"{", b"", b"\xff", b"1 2"])
def test_a_payload_that_no_codec_can_read_fails_that_request(value: bytes) -> None:
    net = Net()
    owner, asker = Raw(net, "json", 1), Raw(net, "cbor", 2)
    route, _ = sender_of(owner)
    frames = asker.send(request(route, 1, b"\xff"))
    assert [ident for ident, _ in errors_of(asker, frames)] == [1]
    asker.send(request(route, 2, b"\x01"))
    token, _, params = split_request(owner.read()[-1].body)
    assert params == b"1"
    owner.send(wire.reply_frame(route, token, value))
    assert [ident for ident, _ in errors_of(asker, asker.read())] == [2]
    assert owner.open
    assert asker.open


# -- sizes

SMALL = 4096


def test_an_answer_that_is_too_long_is_a_failure() -> None:
    net = Net()
    raw, many = Raw(net, number=1, max_frame=SMALL), Raw(net, number=2)
    for number in range(200):
        many.ask("add_sender", sender=f"a sender with a long name {number}", events=[])
    (answer,) = raw.say({"id": "x", "method": "list_senders"})
    assert (answer["id"], answer["status"]) == ("x", -8)
    assert raw.ask("sync") is None


@pytest.mark.parametrize("text", ["x" * 9000, "€" * 9000, '"' * 9000], ids=["ascii", "wide", "escaped"])
def test_a_failure_is_not_longer_than_the_client_takes(text: str) -> None:
    raw = Raw(Net(), max_frame=SMALL)
    frames = raw.send(
        wire.control_frame(raw.codec.encode({"id": 1, "method": "resolve", "params": {"sender": [text]}}))
    )
    assert [message["status"] for message in raw.messages(frames)] in ([-7], [-8])
    assert max(5 + len(frame.body) for frame in frames) <= SMALL


@pytest.mark.parametrize("text", ["x" * 9000, "€" * 9000], ids=["ascii", "wide"])
def test_an_error_reply_is_not_longer_than_the_client_takes(text: str) -> None:
    net = Net()
    owner, asker = Raw(net, number=1), Raw(net, number=2, max_frame=SMALL)
    route, _ = sender_of(owner)
    asker.send(request(route, 5))
    token, _, _ = split_request(owner.read()[-1].body)
    owner.send(wire.error_frame(route, token, -2, owner.codec.encode({"type": "E", "text": text})))
    frames = asker.read()
    assert [ident for ident, _ in errors_of(asker, frames)] == [5]
    assert max(5 + len(frame.body) for frame in frames) <= SMALL


# -- opening and ending


@pytest.mark.parametrize("piece", [0, 1000, 65_536])
@pytest.mark.parametrize("size", [65_000, 65_600, 200_000])
def test_frames_behind_the_hello_may_be_long(size: int, piece: int) -> None:
    session = Net().server_session()
    params = {"sender": "s", "events": [], "life": "x", "more": "y" * size}
    message = json.dumps({"id": 1, "method": "add_sender", "params": params}).encode()
    after = json.dumps({"id": 2, "method": "get_version"}).encode()
    data = opening() + wire.control_frame(message) + wire.control_frame(after)
    for part in pieces_of(data, piece):
        session.receive_data(part, 0.0)
    said = session.take(EVERYTHING)
    assert session.state is State.OPEN
    assert b'"id":1,"status":0' in said and said.index(b'"id":1') < said.index(b'"id":2')


def test_what_is_too_long_behind_the_hello_is_refused_after_it() -> None:
    session = Net(Limits(max_frame=100_000)).server_session()
    session.receive_data(opening() + wire.control_frame(b"{}" + b" " * 100_000), 0.0)
    assert session.state is State.CLOSED
    assert "frame of length 100007, at most 100000 are taken" in str(session.error)
    assert b'"token"' in session.take(EVERYTHING)


def test_a_hello_may_not_be_long() -> None:
    session = Net().server_session()
    session.receive_data(opening(software="x" * 70_000), 0.0)
    assert session.state is State.CLOSED


def test_frames_behind_the_hello_are_read_and_answered_after_the_welcome() -> None:
    session = Net().server_session()
    session.receive_data(opening() + call_frame(SYNC), 0.0)
    out = session.take(EVERYTHING)
    assert out.index(b'"codec"') < out.index(b'"status"')


def test_what_comes_after_a_breach_is_not_read() -> None:
    net = Net()
    raw = Raw(net)
    raw.ask("add_listener", sender=None, event=None)
    before = request(1, 5, method=b"m") + wire.reply_frame(1, 9, b"1")
    frames = raw.send(before, request(1, 6, method=b"\xff"), call_frame(SYNC))
    assert goodbyes(raw, frames) == [-7]
    assert raw.session.unmatched_replies == 1
    assert not any(message.get("id") == 77 for message in raw.messages(frames))
    assert raw.send(call_frame(SYNC)) == []


@pytest.mark.parametrize("end", ["goodbye", "eof", "fail", "close", "replace"])
def test_a_session_ends_once(end: str) -> None:
    net = Net()
    raw = Raw(net)
    sender_of(raw)
    changes: list[bool] = []
    raw.session.on_change = lambda: changes.append(raw.session.has_output)
    raw.read()
    if end == "goodbye":
        assert raw.say({"method": "goodbye", "params": {"status": -9, "text": "tired"}}) == []
        assert isinstance(raw.session.error, LinkClosed)
        assert "tired" in str(raw.session.error)
    elif end == "eof":
        raw.session.receive_eof()
        assert raw.read() == []
        assert isinstance(raw.session.error, LinkLost)
    elif end == "fail":
        raw.session.fail(Busy("enough"))
        assert goodbyes(raw, raw.read()) == [-9]
    elif end == "close":
        raw.session.close("done")
        assert goodbyes(raw, raw.read()) == [0]
    else:
        raw.session.replace()
        assert goodbyes(raw, raw.read()) == [0]
    assert changes
    error = raw.session.error
    for again in (raw.session.receive_eof, raw.session.close, lambda: raw.session.fail(Busy("x"))):
        again()
    raw.session.receive_data(opening() + call_frame(SYNC), 0.0)
    assert raw.session.error is error
    assert raw.read() == []
    assert not net.exchange.senders


def test_listeners_that_were_removed_are_not_removed_again_at_the_end() -> None:
    net = Net()
    raw, sender = Raw(net, number=1), Raw(net, number=2)
    _, routes = sender_of(sender)
    idents = [raw.ask("add_listener", sender="s", event="e")["listener_id"] for _ in range(2)]
    for ident in idents:
        raw.ask("remove_listener", listener_id=ident)
    assert list(raw.session.port.calls.patterns) == []
    sender.send(wire.event_frame(routes["e"], b"1"))
    assert raw.read() == []
    raw.ask("add_listener", sender=None, event="#c")
    raw.session.receive_eof()
    assert isinstance(raw.session.error, LinkLost)
    assert not net.exchange._table._at


def test_a_session_that_never_opened_leaves_nothing() -> None:
    net = Net()
    session = net.server_session()
    session.receive_data(opening()[:30], 0.0)
    session.receive_eof()
    assert session.state is State.CLOSED
    assert session.take(EVERYTHING) == b""
    assert len(net.identities) == 0


def test_the_time_of_the_handshake_is_not_prolonged_by_bytes() -> None:
    session = Net(Limits(handshake=2.0)).server_session()
    for step, byte in enumerate(pieces_of(opening()[:18], 1)):
        assert session.tick(step / 10) == pytest.approx(2.0 - step / 10)
        session.receive_data(byte, step / 10)
    session.tick(1.99)
    assert session.state is State.OPENING
    session.tick(2.0)
    assert isinstance(session.error, HandshakeError)
    assert b'"status":-14' in session.take(EVERYTHING)


def test_silence_before_the_first_byte_is_closed_without_a_word() -> None:
    session = Net(Limits(handshake=2.0)).server_session()
    session.tick(2.0)
    assert session.state is State.CLOSED
    assert session.take(EVERYTHING) == b""


def test_take_gives_whole_frames_that_fit_the_room() -> None:
    raw = Raw(Net())
    raw.session.receive_data(call_frame(SYNC) * 10, 0.0)
    out = raw.session.take(1)
    single = len(out)
    assert out == call_frame(b'{"id":77,"status":0,"response":null}')
    assert raw.session.take(3 * single + 1) == out * 3
    assert raw.session.take(EVERYTHING) == out * 6
    assert not raw.session.has_output
