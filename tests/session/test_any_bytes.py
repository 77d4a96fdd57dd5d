"""Any bytes at all, at either end: nothing is raised, and what is held stays within the limits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.reports import Bound, Closed, Events, Gap, RequestsReceived
from tests.session.by_hand import Client, Raw, bind, damaged, request, sender_of, welcome
from tests.support.sessions import Net, opening, pieces_of

LAW = settings(derandomize=True, deadline=None, max_examples=150)


# -- at a server


def within_limits(raw: Raw) -> None:
    """What one peer can make the server hold."""
    session, limits = raw.session, raw.net.limits
    assert session._reader.waiting <= max(limits.max_frame, wire.MAX_HELLO + 5) + 4
    assert session._outbox.size <= limits.max_outbox + limits.max_frame + 4
    assert session._outbox.size == sum(len(run.data) for run in session._outbox.runs)
    assert len(session.port.calls._listeners) <= limits.max_listeners
    exchange = raw.net.exchange
    assert len(exchange._routes) + len(exchange._targets) + exchange._departed.routes <= limits.max_names


TIGHT = Limits(max_frame=8192, max_outbox=8192, max_names=20, max_listeners=3, max_senders=3, max_requests=2)


def witness(net: Net) -> Raw:
    """Another link with a sender and a listener, that must not suffer."""
    raw = Raw(net, "cbor", 999)
    raw.ask("add_listener", sender=None, event=None)
    sender_of(raw, "witness")
    raw.read()
    return raw


@LAW
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_into_an_opening(data: bytes, piece: int) -> None:
    for start in (b"", wire.PREFACE, opening()[:30]):
        session = Net(TIGHT).server_session()
        for part in pieces_of(start + data, piece):
            session.receive_data(part, 0.0)
            assert session._reader.waiting <= wire.MAX_HELLO + 9
        session.tick(TIGHT.handshake)
        assert session.state is State.CLOSED
        assert session.error is not None


@LAW
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_into_an_open_session(data: bytes, piece: int) -> None:
    net = Net(TIGHT)
    other, raw = witness(net), Raw(net)
    for part in pieces_of(data, piece):
        raw.session.receive_data(part, 0.0)
        within_limits(raw)
    assert other.ask("sync") is None


def stream(raw: Raw) -> bytes:
    """A stream of all types of frames, to itself and to a witness."""
    route, routes = sender_of(raw)
    raw.read()
    frames = [
        wire.control_frame(b'{"id": 3, "method": "add_listener", "params": {"sender": null, "event": null}}'),
        wire.event_frame(routes["e"], b"[1]") * 2,
        wire.event_frame(routes["e"], b'{"a": 2}', b'{"b": 1}'),
        request(route, 5, b"null"),
        wire.reply_frame(route, 1, b"[2]"),
        request(1, 6, b"null"),
        wire.error_frame(route, 2, -2, b'{"type": "E", "text": "x"}'),
        wire.control_frame(b'{"method": "cancel", "params": {"id": 6}}'),
        wire.control_frame(b'{"id": 4, "method": "list_senders", "params": {"list_events": true}}'),
        wire.control_frame(b'{"id": 5, "method": "remove_sender", "params": {"sender": "s"}}'),
        wire.KEEP_ALIVE,
    ]
    return b"".join(frames)


@LAW
@given(st.data(), st.sampled_from([0, 1, 7]))
def test_damaged_streams(data: st.DataObject, piece: int) -> None:
    net = Net(TIGHT)
    other, raw = witness(net), Raw(net)
    for part in pieces_of(data.draw(damaged(stream(raw))), piece):
        raw.session.receive_data(part, 0.0)
        within_limits(raw)
    if not raw.open:
        assert raw.session.error is not None
        assert set(net.exchange.senders) == {"witness"}
        assert not set(net.exchange._table.patterns()) - {(None, None)}
    raw.session.receive_eof()
    assert len(net.exchange.requests) == 0
    assert other.ask("sync") is None


@LAW
@given(st.data(), st.sampled_from([0, 1, 7]))
def test_damaged_openings(data: st.DataObject, piece: int) -> None:
    net = Net(TIGHT)
    session = net.server_session()
    for part in pieces_of(data.draw(damaged(opening())), piece):
        session.receive_data(part, 0.0)
        assert session._reader.waiting <= wire.MAX_HELLO + 9
    assert (session.state is State.OPEN) == (len(net.identities) == 1)
    assert (session.error is None) == (session.state is not State.CLOSED)


# -- at a client


@LAW
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_into_an_opening_of_a_client(data: bytes, piece: int) -> None:
    for start in (b"", wire.PREFACE, welcome()[:20]):
        client = Client()
        for part in pieces_of(start + data, piece):
            client.feed(part)
            assert client.session._reader.waiting <= wire.MAX_HELLO + 9
        assert (client.session.state is State.CLOSED) == (client.session.error is not None)


@LAW
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_into_an_open_session_of_a_client(data: bytes, piece: int) -> None:
    client = Client.opened()
    client.session.request("s", "m", b"1", client.when)
    reports = []
    for part in pieces_of(data, piece):
        reports += client.feed(part)
        assert client.session._reader.waiting <= len(data)
    ended = client.session.state is State.CLOSED
    assert [type(report) for report in reports].count(Closed) == ended
    assert len(client.told) >= ended


STREAM = [
    wire.control_frame(json.dumps(bind(1, "s", None)).encode()),
    wire.control_frame(json.dumps(bind(2, "s", "e")).encode()),
    wire.event_frame(2, b"[1]") * 2,
    wire.event_frame(2, b"2", b'{"b": 1}'),
    wire.request_frame(1, 5, wire.request_tail("m", b"null")),
    wire.reply_frame(1, 1, b"[2]"),
    wire.error_frame(1, 2, -2, b'{"type": "E", "text": "x"}'),
    wire.control_frame(b'{"id": 3, "status": 0, "response": {"route": 4, "events": [["e", 5]]}}'),
    wire.control_frame(
        b'{"method": "gap", "params": {"route": 2, "sender": "s", "event": "e", "count": 1, "reason": ""}}'
    ),
    wire.control_frame(b'{"method": "refused", "params": {"route": 2, "status": -12, "text": "x"}}'),
    wire.KEEP_ALIVE,
    wire.control_frame(b'{"method": "goodbye", "params": {"status": 0, "text": "x"}}'),
]


@LAW
@given(damaged(b"".join(STREAM)), st.sampled_from([0, 1, 7]))
def test_damaged_streams_of_a_client(data: bytes, piece: int) -> None:
    client = Client.opened()
    client.session._routes["s"] = 1
    idents = [client.session.request("s", "m", b"1", client.when) for _ in range(2)]
    idents.append(client.session.add_sender("s", ["e"], None, client.when))
    assert idents == [1, 2, 3]
    reports = client.feed(data, piece=piece)
    assert client.session._reader.waiting <= len(data)
    if client.session.state is State.CLOSED:
        assert [type(report) for report in reports].count(Closed) == 1
        assert len(client.told) == 3
        assert client.session.error is not None


@pytest.mark.parametrize("piece", [0, 1])
def test_the_stream_undamaged_of_a_client(piece: int) -> None:
    client = Client.opened()
    client.session._routes["s"] = 1
    for _ in range(2):
        client.session.request("s", "m", b"1", client.when)
    client.session.add_sender("s", ["e"], None, client.when)
    reports = client.feed(*STREAM, piece=piece)
    assert {type(report) for report in reports} == {Bound, Events, RequestsReceived, Gap, Closed}
    assert [error for _, error in client.told if error is None] == [None, None]
    assert len(client.told) == 3
