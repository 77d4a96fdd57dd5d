"""What one client may ask for in one turn, and how long a control message may be; nothing is built uncounted."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.contract import Codec
from sig_core.errors import MessageTooBig
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.session.binary.server import FRAME, LOOK_AFTER
from sig_core.session.turn import BYTES_PER_MESSAGE, MESSAGES_PER_TURN, SECONDS_PER_TURN
from tests.session.by_hand import Raw, sender_of
from tests.support.named_frames import split_request
from tests.support.sessions import CODECS, Net

# -- turns


def in_turns(net: Net, codec: str = "json") -> Raw:
    """A client that is served in turns, as at a server."""
    raw = Raw(net, codec)
    raw.session.on_backlog = net.backlog.append
    return raw


def call(number: int, method: str = "sync", **params: Any) -> bytes:
    return wire.control_frame(b'{"id":%d,"method":"%s"}' % (number, method.encode()))


def answers(raw: Raw) -> list[int]:
    return [message["id"] for message in raw.messages(raw.read())]


def test_a_thousand_calls_are_taken_in_turns_and_all_of_them() -> None:
    net = Net()
    raw = in_turns(net)
    raw.session.receive_data(b"".join(map(call, range(1000))), net.now)
    turns = [len(answers(raw))]
    while net.turn():
        turns.append(len(answers(raw)))
    assert turns == [MESSAGES_PER_TURN] * 15 + [40]
    assert raw.open and not raw.session.reading_paused


def test_what_comes_meanwhile_waits_for_its_turn_and_order_is_kept() -> None:
    net = Net()
    raw, listener = in_turns(net), net.connect()
    _, routes = sender_of(raw)
    listener.listen("s", "e")
    net.now = 1.0
    frames = [frame for number in range(100) for frame in (call(number), wire.event_frame(routes["e"], b"%d" % number))]
    for part in (frames[:150], frames[150:170], frames[170:]):
        raw.session.receive_data(b"".join(part), net.now)
    assert raw.session.reading_paused
    net.pump()
    assert (answers(raw), listener.values()) == (list(range(100)), list(range(100)))
    assert not raw.session.reading_paused


def test_a_breach_behind_a_turn_ends_it_when_its_turn_comes() -> None:
    net = Net()
    raw = in_turns(net)
    raw.session.receive_data(b"".join(map(call, range(100))) + b"\0\0\0\0", net.now)
    assert raw.open
    net.pump()
    messages = raw.messages(raw.read())
    assert [message.get("id") for message in messages] == [*range(100), None] and not raw.open


def test_a_long_run_of_requests_is_taken_in_turns() -> None:
    net, count = Net(), 1000
    owner, raw = Raw(net, number=7), in_turns(net)
    route, _ = sender_of(owner, "slow")
    net.exchange.clock = lambda: net.now + SECONDS_PER_TURN  # each look is at the end of a turn
    asked = (wire.request_frame(route, number, b"\x01m1") for number in range(count))
    raw.session.receive_data(b"".join(asked), net.now)
    turns = [len(net.exchange.requests)]
    while net.turn():
        turns.append(len(net.exchange.requests))
    assert turns == [*range(MESSAGES_PER_TURN, count, MESSAGES_PER_TURN), count]
    came = [split_request(frame.body) for frame in owner.read() if frame.type == wire.REQUEST]
    assert len(came) == count and raw.open


def test_a_long_run_of_events_is_taken_in_turns_if_somebody_makes_much_of_it() -> None:
    net, count = Net(), 500
    raw, plain, other = in_turns(net), net.plain_session(), net.connect()
    _, routes = sender_of(raw)
    asks = b'{"id":%d,"method":"add_listener","params":{"sender":"s","event":%b}}\n'
    for number in range(10):
        plain.receive_data(asks % (number, b'"e"'), net.now)
    other.listen("s", "e")
    net.exchange.clock = lambda: net.now + SECONDS_PER_TURN
    run = b"".join(wire.event_frame(routes["e"], b"%d" % number) for number in range(count))
    raw.session.receive_data(run, net.now)
    turns = 1
    waiting = plain.port.output.calls
    assert 0 < len(waiting.runs) < 10 * count
    while net.turn():
        turns += 1
    net.pump()
    assert sum(bool(run.route) for run in waiting.runs) == count and other.values() == list(range(count))
    assert 5 <= turns <= 10


def test_what_waits_for_its_turn_is_held_for_the_link() -> None:
    net = Net()
    raw = in_turns(net)
    sizes = 2 * MESSAGES_PER_TURN * [10_000]
    raw.session.receive_data(b"".join(wire.control_frame(bytes(size)) for size in sizes), net.now)
    assert raw.session.port.incomplete > 0.9 * sum(sizes) - 10_000 * MESSAGES_PER_TURN
    raw.session.receive_data(bytes(100_000), net.now)
    assert raw.session._incomplete > 100_000
    raw.session.let_go()
    assert raw.session._incomplete == 0


def test_who_has_no_more_to_say_needs_no_other_turn() -> None:
    net = Net()
    raw = in_turns(net)
    raw.session.receive_data(b"".join(map(call, range(MESSAGES_PER_TURN))), net.now)
    assert answers(raw) == list(range(MESSAGES_PER_TURN))
    assert not net.backlog and not raw.session.reading_paused


def test_events_that_never_go_together_are_taken_in_turns_by_time() -> None:
    net = Net()
    raw, listener = in_turns(net), net.connect()
    added = raw.ask("add_sender", sender="s", events=["a", "b"])
    routes = [route for event, route in added["events"] if event in ("a", "b")]
    listener.listen("s", None)
    clock, net.exchange.clock = net.exchange.clock, lambda: net.now + 2 * SECONDS_PER_TURN
    data = b"".join(wire.event_frame(route, b"%d" % number) for number in range(50) for route in routes)
    raw.session.receive_data(data, net.now)
    assert raw.session.reading_paused and raw.session.port.traffic.arrived == LOOK_AFTER
    net.exchange.clock = clock
    net.pump()
    assert listener.values() == [number for number in range(50) for _ in routes]


def test_what_waits_for_a_turn_is_counted_at_once() -> None:
    net = Net()
    raw = in_turns(net)
    raw.session.receive_data(b"".join(map(call, range(1000))), net.now)
    assert net.exchange.memory.size >= (1000 - MESSAGES_PER_TURN) * FRAME


def test_what_was_said_before_the_end_of_the_link_counts() -> None:
    net = Net()
    raw, listener = in_turns(net), net.connect()
    _, routes = sender_of(raw)
    listener.listen("s", "e")
    net.now = 1.0
    raw.session.receive_data(b"".join(map(call, range(100))) + wire.event_frame(routes["e"], b"1"), net.now)
    raw.session.receive_eof()
    net.pump()
    assert listener.values() == [1] and net.exchange.senders == {}
    assert not net.turn()


def test_long_messages_and_long_answers_use_a_turn_up() -> None:
    net = Net(Limits(max_outbox=1 << 24))
    raw = in_turns(net)
    for number in range(20):
        raw.ask("add_sender", sender=f"{number:0>250}", events=[])
    net.now = 1.0
    size = len(raw.codec.encode(raw.ask("list_senders")))
    net.now = 2.0
    raw.session.receive_data(b"".join(call(number, "list_senders") for number in range(100)), net.now)
    assert len(answers(raw)) == pytest.approx(MESSAGES_PER_TURN / (1 + size / BYTES_PER_MESSAGE), abs=1)


def test_who_is_held_for_a_slow_one_and_behind_is_read_when_neither_is_so() -> None:
    net = Net()
    raw, changes = in_turns(net), []
    raw.session.on_change = lambda: changes.append(raw.session.reading_paused)
    raw.session.receive_data(b"".join(map(call, range(100))), net.now)
    raw.session.port.set_reading_paused(True)
    net.turn()
    assert raw.session.reading_paused
    raw.session.port.set_reading_paused(False)
    assert not raw.session.reading_paused and changes[-1] is False


# -- sizes


class Watched:
    """A codec that notes what it decodes."""

    def __init__(self, codec: Codec) -> None:
        self.name, self.extras, self.encode = codec.name, codec.extras, codec.encode
        self.seen: list[int] = []
        self._codec = codec

    def decode(self, data: bytes, /) -> Any:
        self.seen.append(len(data))
        return self._codec.decode(data)


@pytest.mark.parametrize("codec", CODECS)
def test_a_control_message_that_is_too_long_is_refused_before_it_is_decoded(codec: str) -> None:
    net = Net()
    raw = Raw(net, codec)
    watched: Any = Watched(raw.codec)
    raw.session.encoding = watched
    limit = raw.welcome["max_control"]
    assert limit == 256 * 1024
    (told,) = raw.messages(raw.send(wire.control_frame(b"\x80" * (limit - 5 + 1))))
    assert (told["id"], told["status"], watched.seen) == (None, -8, [])
    raw.send(wire.control_frame(b"\x80" * (limit - 5)))
    assert watched.seen == [limit - 5] and raw.open


@pytest.mark.parametrize("codec", CODECS)
def test_words_of_an_error_that_are_too_long_are_not_decoded(codec: str) -> None:
    net = Net()
    owner, asker = Raw(net, codec), net.connect(codec)
    sender_of(owner)
    told = asker.request("s", "m", 1)
    (asked,) = [frame for frame in owner.read() if frame.type == wire.REQUEST]
    ident, _, _ = split_request(asked.body)
    watched: Any = Watched(owner.codec)
    owner.session.encoding = watched
    owner.send(wire.error_frame(1, ident, -2, b"\x80" * (1 << 20)))
    net.pump()
    assert len(told) == 1 and max(watched.seen) <= 1


def test_a_client_does_not_send_what_the_server_does_not_take() -> None:
    net = Net(Limits(max_control=4096))
    link = net.connect()
    with pytest.raises(MessageTooBig, match="4096"):
        link.add_sender("s", [f"{number:0>200}" for number in range(30)])
    assert link.add_sender("s", ["e"])


@pytest.mark.parametrize("field", ["events", "fired"])
def test_lists_are_counted_before_anything_is_made_of_them(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net(Limits(max_events=10, max_control=1 << 20))
    raw, looked = Raw(net), []
    monkeypatch.setattr("sig_core.protocol.checks.check_name", lambda name: looked.append(name) or name)
    items = [[number, 1] for number in range(50_000)] if field == "fired" else list(range(50_000))
    params = {"sender": "s", "events": ["e"], "life": "a", field: items}
    (told,) = raw.say({"id": 1, "method": "add_sender", "params": params})
    assert (told["status"], looked) == (-9, ["s"])


def test_a_recall_names_a_thousand_topics_at_most() -> None:
    raw = Raw(Net())
    (told,) = raw.say({"id": 1, "method": "recall", "params": {"topics": [["s", "e"]] * 1001}})
    assert told["status"] == -7
