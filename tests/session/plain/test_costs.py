"""What a plain peer may cost: limits, slow readers, memory, and what a wrong guess of it would lose."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest

from sig_core.contract import Codec
from sig_core.errors import Busy, LinkLost, MessageTooBig
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame, reply_frame
from sig_core.session.plain.calls import MOST_ALIKE
from sig_core.session.plain.input import MARKS_PER_TURN
from sig_core.session.plain.session import PlainSession
from sig_core.session.turn import BYTES_PER_MESSAGE, MESSAGES_PER_TURN
from tests.session.plains import Plain
from tests.support.sessions import Net

# -- limits


def test_limits_are_those_of_every_link() -> None:
    net = Net(Limits(max_senders=2, max_events=3, max_listeners=2, max_requests=2))
    peer, program = Plain(net), net.connect()
    program.add_sender("p", [], ["m"])
    assert peer.add_sender("a", [1, 2, 3]) is None
    assert peer.add_sender("b", [1, 2, 3, 4])[0] == -9
    assert peer.add_sender("b") is None
    assert peer.add_sender("c")[0] == -9
    peer.call("remove_sender", sender="b")
    assert peer.add_sender("c") is None
    assert [peer.listen(), peer.listen()] == [1, 2]
    assert peer.call("add_listener")[0] == -9
    request = {"method": "request", "params": {"sender": "p", "method": "m"}}
    told = peer.say(*({"id": ident, **request} for ident in range(3)))
    assert [(each["id"], each["status"]) for each in told] == [(2, -9)]
    program.serve(lambda method, params: 1)
    assert [each["id"] for each in peer.read()] == [0, 1]
    assert peer.say({"id": 3, **request}) == []


def test_answers_that_are_not_read_end_the_link() -> None:
    peer = Plain(Net(Limits(max_outbox=4096)))
    peer.session.receive_data(b'{"method":"get_version"}\n' * 200, 0.0)
    peer.net.pump()
    assert isinstance(peer.session.error, Busy)
    assert "does not read" in str(peer.session.error) and "4096" in str(peer.session.error)


def full(*, end: bytes) -> Plain:
    """A peer whose outbox is full of events to the last bytes."""
    net = Net(Limits(max_outbox=4096, stall=0.0))
    peer, program = Plain(net, end=end), net.connect()
    peer.listen("s", "e")
    peer.tick(0.05)
    program.add_sender("s", ["e"])
    program.fire("s", "e", "begin")
    peer.out()
    calls = peer.session._out.calls
    for size in (300,) * 12 + (1,) * 20:
        if calls.limit - calls.size > 100 + size:
            program.fire("s", "e", "x" * size)
            net.exchange.flow_control.tick(net.now)
    assert 0 <= calls.limit - calls.size < 200
    return peer


def test_events_that_wait_do_not_end_the_link_of_who_calls() -> None:
    peer = full(end=b"")
    for _ in range(5):
        peer.session.receive_data(b'{"id":"c","method":"get_version"}', peer.net.now)
    assert peer.session.error is None


def test_events_that_wait_give_way_to_answers_of_a_peer_with_lines() -> None:
    peer = full(end=b"\n")
    for _ in range(5):
        peer.session.receive_data(b'{"id":"c","method":"get_version"}\n', peer.net.now)
    assert peer.session.error is None
    peer.check()


def test_who_feeds_a_slow_one_is_held_for_a_while_and_then_the_oldest_give_way() -> None:
    net = Net(Limits(max_outbox=4096, stall=1.0))
    peer, program = Plain(net, end=b""), net.connect()
    peer.listen("s", "e")
    peer.tick(0.05)
    program.add_sender("s", ["e"])
    fired = 0
    while not program.server.reading_paused and fired < 1000:
        program.fire("s", "e", fired)
        fired += 1
    assert peer.session.port.stats()["queue"]["fill"] > 0.7 and not peer.counts["lost"]
    net.tick(1.1)  # nobody reads
    assert not program.server.reading_paused
    for _ in range(100):
        program.fire("s", "e", fired)
        fired += 1
    net.tick(2.0)
    peer.check()
    assert peer.counts["lost"]["slow listener"] > 50
    peer.call("plain", answers=False)
    assert peer.counts["waiting"] == 0
    assert peer.counts["fired"] == fired == peer.counts["out"] + peer.counts["lost"]["slow listener"]


def test_a_plain_peer_that_feeds_a_slow_one_is_held() -> None:
    net = Net(Limits(max_outbox=4096))
    peer, slow, changes = Plain(net), Plain(net, end=b""), []
    slow.listen("s", "e")
    slow.tick(0.05)
    peer.add_sender("s", ["e"])
    peer.session.on_change = lambda: changes.append(peer.session.reading_paused)
    fired = 0
    while not peer.session.reading_paused:
        peer.session.receive_data(
            b'{"method":"signal","params":{"info":{"sender":"s","event":"e"},"data":%d}}\n' % fired, net.now
        )
        fired += 1
        assert fired < 1000
    assert changes[-1] is True and peer.session.port.stats()["held"]
    slow.call("plain", answers=False)
    assert not peer.session.reading_paused and changes[-1] is False


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_held_peer_that_leaves_is_forgotten(end: bytes) -> None:
    net = Net(Limits(max_outbox=4096))
    peer, slow = Plain(net, end=end), Plain(net, end=b"")
    slow.listen("s", "e")
    peer.add_sender("s", ["e"])
    for number in range(200):
        peer.session.receive_data(
            b'{"method":"signal","params":{"info":{"sender":"s","event":"e"},"data":%d}}\n' % number, net.now
        )
        peer.out()
    assert peer.session.reading_paused
    peer.session.receive_eof()
    slow.session.fail(LinkLost("x"))
    assert not net.exchange.flow_control


# -- turns


FIRE = b'{"method":"signal","params":{"info":{"sender":"s","event":"e"},"data":%d}}\n'
FLOODS = {
    "no method": b"{}",
    "no json": b"{no}",
    "call": b'{"method":"get_version"}',
    "unknown": b'{"method":"x"}',
    "answer to nothing": b'{"status":0}',
    "newlines": b"{}\n\n",
    "listener": b'{"method":"add_listener"}',
}


@pytest.mark.parametrize("text", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_taken_in_turns_and_all_of_it(text: bytes) -> None:
    net = Net()
    peer = Plain(net)
    calls = Counter(peer.session)
    peer.session.receive_data(text * 1000, net.now)
    turns = [calls.taken]
    while net.turn():
        turns.append(calls.taken)
    steps = [after - before for before, after in pairwise([0, *turns])]
    assert set(steps[:-1]) == {MESSAGES_PER_TURN} and sum(steps) == 1000
    assert not peer.session.reading_paused and peer.session.error is None


def test_long_answers_and_long_objects_use_a_turn_up() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    for sender in range(5):
        program.add_sender(sender, list(range(1000)))
    calls = Counter(peer.session)
    peer.session.receive_data(b'{"method":"list_senders","params":{"list_events":true}}\n' * 3, net.now)
    assert calls.taken == 1 and peer.session.reading_paused
    net.turn()
    assert calls.taken == 2
    net.pump()
    assert calls.taken == 3 and not peer.session.reading_paused
    peer.session.receive_data(b'{"method":"%s"}\n' % (b"x" * MESSAGES_PER_TURN * BYTES_PER_MESSAGE) + b"{}\n", net.now)
    assert calls.taken == 4 and net.turn() and calls.taken == 5


def test_space_is_no_work_and_garbage_ends_it_when_its_turn_comes() -> None:
    net = Net()
    peer = Plain(net)
    calls = Counter(peer.session)
    peer.session.receive_data(b"{}" + b" \n" * 100_000 + b"{}", net.now)
    assert calls.taken == 2 and not net.backlog
    peer.session.receive_data(b"{}" * MESSAGES_PER_TURN + b"[]" * 100_000, net.now)
    assert calls.taken == MESSAGES_PER_TURN + 2 and peer.session.error is None
    net.turn()
    assert "expected" in str(peer.session.error) and not net.backlog


def test_what_comes_meanwhile_waits_for_its_turn_and_order_is_kept() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    program.listen("s", "e")
    peer.add_sender("s", ["e"])
    peer.out()
    peer.session.receive_data(b"".join(FIRE % number for number in range(100)), net.now)
    peer.session.receive_data(b"".join(FIRE % number for number in range(100, 120)), net.now)
    assert peer.session.reading_paused and not peer.session.port.stats()["held"], "it feeds nobody who is slow"
    net.pump()
    assert program.values() == list(range(120)) and not peer.session.reading_paused


def test_who_reads_is_not_taken_for_one_that_does_not() -> None:
    net = Net(Limits(max_outbox=4096))
    peer = Plain(net)
    peer.session.receive_data(b'{"method":"get_version"}\n' * 1000, net.now)
    answers = len(peer.read())
    while net.turn():
        answers += len(peer.read())
    assert (answers, peer.session.error) == (1000, None)


def test_who_is_held_for_a_slow_one_and_behind_is_read_when_neither_is_so() -> None:
    net = Net()
    peer, changes = Plain(net), []
    peer.session.on_change = lambda: changes.append(peer.session.reading_paused)
    peer.session.receive_data(b'{"status":0}' * (MESSAGES_PER_TURN + 1), net.now)
    peer.session.port.set_reading_paused(True)
    net.pump()
    assert peer.session.reading_paused and peer.session.port.stats()["held"]
    peer.session.port.set_reading_paused(False)
    assert not peer.session.reading_paused and changes == [True, False]


def test_what_comes_after_the_end_is_not_kept() -> None:
    peer = Plain(Net())
    peer.session.close()
    tracemalloc.start()
    try:
        for _ in range(100):
            peer.session.receive_data(b"{" * 100_000, 0.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("end", ["fails", "closes"])
def test_an_end_in_between_leaves_nothing_to_do(end: str) -> None:
    net = Net()
    peer = Plain(net)
    calls = Counter(peer.session)
    peer.session.receive_data(b"{}" * 1000, net.now)
    if end == "fails":
        peer.session.fail(LinkLost("cut"))
    else:
        peer.session.close()
    assert net.turn() == 1 and net.turn() == 0 and calls.taken == MESSAGES_PER_TURN


class Counter:
    """Counts the objects that a session takes."""

    def __init__(self, session: PlainSession) -> None:
        self.taken = 0
        self._take = session._take
        session._take = self._count  # type: ignore[method-assign]

    def _count(self, text: bytes) -> None:
        self.taken += 1
        self._take(text)


# -- memory and work


def test_listeners_that_are_many_do_not_multiply_what_is_kept() -> None:
    net = Net(Limits(max_outbox=65_536))
    peer, program = Plain(net), net.connect()
    for _ in range(MOST_ALIKE):
        peer.listen("s", "e")
    program.add_sender("s", ["e"])
    tracemalloc.start()
    try:
        program.fire("s", "e", "x" * 300_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_requests_that_are_never_answered_leave_nothing() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.add_sender("s", [], ["m"])
    peer.call("plain", answers=False)
    for _ in range(50):
        program.request("s", "m", 1, deadline=net.now + 0.04)
        net.tick(0.05)
        peer.out()
    assert len(net.exchange.requests) == 0
    peer.session.tick(net.now)
    assert len(peer.session.port._tokens) == 0


@pytest.mark.parametrize("flood", [b'{"a":' * 12_000, b"{" + b'"":{},' * 10_000, b'{"a":"' + b'\\"' * 30_000])
def test_a_flood_of_braces_is_looked_at_in_turns(flood: bytes) -> None:
    net = Net()
    peer = Plain(net)
    marks = sum(flood.count(sign) for sign in (b"{", b"}", b'"'))
    peer.session.receive_data(flood, net.now)
    turns = 0
    while peer.session.reading_paused:
        reader = peer.session._in._reader
        before = reader._at
        assert sum(flood[:before].count(sign) for sign in (b"{", b"}", b'"')) <= (turns + 1) * (MARKS_PER_TURN + 1)
        turns += net.turn()
    assert turns >= marks // MARKS_PER_TURN - 1
    assert peer.session._in._reader._at == len(flood)


def test_an_object_with_many_marks_arrives_whole() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    program.listen("p", "e")
    peer.add_sender("p", ["e"])
    value = [{"n": number} for number in range(20_000)]
    peer.say({"method": "signal", "params": {"info": {"sender": "p", "event": "e"}, "data": value}})
    (heard,) = [each for each in program.heard() if each.event == "e"]
    assert heard.value == value


def test_requests_that_were_answered_leave_nothing() -> None:
    net = Net(Limits(request_timeout=5.0, keepalive=100.0, idle=1000.0))
    peer, program = Plain(net), net.connect()
    program.add_sender("s", [], ["m"])
    for ident in range(100):
        peer.say({"id": ident, "method": "request", "params": {"sender": "s", "method": "m"}})
        program.serve(lambda method, params: 1)
    assert [each["id"] for each in peer.read()] == [99]  # the others were read before
    assert peer.session.tick(net.now) == 100.0
    assert len(peer.session.port.open_requests) == 0


def test_senders_that_came_and_went_leave_nothing() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.listen()
    for number in range(600):
        program.add_sender(f"s{number}", ["e"])
        program.call("remove_sender", sender=f"s{number}")
    assert len(peer.read()) == 1200
    assert len(peer.session.port.calls._hearing) <= 1000


# -- parts


@pytest.mark.parametrize("seconds", [0.03, 1.5])
def test_a_message_that_leaves_in_parts_rests_from_its_last_part(seconds: float) -> None:
    net = Net()
    peer, program = Plain(net, end=b""), net.connect()
    peer.listen("s", "e")
    peer.tick(0.05)
    program.add_sender("s", ["e"])
    for number in range(2):
        program.fire("s", "e", number)
    if seconds < 1:
        peer.session.receive_data(b'{"id":"c","method":"get_version"}', net.now)
        first = peer.session.take(1000)
    else:
        first = peer.session.take(1000)
    peer.session.sent(10, net.now)
    peer.tick(seconds)
    peer.session.sent(len(first) - 10, net.now)
    assert peer.session.take(1000) == b""


# -- declarations


def test_who_writes_lines_may_say_that_it_does_not_read_them() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.call("plain", lines=False)
    peer.tick(0.05)
    peer.listen("s", "e")
    peer.tick(0.05)
    program.add_sender("s", ["e"])
    for number in range(3):
        program.fire("s", "e", number)
    assert len(peer.read()) == 1


def test_a_burst_to_a_peer_without_newlines_comes_one_by_one_and_whole() -> None:
    net = Net()
    peer, program = Plain(net, end=b""), net.connect()
    program.add_sender("s", ["e"])
    for pattern in (("s", None), ("s", "e")):
        peer.listen(*pattern)
        peer.tick(0.05)
    for number in range(50):
        program.fire("s", "e", number)
    got = []
    while messages := peer.read():
        (message,) = messages
        got.append((message["params"]["listener_id"], message["params"]["data"]))
        peer.session.receive_data(b'{"id":%d,"status":0,"response":null}' % message["id"], net.now)
    assert got == [(listener, number) for number in range(50) for listener in (1, 2)]
    assert (peer.counts["fired"], peer.counts["out"], peer.counts["lost"]) == (50, 50, {})


def test_an_event_that_came_to_some_of_its_listeners_is_counted_as_lost() -> None:
    net = Net(Limits(max_outbox=4096, stall=0.0))
    peer, program = Plain(net, end=b""), net.connect()
    program.add_sender("s", ["e"])
    for pattern in (("s", None), ("s", "e")):
        peer.listen(*pattern)
        peer.tick(0.05)
    got: list[int] = []
    for number in range(100):
        program.fire("s", "e", number)
        net.exchange.flow_control.tick(net.now)
        got += [each["params"]["data"] for each in peer.read()]
    peer.session.receive_data(b'{"method":"plain","params":{"answers":false}}', net.now)
    got += [each["params"]["data"] for each in peer.read() if "method" in each]
    whole = sum(got.count(number) == 2 for number in range(100))
    assert (whole > 0, peer.counts["lost"]["slow listener"]) == (True, 100 - whole)


# -- budgets


def test_a_plain_peer_has_so_many_listeners() -> None:
    peer = Plain(Net(Limits(max_plain_listeners=3)))
    idents = [peer.listen() for _ in range(3)]
    status, text = peer.call("add_listener")
    assert (status, "3 listeners of one plain peer" in text) == (-9, True)
    peer.call("remove_listener", listener_id=idents[0])
    assert peer.listen() == 4
    assert Limits().max_plain_listeners == 1000


class Encoding:
    """A codec that counts what it encodes."""

    def __init__(self, codec: Codec) -> None:
        self.name, self.extras, self.decode = codec.name, codec.extras, codec.decode
        self.encoded = 0
        self._codec = codec

    def encode(self, value: object, /) -> bytes:
        self.encoded += 1
        return self._codec.encode(value)


def test_an_event_is_encoded_once_for_all_listeners_of_a_peer() -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    idents = [peer.listen("s", "e") for _ in range(MOST_ALIKE)]
    program.add_sender("s", ["e"])
    codec: Any = Encoding(peer.session.port._json)
    peer.session.port._json = codec
    program.fire("s", "e", [1, "\u20ac"], more=True)
    told = peer.read()
    assert codec.encoded == 1
    assert [message["params"]["listener_id"] for message in told] == idents
    info = {"sender": "s", "event": "e", "more": True}
    for message in told:
        del message["params"]["listener_id"]
        assert message["params"] == {"info": info, "data": [1, "\u20ac"]}
    assert len({message["id"] for message in told}) == MOST_ALIKE


def test_an_event_is_encoded_once_for_all_peers() -> None:
    net = Net()
    peers, program = [Plain(net) for _ in range(3)], net.connect()
    codec: Any = Encoding(peers[0].session.port._json)
    for peer in peers:
        peer.listen("s", "e")
        peer.session.port._json = codec
    program.add_sender("s", ["e"])
    for value in (1, 2):
        program.fire("s", "e", value)
    told = [[message["params"]["data"] for message in peer.read()] for peer in peers]
    assert told == [[1, 2]] * 3 and codec.encoded == 2


def test_listeners_that_are_alike_are_few() -> None:
    peer = Plain(Net())
    idents = [peer.listen(None, None) for _ in range(MOST_ALIKE)]
    (told,) = peer.say({"id": 1, "method": "add_listener", "params": {"sender": None, "event": None}})
    assert told["status"] == -9 and str(MOST_ALIKE) in told["exception"]
    peer.call("remove_listener", listener_id=idents[0])
    assert peer.listen(None, None) > idents[-1] and peer.listen("s", None)


def test_an_event_waits_once_for_all_listeners_of_a_peer() -> None:
    net = Net(Limits(max_outbox=10_000, stall=0.0))
    peer, program = Plain(net), net.connect()
    for _ in range(MOST_ALIKE):
        peer.listen("s", "e")
    program.add_sender("s", ["e"])
    peer.session.port.output.note_lines()
    for _ in range(2):
        program.fire("s", "e", "x" * 4000)
    assert 8000 < peer.session.port._outbox.size <= 10_000
    heard = [message["params"]["listener_id"] for message in peer.read() if message["method"] == "signal"]
    assert heard == 2 * peer.session.port.calls.listeners_of("s", "e") and len(heard) == 2 * MOST_ALIKE
    assert not peer.session.port.lost


def test_what_peers_hear_of_an_event_is_one_object() -> None:
    net = Net(Limits())
    peers, program = [Plain(net) for _ in range(20)], net.connect()
    for peer in peers:
        peer.listen("s", "e"), peer.listen("s", None)
    program.add_sender("s", ["e"])
    program.fire("s", "e", "x" * 1_000_000)
    ports = [peer.session.port for peer in peers]
    assert len({id(port._outbox.runs[0].data) for port in ports}) == 1
    held = [port.footprint(exact=True) for port in ports]
    assert 950_000 < sum(held) < 1_050_000
    assert not net.exchange.objects.is_big
    assert all(port.footprint(exact=False) > 1_000_000 for port in ports)


MANY = b"[" + b"{}," * 400_000 + b"1]"  # values: a thousand times more memory than text


@pytest.mark.parametrize("what", ["call", "event", "answer"])
def test_text_of_too_many_values_is_not_decoded(what: str) -> None:
    net = Net()
    peer, program = Plain(net), net.connect()
    peer.add_sender("p", [], ["m"])
    peer.listen("s", "e")
    routes = program.add_sender("s", ["e"], ["m"])
    seen: list[int] = []
    codec: Any = Encoding(peer.session.port._json)
    codec.decode = lambda data: seen.append(len(data)) or json.loads(data)
    peer.session.port._json = peer.session._json = codec
    if what == "call":
        told = [json.loads(line) for line in peer.raw(b'{"method":"x","params":' + MANY + b"}\n").splitlines()]
        assert [each["status"] for each in told] == [-7]
    elif what == "event":
        program.client.out.append(event_frame(routes["e"], MANY))
        net.pump()
        assert peer.counts["lost"] == {"JSON can't carry the value": 1}
    else:
        peer.session.receive_data(b'{"id":7,"method":"request","params":{"sender":"s","method":"m"}}\n', net.now)
        net.pump()
        (asked,) = program.asked()
        program.client.out.append(reply_frame(asked.route, asked.ident, MANY))
        net.pump()
        assert [(each["id"], each["status"]) for each in peer.read()] == [(7, -7)]
    assert max(seen, default=0) < 1000 and peer.session.error is None


def test_the_first_object_is_short() -> None:
    long = b'{"method":"get_version","x":"%s"}\n' % (b"x" * 70_000)
    first, later = Plain(Net()), Plain(Net())
    assert later.call("get_version") == "1.01"
    later.raw(long)
    assert later.session.error is None
    first.session.receive_data(long[:60_000], 0.0)
    assert first.session.error is None
    first.session.receive_data(long[60_000:66_000], 0.0)
    assert isinstance(first.session.error, MessageTooBig) and first.session.error.limit == 65_536


def test_what_a_peer_leaves_inside_an_object_is_freed_with_its_link() -> None:
    net = Net()
    peers = [Plain(net) for _ in range(20)]
    tracemalloc.start()
    try:
        for peer in peers:
            peer.session.receive_data(b"{}\n", net.now)
            peer.session.receive_data(b'{"a":"' + b"x" * 1_000_000, net.now)
        assert tracemalloc.get_traced_memory()[0] > 20_000_000
        for peer in peers:
            peer.session.receive_eof()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
