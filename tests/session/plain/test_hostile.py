"""What peers may do to each other at a plain link, and what breaks a rule: docs/plain.md, section 6."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sig_core.errors import MessageTooBig, RemoteProtocolError
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame, reply_frame
from sig_core.session.base import State
from tests.session.plains import Plain
from tests.support.sessions import Net

# -- what is no message


BAD = [
    b'{"id":1,"method":"get_version",}',
    b'{"id":NaN,"method":"get_version"}',
    b'{"id":Infinity,"method":"get_version"}',
    b'{"id":-Infinity}',
    b'{"id":1e999,"method":"get_version"}',
    b'{"id":18446744073709551616,"method":"get_version"}',
    b'{"id":-9223372036854775809,"method":"get_version"}',
    b'{"id":"\\ud800","method":"get_version"}',
    b'{"id":"\\x41","method":"get_version"}',
    b'{"id":"\xff","method":"get_version"}',
    b'{"id":"a\nb","method":"get_version"}',
    b'{"id":01,"method":"get_version"}',
    b"{'id':1}",
    b"{1:2}",
    b"{no}",
    b'{"id":1 "method":2}',
    b'{"a":' * 64 + b"{}" + b"}" * 64,
    b'{"a":' * 1000 + b"1" + b"}" * 1000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:24].decode("latin-1"))
def test_what_is_no_json_is_answered_and_the_link_lives(text: bytes) -> None:
    peer = Plain(Net())
    assert peer.raw(b"{}") != b""
    (told,) = [json.loads(line) for line in peer.raw(text + b"\n").splitlines()]
    assert (told["id"], told["status"]) == (None, -7)
    assert peer.call("get_version") == "1.01"
    assert (peer.session.error, peer.session.port.unmatched_replies) == (None, 0)


def test_64_levels_are_carried() -> None:
    peer = Plain(Net())
    deep = b'{"id":' + b"[" * 63 + b"]" * 63 + b',"method":"get_version"}\n'
    assert peer.raw(deep) == b'{"id":' + b"[" * 63 + b"]" * 63 + b',"status":0,"response":"1.01"}\n'


def test_the_last_of_two_members_counts() -> None:
    peer = Plain(Net())
    twice = b'{"id":1,"id":2,"method":"nothing","method":"add_listener","params":{"sender":1,"sender":"s"}}\n'
    assert peer.raw(twice) == b'{"id":2,"status":0,"response":{"listener_id":1}}\n'
    assert peer.session.port.stats()["subscriptions"] == 1


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({}, -3),
        ({"method": None}, -3),
        ({"params": {}}, -3),
        ({"method": ""}, -7),
        ({"method": 5}, -7),
        ({"method": ["get_version"]}, -7),
        ({"method": {}}, -7),
        ({"method": "x" * 256}, -7),
        ({"method": "hello"}, -1),
        ({"method": "sync"}, -1),
        ({"method": "recall"}, -1),
        ({"method": "resolve", "params": {"sender": "s"}}, -1),
        ({"method": "_add_sender"}, -1),
        ({"method": "get_version", "params": []}, -7),
        ({"method": "get_version", "params": "x"}, -7),
        ({"method": "get_version", "params": False}, -7),
        ({"method": "signal"}, -7),
        ({"method": "signal", "params": {"info": None}}, -7),
        ({"method": "signal", "params": {"info": []}}, -7),
        ({"method": "signal", "params": {"info": {"sender": "s"}}}, -7),
        ({"method": "signal", "params": {"info": {"sender": None, "event": "e"}}}, -7),
        ({"method": "list_senders", "params": {"list_events": 1}}, -7),
        ({"method": "remove_listener"}, -7),
        ({"method": "remove_listener", "params": {"listener_id": "1"}}, -7),
        ({"method": "remove_listener", "params": {"listener_id": 1.0}}, -7),
        ({"method": "remove_listener", "params": {"listener_id": -1}}, -7),
        ({"method": "add_sender", "params": {"sender": "s", "events": {"e": 1}}}, -7),
        ({"method": "add_sender", "params": {"sender": "s", "requests": "m"}}, -7),
        ({"method": "add_sender", "params": {"sender": "s", "requests": [1]}}, -7),
        ({"method": "add_sender", "params": {"sender": "s", "requests": [""]}}, -7),
        ({"method": "plain", "params": {"lines": "yes"}}, -7),
        ({"method": "plain", "params": {"answers": 0}}, -7),
        ({"method": "request"}, -7),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_calls_that_break_a_rule(message: dict[str, Any], status: int) -> None:
    peer = Plain(Net())
    for ident in (7, None):
        (told,) = peer.say({"id": ident, **message})
        assert (told["id"], told["status"]) == (ident, status)
        assert "response" not in told and isinstance(told["exception"], str) and told["exception"]
    assert peer.call("list_senders") == [{"sender": None, "connected": True}]


@pytest.mark.parametrize("garbage", [b"hello\n", b"[]", b"1", b'"x"', b"}", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_object_ends_the_link(garbage: bytes) -> None:
    peer = Plain(Net())
    told = peer.raw(b'{"id":1,"method":"get_version"}\n' + garbage + b'{"id":2,"method":"get_version"}').splitlines()
    assert [json.loads(line)["status"] for line in told] == [0, -7]
    assert isinstance(peer.session.error, RemoteProtocolError)


def test_what_is_too_long_ends_the_link() -> None:
    peer = Plain(Net(Limits(max_frame=4096)))
    data = b'{"id":1,"method":"get_version"}\n{"id":"' + b"x" * 5000
    told = [json.loads(line) for line in peer.raw(data).splitlines()]
    assert [each["status"] for each in told] == [0, -8]
    assert isinstance(peer.session.error, MessageTooBig)


def test_ten_megabytes_of_text_come_and_go() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    text = "\u20ac{\\\"}" * 300_000 + "x" * 8_000_000
    peer.listen("s", "e"), program.listen("s", "e")
    peer.add_sender("s", ["e"])
    message = {"method": "signal", "params": {"info": {"sender": "s", "event": "e"}, "data": text}}
    peer.session.receive_data(json.dumps(message, ensure_ascii=False).encode(), net.now)
    net.pump()
    heard, answer = peer.read()
    assert heard["params"]["data"] == text == program.values()[0]
    assert answer["status"] == 0


@pytest.mark.parametrize("number", ["-0.0", "1e308", "5e-324", "18446744073709551615", "-9223372036854775808", "0.1"])
def test_numbers_are_not_altered(number: str) -> None:
    net = Net()
    peer, program = Plain(net), net.connect("cbor")
    peer.listen("s", "e"), program.listen("s", "e")
    peer.add_sender("s", ["e"])
    peer.session.receive_data(
        b'{"method":"signal","params":{"info":{"sender":"s","event":"e"},"data":%s}}' % number.encode(), 0.0
    )
    net.pump()
    assert repr(peer.read()[0]["params"]["data"]) == repr(json.loads(number)) == repr(program.values()[0])


# -- answers that are none of ours


@pytest.mark.parametrize("ident", ["0", "-1", "2", "99999999999", "1.0", '"1"', "null", "true", "[1]", "{}", "1e3"])
def test_an_answer_to_nothing_is_counted(ident: str) -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.add_sender("s", [], ["m"])
    told = program.request("s", "m", 1)
    assert len(peer.read()) == 1
    assert peer.raw(b'{"id":%s,"status":0,"response":1}' % ident.encode()) == b""
    net.pump()
    assert (told, peer.session.port.unmatched_replies) == ([], 1)
    peer.say({"id": 1, "status": 0, "response": 1})
    assert told == [(1, None)]
    peer.say({"id": 1, "status": 0, "response": 2})
    assert told == [(1, None)]


ODD = [1, 7, "ok", True, 0.0, -(2**15) - 1, [], {}]


@pytest.mark.parametrize("status", ODD, ids=repr)
def test_the_status_of_an_answer_to_an_event_is_not_looked_at(status: Any) -> None:
    net = Net()
    peer, program = Plain(net, end=b""), net.connect()
    peer.listen("s", "e")
    peer.tick(0.05)
    program.add_sender("s", ["e"])
    for number in range(2):
        program.fire("s", "e", number)
    (first,) = peer.read()
    (second,) = peer.say({"id": first["id"], "status": status})
    assert second["params"]["data"] == 1


@pytest.mark.parametrize("fields", [*({"status": each} for each in ODD if each != 0), {"status": -2, "exception": 5}])
def test_an_answer_that_is_odd_ends_its_request_at_once(fields: dict[str, Any]) -> None:
    net = Net()
    answers, asks = Plain(net), Plain(net)
    answers.add_sender("s", [], ["m"])
    asks.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
    answers.out()
    answers.say({"id": 1, **fields})
    (told,) = asks.read()
    assert (told["id"], told["status"] < 0) == (1, True)


def test_a_peer_answers_only_for_itself() -> None:
    net = Net()
    peer, other, program = Plain(net), Plain(net), net.connect()
    peer.add_sender("s", [], ["m"])
    told = program.request("s", "m", 1)
    peer.out()
    other.say(*({"id": ident, "status": 0, "response": "forged"} for ident in range(10)))
    assert told == []
    peer.say({"id": 1, "status": 0, "response": "true"})
    assert told == [("true", None)]


# -- what others send it


PAYLOADS = [
    b"",
    b"nothing",
    b"{",
    b'"x" , "y"',
    b'1}}\n{"id":9,"method":"request","params":{"sender":"x","method":"y","params":1',
    b'"a"\n"b"',
    b"\xff\xfe",
    b'"\\ud800"',
    b"NaN",
    b"1e999",
    b"[" * 100 + b"]" * 100,
    b'{"a":' + b"[" * 63 + b"]" * 63 + b"}",  # with the levels around it too deep
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: repr(payload[:20]))
def test_a_payload_that_is_no_json_is_lost_for_it_and_the_rest_comes(payload: bytes) -> None:
    net = Net()
    peer, program = Plain(net), net.connect("json")
    peer.listen("s"), peer.listen("s", "e")
    route = program.add_sender("s", ["e"])["e"]
    peer.out()
    for data, added in ((b"1", None), (payload, None), (b"2", None), (b"3", payload), (b"4", b"{}")):
        program.client.out.append(event_frame(route, data, added))
    net.pump()
    heard = peer.read()
    assert [each["params"]["data"] for each in heard] == [1, 1, 2, 2, 4, 4]
    assert all(each["params"]["info"] == {"sender": "s", "event": "e"} for each in heard)
    assert (peer.counts["lost"], peer.counts["fired"]) == ({"JSON can't carry the value": 2}, 6)


WITH_SPACE = [b' {"a" :\n"b" }\r\n', b'"\\n"', b"\t1\n\n", '"\u2028"'.encode(), b'"\\u000a\\u007f"']


@pytest.mark.parametrize("payload", WITH_SPACE)
def test_a_message_has_no_newline_inside_whatever_the_payload(payload: bytes) -> None:
    net = Net()
    peer, program = Plain(net), net.connect("json")
    peer.listen("s", "e")
    route = program.add_sender("s", ["e"])["e"]
    program.client.out.append(event_frame(route, payload, b'\n{"x":\n1}\n'))
    net.pump()
    out = peer.out()
    assert (out.count(b"\n"), out[-1:]) == (1, b"\n")
    assert json.loads(out)["params"]["data"] == json.loads(payload)
    assert json.loads(out)["params"]["info"] == {"x": 1, "sender": "s", "event": "e"}


@pytest.mark.parametrize("added", [b"[1]", b"1", b'"id"', b"null", b'{"sender":"root","event":"x"}'])
def test_additions_that_are_no_map_or_say_who_sent_it_are_left_out(added: bytes) -> None:
    net = Net()
    peer, program = Plain(net), net.connect("json")
    peer.listen("s", "e")
    route = program.add_sender("s", ["e"])["e"]
    program.client.out.append(event_frame(route, b"1", added))
    net.pump()
    (heard,) = peer.read()
    assert heard["params"]["info"] == {"sender": "s", "event": "e"}


@pytest.mark.parametrize("codec", ["cbor", "msgpack"])
@pytest.mark.parametrize("value", [b"bytes", {"a": [b"x"]}, float("nan"), float("inf")], ids=repr)
def test_what_json_cannot_carry_is_counted_and_others_get_it(codec: str, value: Any) -> None:
    net = Net()
    peer, program, other = Plain(net), net.connect(codec), net.connect(codec)
    peer.listen("s", "e"), other.listen("s", "e")
    program.add_sender("s", ["e"])
    for each in (1, value, 2):
        program.fire("s", "e", each)
    assert [each["params"]["data"] for each in peer.read()] == [1, 2]
    assert repr(other.values()) == repr([1, value, 2])
    assert peer.counts["lost"] == {"json can't carry the value": 1}


def test_requests_and_answers_that_json_cannot_carry_fail() -> None:
    net = Net()
    peer, program = Plain(net), net.connect("cbor")
    peer.add_sender("s", [], ["m"])
    program.add_sender("p", [], ["m"])
    (told,) = program.request("s", "m", b"bytes")
    assert told[1].status == -13
    assert peer.out() == b""
    peer.say({"id": 1, "method": "request", "params": {"sender": "p", "method": "m"}})
    program.serve(lambda method, params: b"bytes")
    assert [(each["id"], each["status"]) for each in peer.read()] == [(1, -13)]


def test_an_answer_that_is_no_json_fails_the_request() -> None:
    net = Net()
    peer, program = Plain(net), net.connect("json")
    program.add_sender("p", [], ["m"])
    peer.say({"id": 1, "method": "request", "params": {"sender": "p", "method": "m"}})
    (incoming,) = program.asked()
    program.client.out.append(reply_frame(incoming.route, incoming.ident, b'1}\n{"id":1,"status":0}'))
    net.pump()
    assert [(each["id"], each["status"]) for each in peer.read()] == [(1, -7)]


@pytest.mark.parametrize("codec", ["json", "cbor"])
def test_numbers_that_grow_when_written_out_cost_nobody_a_link(codec: str) -> None:
    net = Net(Limits(max_frame=65_536))
    peer, program, other = Plain(net), net.connect(codec), Plain(net)
    program.listen("s", "e")
    other.listen("s", "e")
    peer.add_sender("s", ["e"], ["m"])
    big = b"[" + b",".join([b"1e9"] * 14_000) + b"]"
    fire = b'{"id":1,"method":"signal","params":{"info":{"sender":"s","event":"e"},"data":%s}}\n'
    for data in (b"1", big, b"2"):
        peer.session.receive_data(fire % data, net.now)
        net.pump()
    values = program.values()
    assert (values[0], values[-1]) == (1, 2)
    assert program.client.state is State.OPEN
    assert len(other.read()) == 3
    told = program.request("s", "m", 1)
    peer.out()
    peer.session.receive_data(b'{"id":1,"status":0,"response":%s}\n' % big, net.now)
    net.pump()
    assert len(told) == 1 and program.client.state is State.OPEN
