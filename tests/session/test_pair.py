"""A server and its clients without I/O: events, requests, gaps, ownership, limits, slow listeners, silence."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sig_core as sig
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame, request_frame, request_tail, split_events
from sig_core.session.base import State
from sig_core.session.reports import Closed, Events, Gap, Incoming

from .harness import PLUGINS, Net, opening

JSON, MSGPACK = PLUGINS.codecs.get("json"), PLUGINS.codecs.get("msgpack")


def values(link: Any, codec: Any = JSON) -> list[Any]:
    """Decode the events that came."""
    return [codec.decode(data) for report in link.of(Events) for _, data in split_events(report.data)]


@pytest.mark.parametrize("piece", [0, 1], ids=["whole", "bytes"])
def test_events_reach_each_link_once_in_its_codec(piece: int) -> None:
    net = Net()
    sender, one, two = net.connect("msgpack", piece=piece), net.connect("json", piece=piece), net.connect("msgpack")
    routes = sender.add_sender("s", ["#e"])
    for link in (one, two):
        for pattern in ((None, None), ("s", None), (None, "#e"), ("s", "#e")):
            link.call("add_listener", sender=pattern[0], event=pattern[1])
    additions = MSGPACK.encode({"x": 1})
    sender.client.out.append(event_frame(routes["#e"], MSGPACK.encode({"a": 1})))
    sender.client.out.append(event_frame(routes["#e"], MSGPACK.encode([2]), additions))
    net.pump()
    for link, codec in ((one, JSON), (two, MSGPACK)):
        reports = link.of(Events)
        assert {(report.sender, report.event) for report in reports} == {("s", "#e")}
        assert sum(report.count for report in reports) == 2
        found = [event for report in reports for event in split_events(report.data)]
        assert [codec.decode(data) for _, data in found] == [{"a": 1}, [2]]
        assert codec.decode(found[1][0]) == {"x": 1}


def test_what_a_codec_cannot_carry_is_a_counted_gap_at_that_listener() -> None:
    net = Net()
    sender, plain, binary = net.connect("msgpack"), net.connect("json"), net.connect("msgpack")
    route = sender.add_sender("s", ["e"])["e"]
    for link in (plain, binary):
        link.call("add_listener", sender="s", event="e")
    sender.client.out += [event_frame(route, MSGPACK.encode(value)) for value in (1, b"\xff", 3)]
    net.pump()
    assert values(binary, MSGPACK) == [1, b"\xff", 3]
    assert values(plain) == [1, 3]
    (gap,) = plain.of(Gap)
    assert (gap.sender, gap.event, gap.count) == ("s", "e", 1)
    assert plain.server.lost.total() == 1
    assert plain.client.state is State.OPEN


def test_presence_of_remote_senders() -> None:
    net = Net()
    sender, listener = net.connect(), net.connect("cbor")
    listener.call("add_listener", sender=None, event="#connect")
    listener.call("add_listener", sender=None, event="#disconnect")
    sender.add_sender("s", ["e"], ["ask", None])
    sender.client.close()
    net.pump()
    found = [(report.event, split_events(report.data)[0][1]) for report in listener.of(Events)]
    data = {"events": ["e", "#connect", "#disconnect"], "requests": ["ask", None]}
    cbor = PLUGINS.codecs.get("cbor")
    assert [(event, cbor.decode(payload)) for event, payload in found] == [("#connect", data), ("#disconnect", data)]


def ask(link: Any, sender: Any, method: str, params: Any, codec: Any = JSON) -> list[Any]:
    told: list[Any] = []
    link.client.request(sender, method, codec.encode(params), lambda value, error: told.append((value, error)), 5.0)
    link.net.pump()
    return told


def test_requests_across_codecs() -> None:
    net = Net()
    owner, asker = net.connect("msgpack"), net.connect("json")
    owner.add_sender("s", [], ["double", "fail", "bytes"])
    told = [ask(asker, "s", "double", 21), ask(asker, "s", "fail", None), ask(asker, "s", "bytes", None)]
    for call in owner.of(Incoming):
        if call.method == "double":
            owner.client.reply(call.ident, call.route, MSGPACK.decode(call.params) * 2)
        elif call.method == "fail":
            owner.client.fail_to(call.ident, call.route, sig.RemoteError("ValueError", "no"))
        else:
            owner.client.reply(call.ident, call.route, b"\x00")
    net.pump()
    assert told[0] == [(42, None)]
    assert isinstance(told[1][0][1], sig.RemoteError)
    assert str(told[1][0][1]) == "ValueError: no"
    assert isinstance(told[2][0][1], sig.EncodeError)
    assert len(net.exchange.requests) == 0


def test_requests_that_nobody_answers() -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    route = owner.add_sender("s", ["e"], ["slow"])["e"]
    assert isinstance(ask(asker, "nobody", "x", None)[0][1], sig.UnknownSender)
    assert isinstance(ask(asker, "s", "other", None)[0][1], sig.UnknownMethod)
    late, cut = ask(asker, "s", "slow", 1), []
    assert late == []
    asker.client.request("s", "slow", b"2", lambda value, error: cut.append(error))
    net.pump()
    net.tick(5.1)
    assert isinstance(late[0][1], sig.RequestTimeout)
    assert len(net.exchange.requests) == 1
    owner.client.close()
    net.pump()
    assert isinstance(cut[0], sig.OutcomeUnknown)
    asker.client.out.append(request_frame(route, 999, request_tail(b"slow", b"1")))  # an event's route
    net.pump()
    assert asker.client.answers_to_nothing == 1
    assert asker.client.state is State.OPEN


def test_pending_requests_end_with_the_asker_too() -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], ["slow"])
    told = ask(asker, "s", "slow", 1)
    asker.client.fail(sig.LinkLost("cut"))
    asker.take(asker.client.end())
    asker.server.receive_eof()
    assert isinstance(told[0][1], sig.OutcomeUnknown)
    assert len(asker.of(Closed)) == 1
    assert len(net.exchange.requests) == 0
    (call,) = owner.of(Incoming)
    owner.client.reply(call.ident, call.route, 1)
    net.pump()
    assert owner.server.answers_to_nothing == 1


def test_only_the_owner_may_send_and_is_told_once() -> None:
    net = Net()
    owner, thief, listener = net.connect(), net.connect(), net.connect()
    route = owner.add_sender("s", ["e"])["e"]
    listener.call("add_listener", sender="s", event=None)
    thief.client.out += [event_frame(route, b"1")] * 3
    net.pump()
    thief.client.out += [event_frame(route, b"1"), event_frame(12345, b"1")]
    net.pump()
    assert values(listener) == []
    assert thief.server.refused == 5
    assert len(thief.of(Gap)) == 2
    assert thief.client.state is State.OPEN
    with pytest.raises(sig.NotOwner):
        thief.call("remove_sender", sender="s")


def test_too_big_for_the_receiver() -> None:
    net = Net()
    small = Limits(max_frame=4096)
    big, little = net.connect(), net.connect(limits=small)
    route = big.add_sender("s", ["e"], ["echo"])["e"]
    little.add_sender("t", [], ["take"])
    little.call("add_listener", sender="s", event="e")
    big.client.out += [event_frame(route, JSON.encode("x" * size)) for size in (10, 5000, 20)]
    net.pump()
    assert [len(value) for value in values(little)] == [10, 20]
    assert little.of(Gap)[0].count == 1
    told = ask(big, "t", "take", "x" * 5000)
    assert isinstance(told[0][1], sig.MessageTooBig)
    asked = ask(little, "s", "echo", 1)
    (call,) = big.of(Incoming)
    big.client.reply(call.ident, call.route, "x" * 5000)
    net.pump()
    assert isinstance(asked[0][1], sig.MessageTooBig)
    for number in range(300):
        big.add_sender(f"a sender with a long name, number {number}", [])
    with pytest.raises(sig.MessageTooBig):
        little.call("list_senders")


def test_limits_are_refused_with_busy() -> None:
    net = Net(Limits(max_requests=2, max_listeners=2, max_senders=2, max_events=2, max_names=12))
    link = net.connect()
    link.add_sender("a", ["e"], ["slow"])
    link.add_sender("b", ["e"])
    with pytest.raises(sig.Busy, match="2 senders"):
        link.add_sender("c", [])
    other = net.connect()
    with pytest.raises(sig.ProtocolError, match="3 items"):
        other.add_sender("d", ["1", "2", "3"])
    with pytest.raises(sig.Busy, match="routes"):
        other.add_sender("d", ["1", "2"])
    for _ in range(2):
        link.call("add_listener", sender=None, event=None)
    with pytest.raises(sig.Busy, match="2 listeners"):
        link.call("add_listener", sender=None, event=None)
    ask(other, "a", "slow", 1)
    ask(other, "a", "slow", 1)
    assert isinstance(ask(other, "a", "slow", 1)[0][1], sig.Busy)


def test_a_slow_listener_holds_its_feeder_then_loses_the_oldest() -> None:
    net = Net(Limits(max_outbox=100_000, stall=1.0, keepalive=60))
    feeder, slow, quick = net.connect(), net.connect(), net.connect()
    route = feeder.add_sender("s", ["e"])["e"]
    for link in (slow, quick):
        link.call("add_listener", sender="s", event="e")
    slow.frozen = True
    sent = 0

    def feed(count: int) -> None:
        nonlocal sent
        for _ in range(count):
            sent += 1
            feeder.client.out.append(event_frame(route, JSON.encode([sent, "x" * 980])))
            net.pump()

    feed(90)
    assert feeder.server.held
    assert len(feeder.client.out) > 0  # it waits, nothing is lost yet
    assert slow.server.lost.total() == 0
    net.tick(0.9)
    assert feeder.server.held
    net.tick(0.2)
    assert not feeder.server.held
    feed(200)
    assert not feeder.server.held
    assert len(values(quick)) == sent
    lost = slow.server.lost.total()
    assert lost > 0
    slow.frozen = False
    net.pump()
    numbers = [value[0] for value in values(slow)]
    assert numbers == list(range(lost + 1, sent + 1))  # the oldest went, the rest is in order
    assert sum(gap.count for gap in slow.of(Gap)) == lost
    net.tick(0.1)
    slow.frozen = True
    feed(90)
    assert feeder.server.held  # a new episode


def test_answers_are_not_dropped_but_bounded() -> None:
    net = Net(Limits(max_outbox=50_000, keepalive=60))
    link = net.connect()
    link.frozen = True
    for number in range(2000):
        body = JSON.encode({"id": number, "method": "list_senders"})
        link.server.receive_data(_control(body), net.now)
    assert link.server.state is State.CLOSED
    assert isinstance(link.server.error, sig.Busy)


def _control(body: bytes) -> bytes:
    return (5 + len(body)).to_bytes(4, "little") + bytes(5) + body


def test_silence_and_keep_alive() -> None:
    net = Net(Limits(keepalive=3.0))
    live, dead = net.connect(), net.connect()
    dead.frozen = True
    net.tick(2.9)
    assert dead.server.state is State.OPEN
    net.tick(0.2)
    assert dead.server.state is State.CLOSED
    assert "silent" in str(dead.server.error)
    net.tick(30)
    assert live.server.state is State.OPEN
    assert live.client.state is State.OPEN


def test_handshake_time() -> None:
    net = Net(Limits(handshake=2.0))
    session = net.server_session()
    session.receive_data(opening()[:20], 0.0)
    session.tick(1.9)
    assert session.state is State.OPENING
    session.tick(2.0)
    assert session.state is State.CLOSED
    assert b"-14" in session.take(1000)


def test_nothing_stays_of_a_thousand_clients() -> None:
    net = Net()
    for _ in range(1000):
        link = net.connect()
        link.add_sender("s", ["e"], ["x"])
        link.call("add_listener", sender=None, event=None)
        link.call("add_listener", sender="s", event="e")
        link.client.close()
        net.pump()
        net.links.clear()
    exchange = net.exchange
    assert not exchange.senders
    assert not exchange._routes
    assert not exchange._targets
    assert not exchange._table._at
    assert not exchange._table._topics
    assert not exchange.holds
    assert len(exchange.requests) == 0
    assert not exchange.requests._tokens
    assert len(net.identities) == 0


def test_a_hundred_thousand_subscriptions_stay_under_a_kib_each() -> None:
    net = Net()
    link = net.connect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        link.call("add_listener", sender=f"sender {number}", event="e")
    size = (tracemalloc.get_traced_memory()[0] - before) / 20_000
    tracemalloc.stop()
    assert size < 1024, f"{size:.0f} bytes"


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_garbage_ends_in_an_error_and_never_raises(data: bytes, piece: int) -> None:
    for start in (b"", opening()):
        session = Net().server_session()
        session.receive_data(start, 0.0)
        for at in range(0, len(data), piece):
            session.receive_data(data[at : at + piece], 0.0)
        assert session._reader.waiting <= len(data)
    link = Net().connect()
    link.client.receive_data(data, 0.0)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.data())
def test_a_damaged_stream_never_raises(data: st.DataObject) -> None:
    net = Net()
    link = net.connect()
    route = link.add_sender("s", ["e"], ["x"])["e"]
    stream = bytearray(
        event_frame(route, b"[1]")
        + request_frame(1, 5, request_tail(b"x", b"null"))
        + _control(b'{"id": 3, "method": "add_listener", "params": {"sender": "s", "event": null}}')
        + event_frame(route, b'{"a": 2}', b'{"b": 1}')
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] = data.draw(st.integers(0, 255))
    link.server.receive_data(bytes(stream), 0.0)
    if link.server.state is State.CLOSED:
        assert link.server.error is not None
        assert not net.exchange.senders
