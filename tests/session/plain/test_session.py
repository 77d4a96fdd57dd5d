"""A plain peer at the server, byte for byte: docs/plain.md, sections 1, 2, 3 and 5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sig_core.errors import LinkClosed, LinkLost, OutcomeUnknown, RemoteError
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame
from sig_core.routing.ports import Run
from sig_core.session.base import State
from tests.session.boards import Played, event, method
from tests.session.boards import listen as hears
from tests.session.plains import Plain
from tests.support.sessions import Net

PRESENCE = {"events": ["e", "#connect", "#disconnect"], "requests": None}


def signal(number: int, listener: int, sender: Any, event: Any, data: Any, **added: Any) -> dict[str, Any]:
    info = {**added, "sender": sender, "event": event}
    return {"id": number, "method": "signal", "params": {"listener_id": listener, "info": info, "data": data}}


def ok(ident: Any, response: Any = None) -> dict[str, Any]:
    return {"id": ident, "status": 0, "response": response}


# -- messages


def test_bytes_of_each_call() -> None:
    net = Net()
    peer = Plain(net)
    talk = [
        (b'{"id":1,"method":"get_version"}', b'{"id":1,"status":0,"response":"1.01"}'),
        (
            b'{"id":2,"method":"add_sender","params":{"sender":"s","events":["e"]}}',
            b'{"id":2,"status":0,"response":null}',
        ),
        (
            b'{"id":3,"method":"list_senders","params":{}}',
            b'{"id":3,"status":0,"response":[{"sender":null,"connected":true},{"sender":"s","connected":true}]}',
        ),
        (
            b'{"id":4,"method":"list_senders","params":{"list_events":true}}',
            b'{"id":4,"status":0,"response":[{"sender":null,"connected":true,"events":[]},{"sender":"s","connected":true,'
            b'"events":[{"event":"e"},{"event":"#connect"},{"event":"#disconnect"}]}]}',
        ),
        (
            b'{"id":5,"method":"add_listener","params":{"sender":"s","event":"e"}}',
            b'{"id":5,"status":0,"response":{"listener_id":1}}',
        ),
        (
            b'{"id":6,"method":"signal","params":{"info":{"sender":"s","event":"e"},"data":[1,2.5,"\xc3\xa9"]}}',
            b'{"id":1,"method":"signal","params":{"listener_id":1,"info":{"sender":"s","event":"e"},'
            b'"data":[1,2.5,"\xc3\xa9"]}}\n{"id":6,"status":0,"response":null}',
        ),
        (b'{"id":1,"status":0,"response":null}', None),
        (b'{"id":7,"method":"remove_listener","params":{"listener_id":1}}', b'{"id":7,"status":0,"response":null}'),
        (b'{"id":8,"method":"remove_sender","params":{"sender":"s"}}', b'{"id":8,"status":0,"response":null}'),
        (b'{"id":9,"method":"plain","params":{"lines":true,"answers":false}}', b'{"id":9,"status":0,"response":null}'),
        (b'{"id":10,"method":"none"}', None),
    ]
    for said, told in talk[:-1]:
        assert peer.raw(said + b"\n") == (b"" if told is None else told + b"\n")
    assert peer.raw(talk[-1][0]).startswith(b'{"id":10,"status":-1,"exception":"unknown method \'none\'')
    assert peer.session.port.unmatched_replies == 0


IDENTS = ["1", '"text"', "null", "-7", "1.5", "true", "[1,{}]", '{"a":[null]}', '"\u20ac"', '""', str(2**64 - 1)]


@pytest.mark.parametrize("ident", IDENTS)
def test_an_id_comes_back_as_it_was(ident: str) -> None:
    peer = Plain(Net())
    assert peer.raw(b'{"id":%s,"method":"get_version"}' % ident.encode()) == (
        b'{"id":%s,"status":0,"response":"1.01"}\n' % ident.encode()
    )
    assert peer.raw(b'\n{"id":%s,"method":"no"}' % ident.encode()).startswith(b'{"id":%s,"status":-1' % ident.encode())


def test_without_an_id_it_is_null_and_answered_all_the_same() -> None:
    assert Plain(Net()).say({"method": "get_version"}) == [ok(None, "1.01")]


def test_fields_that_are_not_known_are_ignored_and_a_null_status_is_none() -> None:
    peer = Plain(Net())
    assert peer.say({"id": 1, "status": None, "method": "get_version", "params": None, "x": 1}) == [ok(1, "1.01")]
    assert peer.say({"id": 2, "method": "add_listener", "params": {"y": 2}}) == [ok(2, {"listener_id": 1})]


@pytest.mark.parametrize("piece", [1, 2, 5, 64, 10_000])
@pytest.mark.parametrize("between", [b"", b" ", b"\n", b"\r\n\t "])
def test_objects_are_read_and_not_segments(piece: int, between: bytes) -> None:
    peer = Plain(Net())
    stream = b"".join(b'{"id":%d,"method":"get_version"}%s' % (number, between) for number in range(20))
    peer.raw(b'{"method":"plain","params":{"answers":false}}')
    told = b"".join(peer.raw(stream[at : at + piece]) for at in range(0, len(stream), piece))
    assert told == b"".join(b'{"id":%d,"status":0,"response":"1.01"}\n' % number for number in range(20))


# -- senders and ownership


def test_events_may_be_one_name_a_list_or_none() -> None:
    peer = Plain(Net())
    for name, events in (("one", "e"), ("many", ["e", 1, 2.5, "e"]), ("none", None), ("number", 7)):
        assert peer.call("add_sender", sender=name, events=events) is None
    assert peer.call("add_sender", sender="absent") is None
    told = peer.call("list_senders", list_events=True)
    built_in = ["#connect", "#disconnect"]
    assert [[each["event"] for each in sender["events"]] for sender in told[1:]] == [
        ["e", *built_in],
        ["e", 1, 2.5, *built_in],
        built_in,
        [7, *built_in],
        built_in,
    ]


def test_a_sender_is_its_peers_alone() -> None:
    net = Net()
    mine, other, program = Plain(net), Plain(net), net.connect()
    mine.add_sender("s", ["e"])
    program.add_sender("p", ["e"])
    assert other.add_sender("s", ["e"])[0] == -11
    assert mine.add_sender("s", ["e"])[0] == -11
    for sender in ("s", "p"):
        assert other.fire(sender, "e")[0] == -12
        assert other.call("remove_sender", sender=sender)[0] == -12
    assert other.fire("nobody", "e")[0] == other.call("remove_sender", sender="nobody")[0] == -4
    assert mine.fire("s", "#connect")[0] == -12
    status, text = mine.fire("s", "undeclared")
    assert status < 0 and "undeclared" in text
    assert mine.call("remove_sender", sender="s") is None
    assert mine.fire("s", "e")[0] == -4


def test_presence_is_told_both_ways() -> None:
    net = Net()
    program, peer, board = net.connect("cbor"), Plain(net), Played(net)
    program.listen(None, "#connect")
    program.listen(None, "#disconnect")
    peer.listen(None, "#connect")
    peer.listen(None, "#disconnect")
    peer.add_sender("s", ["e"], ["m", None])
    assert program.values() == [{"events": ["e", "#connect", "#disconnect"], "requests": ["m", None]}]
    program.add_sender("p", ["e"])
    board.register("b", event("e"), method("m"))
    peer.call("remove_sender", sender="s")
    assert program.values()[-1] == {"events": ["e", "#connect", "#disconnect"], "requests": ["m", None]}
    other = Plain(net)
    other.listen("b")
    assert other.out() == b""  # presence is told when it happens
    net.exchange.remove_sender(board.session, "b")
    assert other.read() == [signal(1, 1, "b", "#disconnect", PRESENCE | {"requests": ["m"]})]


def test_its_own_senders_are_heard_too() -> None:
    peer = Plain(Net())
    peer.listen()
    told = peer.say({"id": 1, "method": "add_sender", "params": {"sender": "s", "events": ["e"]}})
    assert told == [signal(1, 1, "s", "#connect", PRESENCE), ok(1)]
    assert peer.say({"id": 2, "method": "signal", "params": {"info": {"sender": "s", "event": "e"}}}) == [
        signal(2, 1, "s", "e", None),
        ok(2),
    ]


@pytest.mark.parametrize("name", ["s", "\u20ac" * 85, 1, -1, 1.5, -(2**63), 2**64 - 1, 0, '"}{\\', "\n", "#s"])
def test_names_of_every_kind(name: Any) -> None:
    net = Net()
    peer, program = Plain(net), net.connect("msgpack")
    listener = peer.listen(name, name)
    program.add_sender(name, [name])
    program.fire(name, name, name)
    told = peer.read()
    assert told[-1] == signal(len(told), listener, name, name, name)
    assert peer.call("list_senders")[1:] == [{"sender": name, "connected": True}]


@pytest.mark.parametrize("name", [None, "", "\u20ac" * 86, True, [1], {}, "x" * 256])
def test_names_that_cannot_be(name: Any) -> None:
    peer = Plain(Net())
    status, text = peer.call("add_sender", sender=name, events=["e"])
    assert (status, "'sender'" in text) == (-7, True)
    if name is not None:
        for field in ("sender", "event"):
            status, text = peer.call("add_listener", **{field: name})
            assert (status, f"'{field}'" in text) == (-7, True)
        status, text = peer.call("add_sender", sender="s", events=[name])
        assert (status, "'events'" in text) == (-7, True)
    assert peer.call("list_senders") == [{"sender": None, "connected": True}]


# -- listeners


def test_one_message_for_each_listener_in_the_order_of_dispatch() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    program.add_sender("s", ["e", "#c"])
    ids = {pattern: peer.listen(*pattern) for pattern in [("s", "#c"), (None, "#c"), ("s", None), (None, None)]}
    again = {pattern: peer.listen(*pattern) for pattern in [("s", "#c"), (None, "#c"), ("s", None), (None, None)]}
    peer.listen("s", "e"), peer.listen(None, "e"), peer.listen("t", "#c")  # not these
    program.fire("s", "#c", 1)
    order = [(None, None), ("s", None), (None, "#c"), ("s", "#c")]
    expected = [found for pattern in order for found in (ids[pattern], again[pattern])]
    assert peer.read() == [signal(number, ident, "s", "#c", 1) for number, ident in enumerate(expected, 1)]
    assert (peer.counts["fired"], peer.counts["out"]) == (1, 1)


def test_a_listener_that_is_removed_hears_no_more_and_the_others_do() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    program.add_sender("s", ["e"])
    first, second, third = (peer.listen("s", "e") for _ in range(3))
    assert peer.call("remove_listener", listener_id=second) is None
    program.fire("s", "e", 1)
    assert [each["params"]["listener_id"] for each in peer.read()] == [first, third]
    fourth = peer.listen("s")
    program.fire("s", "e", 2)
    assert [each["params"]["listener_id"] for each in peer.read()] == [fourth, first, third]
    assert peer.call("remove_listener", listener_id=second)[0] == -7
    for listener in (first, third, fourth):
        peer.call("remove_listener", listener_id=listener)
    program.fire("s", "e", 3)
    assert peer.out() == b""
    assert net.exchange.stats(peers=False)["subscriptions"] == 0


def test_additions_stand_in_info_and_replace_nothing() -> None:
    net = Net()
    peer, program, board = Plain(net), net.connect("cbor"), Played(net)
    peer.listen("s", "e"), peer.listen("mine", "e"), program.listen("mine", "e")
    board.register("b", hears("mine", "e"))
    program.add_sender("s", ["e"])
    program.fire("s", "e", 1, count=3, listener_id="x")
    assert peer.read()[-1] == signal(1, 1, "s", "e", 1, count=3, listener_id="x")
    peer.add_sender("mine", ["e"])
    assert peer.fire("mine", "e", 2, when=[1], data={"x": None}) is None
    (heard,) = program.heard()
    assert (heard.value, heard.added) == (2, {"when": [1], "data": {"x": None}})
    assert board.read()[-1][-1] == 2


def test_additions_are_bounded_as_everywhere() -> None:
    peer = Plain(Net())
    peer.add_sender("s", ["e"])
    assert peer.fire("s", "e", None, note="x" * 65_522) is None
    assert peer.fire("s", "e", None, note="x" * 65_536)[0] == -8


# -- requests


def test_a_request_and_its_answer_byte_for_byte() -> None:
    net = Net()
    peer, program = Plain(net), net.connect("msgpack")
    peer.add_sender("s", [], ["echo"])
    told = program.request("s", "echo", {"n": 7})
    assert peer.out() == b'{"id":1,"method":"request","params":{"sender":"s","method":"echo","params":{"n":7}}}\n'
    assert peer.raw(b'{"id":1,"status":0,"response":{"n":7}}') == b""
    net.pump()
    assert told == [({"n": 7}, None)]


def test_a_request_of_a_peer_byte_for_byte() -> None:
    net = Net()
    peer, program = Plain(net), net.connect("cbor")
    program.add_sender("s", [], ["echo", "fail"])
    request = b'{"id":"r","method":"request","params":{"sender":"s","method":"%s","params":[1]}}\n'
    assert peer.raw(request % b"echo") == b""
    program.serve(lambda method, params: params)
    assert peer.out() == b'{"id":"r","status":0,"response":[1]}\n'

    def fail(method: str, params: Any) -> Any:
        raise RemoteError("ValueError", "no")

    peer.raw(request % b"fail")
    program.serve(fail)
    assert peer.out() == b'{"id":"r","status":-2,"exception":"no"}\n'
    assert peer.raw(request % b"none").startswith(b'{"id":"r","status":-5,')


def test_between_plain_peers_and_boards() -> None:
    net = Net()
    asks, answers, board = Plain(net), Plain(net), Played(net)
    answers.add_sender("s", [], [None])
    board.register("b", method("m"))
    asks.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "any", "params": None}})
    (call,) = answers.read()
    assert call["params"] == {"sender": "s", "method": "any", "params": None}
    answers.say({"id": call["id"], "status": 0, "response": [None, True]})
    assert asks.read() == [ok(1, [None, True])]
    asks.say({"id": 2, "method": "request", "params": {"sender": "b", "method": "m", "params": 5}})
    assert board.read()[-1][-1] == 5


@pytest.mark.parametrize("status", [-4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14])
def test_a_failure_goes_on_with_its_status_and_text(status: int) -> None:
    net = Net()
    answers, asks = Plain(net), Plain(net)
    answers.add_sender("s", [], ["m"])
    asks.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
    answers.out()
    answers.say({"id": 1, "status": status, "exception": "why not"})
    assert asks.read() == [{"id": 1, "status": status, "exception": "why not"}]


@pytest.mark.parametrize("status", [-1, -2, -3, -15])
def test_a_failure_of_any_status_goes_on_as_it_is(status: int) -> None:
    test_a_failure_goes_on_with_its_status_and_text(status)


def test_a_failure_without_a_text_gets_one() -> None:
    net = Net()
    answers, asks = Plain(net), Plain(net)
    answers.add_sender("s", [], ["m"])
    asks.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
    answers.out()
    answers.say({"id": 1, "status": -5})
    assert asks.read() == [{"id": 1, "status": -5, "exception": "plain answered with status -5"}]


def test_a_request_of_a_peer_is_given_up_in_time() -> None:
    net = Net(Limits(request_timeout=2.0))
    peer, program = Plain(net), net.connect()
    program.add_sender("s", [], ["m"])
    peer.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
    peer.tick(1.9)
    assert peer.out() == b""
    peer.tick(0.2)
    assert peer.read() == [{"id": 1, "status": -14, "exception": "no answer within 2 s"}]
    program.serve(lambda method, params: 1)
    assert peer.out() == b""
    assert net.exchange.stats(peers=False)["requests"]["open"] == 0


def test_what_it_does_not_answer_fails_at_the_requester() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.add_sender("s", [], ["m"])
    told = program.request("s", "m", 1, deadline=1.0)
    net.tick(1.1)
    assert len(told) == 1 and told[0][1].status == -14
    peer.out()
    assert peer.say({"id": 1, "status": 0, "response": 1}) == []


def test_a_request_to_itself() -> None:
    peer = Plain(Net())
    peer.add_sender("s", [], ["m"])
    told = peer.say({"id": "mine", "method": "request", "params": {"sender": "s", "method": "m", "params": 1}})
    assert told == [{"id": 1, "method": "request", "params": {"sender": "s", "method": "m", "params": 1}}]
    assert peer.say({"id": 1, "status": 0, "response": 2}) == [ok("mine", 2)]


def test_a_request_that_names_nobody_or_nothing() -> None:
    peer = Plain(Net())
    peer.add_sender("s", [], None)
    assert peer.call("request", sender="nobody", method="m")[0] == -4
    assert peer.call("request", sender="s", method="m")[0] == -5
    for wrong in ({"sender": "s"}, {"method": "m"}, {"sender": "s", "method": 1}, {"sender": "s", "method": ""}):
        assert peer.call("request", **wrong)[0] == -7
    assert peer.call("request", sender="s", method="\u20ac" * 100)[0] == -7


# -- the end


def test_a_half_close_is_answered_before_the_end() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    program.listen("mine", "#disconnect")
    program.add_sender("s", ["e"], ["m"])
    peer.add_sender("mine", ["e"])
    peer.listen("s", "e")
    for ident in (1, 2):
        peer.say({"id": ident, "method": "request", "params": {"sender": "s", "method": "m", "params": ident}})
    peer.session.receive_eof()
    net.pump()
    assert [heard.event for heard in program.heard()] == ["#disconnect"]
    assert (peer.session.state, peer.session.error) == (State.OPEN, None)
    assert peer.session.port.stats()["senders"] == peer.session.port.stats()["subscriptions"] == 0
    program.fire("s", "e", 1)
    program.serve(lambda method, params: params)
    assert peer.read() == [ok(1, 1), ok(2, 2)]
    assert isinstance(peer.session.error, LinkClosed)


def test_a_half_close_waits_no_longer_than_a_request_may_take() -> None:
    net = Net(Limits(request_timeout=2.0))
    peer, program = Plain(net), net.connect()
    program.add_sender("s", [], ["m"])
    peer.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
    peer.session.receive_eof()
    peer.tick(2.1)
    assert peer.read()[0]["status"] == -14
    assert isinstance(peer.session.error, LinkClosed)


def test_what_was_asked_of_it_fails_when_it_closes() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.add_sender("s", [], ["m"])
    told = program.request("s", "m", 1)
    peer.session.receive_eof()
    net.pump()
    assert isinstance(told[0][1], OutcomeUnknown)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_it_asked_itself_ends_with_its_half(count: int) -> None:
    net = Net()
    peer = Plain(net)
    peer.add_sender("s", [], ["m"])
    peer.listen(None, None)
    for ident in range(count):
        peer.say({"id": ident, "method": "request", "params": {"sender": "s", "method": "m"}})
    peer.session.receive_eof()
    assert [(each["id"], each["status"]) for each in peer.read()] == [(ident, -10) for ident in range(count)]
    assert isinstance(peer.session.error, LinkClosed)
    assert (len(net.exchange.requests), net.exchange.senders) == (0, {})


def test_events_that_wait_leave_at_the_end() -> None:
    net = Net()
    peer, program = Plain(net, end=b""), net.connect()
    peer.listen("s", "e")
    peer.tick(0.05)
    program.add_sender("s", ["e"])
    for number in range(5):
        program.fire("s", "e", number)
    assert len(peer.read()) == 1
    peer.session.receive_eof()
    assert [each["params"]["data"] for each in peer.read()] == [1, 2, 3, 4]


def test_the_end_inside_an_object() -> None:
    peer = Plain(Net())
    peer.add_sender("s", ["e"])
    peer.session.receive_data(b'{"id":1,', 0.0)
    peer.session.receive_eof()
    assert isinstance(peer.session.error, LinkLost)
    assert "inside an object" in str(peer.session.error)
    assert peer.net.exchange.senders == {}


@pytest.mark.parametrize("how", ["close", "fail", "eof"])
def test_nothing_is_left_and_nothing_comes_after_the_end(how: str) -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.add_sender("s", ["e"], ["m"])
    peer.listen()
    program.add_sender("p", ["e"])
    peer.out()
    session = peer.session
    {"close": session.close, "fail": lambda: session.fail(LinkLost("x")), "eof": session.receive_eof}[how]()
    peer.out()
    program.fire("p", "e", 1)
    peer.session.receive_data(b'{"id":1,"method":"get_version"}', net.now)
    peer.session.receive_eof()
    peer.session.close()
    assert (peer.out(), list(net.exchange.senders), peer.session.state) == (b"", ["p"], State.CLOSED)
    net.exchange.leave(peer.session.port)
    stats = net.exchange.stats(peers=True)
    assert (stats["links"]["open"], stats["subscriptions"], len(stats["peers"])) == (1, 0, 1)


def test_packets_hold_whole_messages() -> None:
    net = Net()
    peer, program = Plain(net, end=b"", packets=True), net.connect()
    two = b'{"id":1,"method":"get_version"} {"id":2,"method":"add_listener","params":{}}'
    assert peer.raw(two).count(b"\n") == 2
    program.add_sender("s", ["e"])
    for number in range(3):
        program.fire("s", "e", number)
    assert len(peer.read()) == 4  # as one that reads lines
    told = json.loads(peer.raw(b'{"id":3,"met'))
    assert told == {"id": None, "status": -7, "exception": "a packet ends inside an object"}
    assert str(peer.session.error) == "a packet ends inside an object"


def test_a_first_object_that_never_ends_is_given_up() -> None:
    net = Net()
    for begin in (b"{", b" \n", b'{"id":1,"method":"get_ver'):
        session = net.plain_session()
        session.receive_data(begin, net.now)
        session.tick(net.now + 4.9)
        assert session.error is None
        session.tick(net.now + 5.1)
        assert json.loads(session.take(1000)) == {"id": None, "status": -14, "exception": "no whole object within 5 s"}
        assert session.error is not None
    session = net.plain_session()
    session.receive_data(b'{"method":"get_version"}', net.now)
    session.tick(net.now + 1000)
    assert session.error is None


def test_what_an_interrupt_left_unsaid_is_sent_when_the_port_is_mended() -> None:
    net = Net()
    peer, woken = Plain(net), []
    peer.listen("s", "e")
    port = peer.session.port
    peer.session.on_change = _interrupted
    with pytest.raises(KeyboardInterrupt):
        port.deliver(Run(5, "json", 1, event_frame(5, b"1")), "s", "e")
    peer.session.on_change = lambda: woken.append(True)
    port._outbox.size += 100  # as it may be in the midst of a change
    port.mend()
    assert woken == [True] and port._outbox.size == len(port._outbox.runs[0].data)
    (told,) = peer.read()
    assert told["params"]["data"] == 1


def _interrupted() -> None:
    raise KeyboardInterrupt
