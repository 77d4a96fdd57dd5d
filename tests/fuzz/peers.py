"""What peers of the binary and the plain dialect can say, from their first byte on, and what a server can say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sig_core.errors import LinkLost
from sig_core.protocol import wire
from sig_core.protocol.hello import Welcome, welcome_frame
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Events, ReplyReceived, RequestsReceived
from sig_core.session.binary.server import ServerSession
from sig_core.session.dialect_detector import DialectDetector
from sig_core.session.dialects import Dialect
from sig_core.session.link_session import LinkSession
from tests.fuzz.cutting import as_parts, choose, parts_of, pieces
from tests.support.sessions import CODECS, EVERYTHING, HELLO, PLUGINS, Net, opening

__all__ = ["SEEDS", "any_first_bytes", "client", "network", "plain", "server", "welcome"]

TIGHT = Limits(
    max_frame=8192,
    max_outbox=8192,
    max_control=4096,
    max_transcode=4096,
    max_parts=1000,
    max_names=40,
    max_departed=4,
    max_senders=3,
    max_events=5,
    max_requests=2,
    max_asked=2,
    max_listeners=3,
    max_plain_listeners=3,
)


def bounded(session: object, net: Net, peers: int = 1) -> None:
    """Nothing that a peer can fill is fuller than its limit."""
    limits, exchange = net.limits, net.exchange
    assert len(exchange._routes) + len(exchange._targets) + exchange._departed.routes <= limits.max_names
    assert len(exchange.senders) <= limits.max_senders * peers
    assert exchange._table.size <= limits.max_listeners * peers
    assert len(exchange.requests) <= limits.max_requests * peers
    if isinstance(session, ServerSession):
        assert session._reader.waiting <= max(limits.max_frame, wire.MAX_HELLO) + 13
        assert session._outbox.size <= limits.max_outbox + limits.max_frame + 4


def ended(session: LinkSession, net: Net) -> None:
    """The link ends: it is told why, and nothing of it is left."""
    session.receive_eof()
    session.take(EVERYTHING)
    if session.state is not State.CLOSED:  # it still waits for answers
        session.fail(LinkLost("the fuzzer has said all"))
    assert session.state is State.CLOSED and session.error is not None
    assert not net.exchange.senders and not net.exchange._table.size and len(net.exchange.requests) == 0
    assert not net.exchange._routes and not net.exchange._targets


def feed(session: LinkSession, net: Net, parts: list[bytes]) -> None:
    for part in parts:
        session.receive_data(part, net.now)
        while net.turn():
            pass
        bounded(session, net)
        session.sent(len(session.take(2048)), net.now)
    session.tick(net.now + 1)


def binary(net: Net, codecs: list[str] | None = None) -> ServerSession:
    """Return a session that takes in turns what a client says, as in a server."""
    session = net.server_session(codecs)
    session.on_backlog = net.backlog.append  # type: ignore[assignment]
    return session


# -- at a server


def any_first_bytes(data: bytes) -> None:
    """Whatever comes first on a link of a server that is reliable."""
    net = Net(TIGHT)
    found: list[Any] = []
    others: dict[Dialect, Callable[[], LinkSession]] = {Dialect.PLAIN: net.plain_session}
    detector = DialectDetector("peer", 5.0, lambda: binary(net), others, found.append)
    for part in pieces(data, 0):
        if found:
            feed(found[0], net, [part])
        else:
            detector.receive_data(part, 0.0)
    if not found:
        detector.receive_eof()
    session = found[0]
    net.now = 5.0
    session.tick(net.now)
    assert session.state is not State.OPENING and (session.error is None) == (session.state is State.OPEN)
    ended(session, net)


def server(data: bytes) -> None:
    """What a client that is taken in says, in each codec."""
    net = Net(TIGHT)
    codec = choose(data, 0, CODECS)
    session = binary(net, [codec])
    session.receive_data(opening(codecs=[codec]), 0.0)
    assert session.state is State.OPEN
    session.take(EVERYTHING)
    feed(session, net, pieces(data, 1))
    ended(session, net)


def plain(data: bytes) -> None:
    """What a plain peer says."""
    net = Net(TIGHT)
    session = net.plain_session(packets=choose(data, 0, (False, True)))
    feed(session, net, pieces(data, 1))
    ended(session, net)


def network(data: bytes) -> None:
    """What four peers say to each other, each in an encoding of its own: parts, whose first byte says whose it is."""
    net = Net(TIGHT)
    sessions: list[Any] = [binary(net, [codec]) for codec in CODECS]
    for number, (session, codec) in enumerate(zip(sessions, CODECS, strict=True)):
        session.receive_data(opening(codecs=[codec], client=f"{number:032x}"), 0.0)
    sessions.append(net.plain_session())
    for part in parts_of(data):
        if not part:
            net.now += 1.0
            for session in sessions:
                session.tick(net.now)
            net.exchange.flow_control.tick(net.now)
            continue
        session = sessions[part[0] % len(sessions)]
        session.receive_data(part[1:], net.now)
        while net.turn():
            pass
        if part[0] & 0x80:
            session.sent(len(session.take(4096)), net.now)
    for session in sessions:
        counts = session.port.stats()["events"]
        assert counts["fired"] == counts["out"] + counts["waiting"] + sum(counts["lost"].values())
        bounded(session, net, peers=len(sessions))
    for session in sessions:
        session.receive_eof()
    ended(sessions[-1], net)


# -- at a client


def welcome(data: bytes) -> None:
    """What a server says first."""
    session = new_client("json")
    for part in pieces(data, 0):
        session.receive_data(part, 0.0)
        assert session._reader.waiting <= wire.MAX_HELLO + 9
    session.receive_eof()
    assert session.state is State.CLOSED and session.error is not None


def client(data: bytes) -> None:
    """What a server says to a client that it has taken in, in each codec."""
    codec = choose(data, 0, CODECS)
    session, told = new_client(codec), list[Any]()
    session.receive_data(welcomed(codec), 0.0)
    assert session.state is State.OPEN
    session._routes["s"] = 1

    def when(value: Any, error: Any) -> None:
        told.append(error)

    for _ in range(2):
        session.request("s", "m", b"1", when)
    session.add_sender("s", ["e"], None, when)
    reports = []
    for part in pieces(data, 1):
        reports += [taken(report) for report in session.receive_data(part, 0.0)]
    session.receive_eof()
    reports += [taken(report) for report in session.end()]
    assert session.state is State.CLOSED and session.error is not None
    assert reports.count(Closed) == 1 and len(told) == 3


def taken(report: Any) -> type[Any]:
    """Do with a report what a client does."""
    if isinstance(report, ReplyReceived):
        report.tell()
    elif isinstance(report, Events):
        assert len(list(split_events(report.data))) == report.count
    elif isinstance(report, RequestsReceived):
        assert list(report.requests)
    return type(report)


def new_client(codec: str) -> ClientSession:
    codecs = PLUGINS.choose_codecs([codec])
    return ClientSession(codecs, TIGHT, client="ab" * 16, token=None, packets=False, now=0.0)


def welcomed(codec: str) -> bytes:
    return welcome_frame(Welcome(codec=codec, node="0" * 32, token="a5", max_frame=16_777_216, keepalive=10))


# -- seeds

CALLS: list[dict[str, Any]] = [
    {"id": 1, "method": "add_sender", "params": {"sender": "s", "events": ["e", 5, "#c"], "requests": [None, "m"]}},
    {"id": 2, "method": "add_sender", "params": {"sender": 7, "events": ["e"], "life": "x", "fired": [["e", 3]]}},
    {"id": 3, "method": "add_listener", "params": {"sender": None, "event": None}},
    {"id": "4", "method": "add_listener", "params": {"sender": "s", "event": "e"}},
    {"id": 5, "method": "remove_listener", "params": {"listener_id": 1}},
    {"id": 6, "method": "list_senders", "params": {"list_events": True}},
    {"id": 7, "method": "remove_sender", "params": {"sender": "s"}},
    {"id": 8, "method": "sync", "params": {}},
    {"id": 9, "method": "stats", "params": {"peers": True}},
    {"id": 10, "method": "route", "params": {"sender": "s"}},
    {"method": "cancel", "params": {"id": 6}},
    {"method": "goodbye", "params": {"status": 0, "text": "x"}},
]
PLAIN_CALLS: list[dict[str, Any]] = [
    *CALLS[:9],
    {"id": 11, "method": "signal", "params": {"info": {"sender": "s", "event": "e", "more": 1}, "data": [1.5, None]}},
    {"id": 12, "method": "request", "params": {"sender": "s", "method": "m", "params": {"a": "\u00e9"}}},
    {"id": 1, "status": 0, "response": {"x": [1, 2]}},
    {"id": 2, "status": -2, "exception": "no"},
]
FRAMES = [
    wire.event_frame(2, b"[1]") * 3,
    wire.event_frame(2, b'{"a": 2}', b'{"b": 1}'),
    wire.request_frame(1, 5, b"\1mnull"),
    wire.reply_frame(1, 1, b"[2]"),
    wire.error_frame(1, 2, -2, b'{"type": "E", "text": "x"}'),
    wire.KEEP_ALIVE,
]
NOTICES: list[dict[str, Any]] = [
    {"method": "bind", "params": {"route": 1, "sender": "s", "event": None}},
    {"method": "bind", "params": {"route": 2, "sender": "s", "event": "e", "life": "x", "count": 4}},
    {"id": 3, "status": 0, "response": {"route": 4, "events": [["e", 5]], "routed": [["e", 2]]}},
    {"id": 1, "status": -5, "text": "no"},
    {"method": "gap", "params": {"route": 2, "sender": "s", "event": "e", "count": 1, "reason": "slow"}},
    {"method": "refused", "params": {"route": 2, "status": -12, "text": "x"}},
    {"method": "goodbye", "params": {"status": 0, "text": "x"}},
]


def control(codec: str, messages: list[dict[str, Any]]) -> list[bytes]:
    encode = PLUGINS.codecs.get(codec).encode
    return [wire.control_frame(encode(message)) for message in messages]


def in_each_codec(messages: list[dict[str, Any]]) -> list[bytes]:
    found = []
    for number, codec in enumerate(CODECS):
        said = control(codec, messages)
        found += [bytes((number, 0)) + b"".join([*said[:4], *FRAMES, *said[4:]])]
        found += [bytes((number, 0)) + frame for frame in said]
    return found


def objects() -> list[bytes]:
    written = [json.dumps(message).encode() for message in PLAIN_CALLS]
    return [b"\0\0" + b"\n".join(written), b"\0\1" + b"".join(written), *(b"\1\0" + text for text in written)]


def in_turns() -> list[bytes]:
    """Return what four peers say: one after the other, then call by call, with a second between."""
    said = [control(codec, CALLS) for codec in CODECS] + [[json.dumps(each).encode() for each in PLAIN_CALLS]]
    spoken = [[bytes((peer | 0x80,)) + each for each in of_one if len(each) < 255] for peer, of_one in enumerate(said)]
    frames = [bytes((peer,)) + frame for frame in FRAMES for peer in range(3)]
    turns = [each for turn in zip(*spoken, strict=False) for each in turn]
    apart = [as_parts(*of_one, *frames, b"", *of_one) for of_one in spoken]
    return [*apart, as_parts(*turns[:16], *frames, b"", *turns)]


SEEDS: dict[str, list[bytes]] = {
    "any_first_bytes": [
        b"\0" + opening(),
        b"\1" + opening(codecs=["cbor", "json"], token="a5", packets=True) + wire.KEEP_ALIVE,
        *(b"\0" + text[2:] for text in objects()),
        b"\0" + json.dumps(HELLO).encode(),
    ],
    "server": in_each_codec(CALLS),
    "plain": objects(),
    "network": in_turns(),
    "welcome": [b"\0" + welcomed("json"), b"\2" + welcomed("json") + FRAMES[0]],
    "client": in_each_codec(NOTICES),
}
