"""The vectors against the code: openings, frames, breaches, control messages, the example."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from sig_core.errors import EncodeError, Status
from sig_core.protocol import wire
from sig_core.protocol.hello import FEATURES
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import PREFACE
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.publisher import make_publisher
from sig_core.session.binary.reports import Closed, ReplyReceived
from sig_core.session.binary.server import ServerSession
from tests.session.by_hand import Raw, goodbyes
from tests.support.named_frames import Frame, NamedReader, split_reply, split_request
from tests.support.sessions import CODECS, EVERYTHING, PLUGINS, Net, OpenGate, octets, opening, pieces_of, vectors

HANDSHAKE, FRAMES, BREACHES, CONTROL, EXAMPLE = (
    vectors(name) for name in ("handshake", "frames", "breaches", "control", "example")
)
PIECES = pytest.mark.parametrize("piece", [0, 1], ids=["whole", "bytes"])


def each(entries: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["name"]) for entry in entries])


def cut(data: bytes, piece: int) -> list[bytes]:
    """Single bytes, but for what would take minutes."""
    return pieces_of(data, 997 if piece and len(data) > 5000 else piece)


def said(out: bytes) -> list[Any]:
    """The messages after the preface of a server."""
    assert out.startswith(PREFACE)
    frames = NamedReader(2**32 - 1).feed(out.removeprefix(PREFACE))
    assert all(frame.type == 0 for frame in frames)
    return [json.loads(frame.body) for frame in frames]


# -- openings


def judge(session: ServerSession, entry: Any) -> None:
    verdict = entry["verdict"]
    if verdict == "incomplete":
        assert session.state is State.OPENING
        assert not session.has_output
        session.tick(session.limits.handshake - 0.01)
        assert session.state is State.OPENING
        session.tick(session.limits.handshake)
    out = session.take(EVERYTHING)
    if verdict == "accept":
        assert session.state is State.OPEN, session.error
        welcome = said(out)[0]
        assert welcome["codec"] == entry["codec"]
        assert set(welcome.get("features") or []) <= set(FEATURES)
        return
    assert session.state is State.CLOSED
    if verdict == "dialect":
        assert not out.startswith(PREFACE[:1])
    else:
        (message,) = said(out)
        assert list(message) == ["refused"]
        assert message["refused"]["status"] == entry["status"]
        assert message["refused"]["text"]
    if entry["dialect"] == "plain":
        line = json.loads(out)
        assert (line["id"], line["status"]) == (None, entry["status"])
        assert line["exception"]
        assert out.endswith(b"\n")


@each(HANDSHAKE["openings"])
@PIECES
def test_openings(entry: Any, piece: int) -> None:
    session = Net().server_session(entry["server_codecs"])
    for part in cut(octets(entry["bytes"]), piece):
        session.receive_data(part, 0.0)
    judge(session, entry)


@each(HANDSHAKE["packet_openings"])
def test_packet_openings(entry: Any) -> None:
    session = Net().server_session(entry["server_codecs"], packets=True)
    for packet in entry["packets"]:
        session.receive_data(octets(packet), 0.0)
    judge(session, entry)


@pytest.mark.parametrize("dialect", sorted(HANDSHAKE["first_bytes"]))
def test_first_bytes(dialect: str) -> None:
    for first in octets(HANDSHAKE["first_bytes"][dialect]):
        session = Net().server_session()
        session.receive_data(bytes([first]), 0.0)
        out = session.take(EVERYTHING)
        assert session.state is (State.OPENING if dialect == "binary" else State.CLOSED)
        assert out.startswith(b'{"id": null, "status": -7') == (dialect == "plain")
        assert bool(session.error) == (dialect != "binary")


@each(HANDSHAKE["returning"])
def test_returning(entry: Any) -> None:
    net = Net()
    first = net.server_session()
    first.receive_data(opening(), 0.0)
    token = said(first.take(EVERYTHING))[0]["token"]
    if entry["old"] == "lost":
        first.receive_eof()
    offered = {
        "right": token,
        "right without a codec": token,
        "wrong": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "cut": token[:-2] or "00",
        "capitals": "A" * len(token),
        "null": None,
        "absent": None,
    }[entry["token"]]
    changes: dict[str, Any] = {} if entry["token"] == "absent" else {"token": offered}
    if entry["token"] == "right without a codec":
        changes["codecs"] = ["none"]
    second = net.server_session()
    second.receive_data(opening(**changes), 0.0)
    if entry["token_stays"]:
        assert second.state is State.OPEN
        assert net.identities._clients["ab" * 16] == (token, "", second)
    judge(second, {"codec": "json", "dialect": None, **entry})
    if entry["old"] == "open":
        assert (first.state is State.CLOSED) == entry["old_ends"]


# -- frames


def fields_of(frame: Frame) -> list[dict[str, Any]]:
    """What a frame, or each frame of a run, says, in the words of the vectors."""
    if frame.type == wire.EVENT:
        return [
            {"type": 1, "route": frame.route, "additions": additions, "payload": data}
            for additions, data in split_events(frame.body)
        ]
    fields: dict[str, Any] = {"type": frame.type, "route": frame.route, "additions": None, "payload": frame.body}
    if frame.type == wire.REQUEST:
        fields["id"], fields["method"], fields["payload"] = split_request(frame.body)
    elif frame.type == wire.REPLY:
        fields["id"], fields["payload"] = split_reply(frame.body)
    elif frame.type == wire.ERROR:
        fields["id"], fields["status"], fields["payload"] = wire.split_error(frame.body)
    return [fields]


def wanted(entry: Any) -> dict[str, Any]:
    fields = {name: entry[name] for name in ("type", "route", "id", "method", "status") if entry[name] is not None}
    additions = None if entry["additions"] is None else octets(entry["additions"])
    return fields | {"additions": additions, "payload": octets(entry["payload"])}


WANTED = {entry["name"]: wanted(entry) for entry in FRAMES["frames"]}


@each(FRAMES["frames"])
@PIECES
def test_frames(entry: Any, piece: int) -> None:
    reader = NamedReader(entry["max_frame"])
    frames = [frame for part in cut(octets(entry["bytes"]), piece) for frame in reader.feed(part)]
    assert [fields for frame in frames for fields in fields_of(frame)] == [wanted(entry)]
    assert reader.waiting == 0


def packed(fields: dict[str, Any]) -> bytes:
    kind, route, payload = fields["type"], fields["route"], fields["payload"]
    if kind == wire.EVENT:
        return wire.event_frame(route, payload, fields["additions"])
    if kind == wire.REQUEST:
        return wire.request_frame(route, fields["id"], wire.request_tail(fields["method"], payload))
    if kind == wire.REPLY:
        return wire.reply_frame(route, fields["id"], payload)
    if kind == wire.ERROR:
        return wire.error_frame(route, fields["id"], fields["status"], payload)
    return wire.control_frame(payload)


@each(FRAMES["frames"])
def test_packers_make_the_frames(entry: Any) -> None:
    assert packed(wanted(entry)) == octets(entry["bytes"])


@each(FRAMES["streams"])
def test_streams_cut_anywhere(entry: Any) -> None:
    data = octets(entry["bytes"])
    for piece in {1, 2, 3, 7, 8, 9, 10, 1000, len(data)}:
        reader = NamedReader(entry["max_frame"])
        frames = [frame for part in pieces_of(data, piece) for frame in reader.feed(part)]
        assert [fields for frame in frames for fields in fields_of(frame)] == [WANTED[name] for name in entry["frames"]]
        assert reader.waiting == 0


@each(FRAMES["packets"])
def test_packets(entry: Any) -> None:
    """Through a session: an event of nobody is refused, a request of nobody fails, none ends the link."""
    raw = Raw(Net(Limits(max_frame=entry["max_frame"])), packets=True)
    for packet in entry["packets"]:
        raw.session.receive_data(octets(packet), 0.0)
    assert raw.open
    assert raw.session.traffic.refused == [name.startswith("event") for name in entry["frames"]].count(True)


# -- breaches


@each(BREACHES["breaches"])
@PIECES
def test_breaches(entry: Any, piece: int) -> None:
    raw = Raw(Net(Limits(max_frame=entry["max_frame"], max_outbox=2**33)))
    frames = []
    for part in cut(octets(entry["bytes"]), piece):
        frames += raw.send(part)
    assert raw.session.state is State.CLOSED
    assert goodbyes(raw, frames) == [-7]
    assert raw.send(wire.control_frame(b'{"id": 1, "method": "sync"}')) == []


@each(BREACHES["packets"])
def test_breaches_on_packets(entry: Any) -> None:
    raw = Raw(Net(), packets=True)
    frames = [frame for packet in entry["packets"] for frame in raw.send(octets(packet))]
    assert raw.session.state is State.CLOSED
    assert goodbyes(raw, frames) == [-7]


@each(BREACHES["client"])
@PIECES
def test_breaches_at_a_client(entry: Any, piece: int) -> None:
    link = Net(Limits(max_frame=entry["max_frame"])).connect("json")
    for part in cut(octets(entry["bytes"]), piece):
        link.take(link.client.receive_data(part, 0.0))
    assert link.client.state is State.CLOSED
    assert len(link.of(Closed)) == 1
    assert b'"goodbye"' in link.client.out[-1]
    assert b"-7" in link.client.out[-1]


# -- control messages


def check(raw: Raw, message: Any, outcome: Any) -> Any:
    answered = [found for found in raw.say(message) if "status" in found]
    kind = outcome["kind"]
    if kind == "closed":
        assert raw.session.state is State.CLOSED
        return None
    assert raw.open, raw.session.error
    if kind == "ignored":
        assert answered == []
        return None
    (answer,) = answered
    assert (answer["id"], type(answer["id"])) == (outcome["id"], type(outcome["id"]))
    assert answer["status"] == outcome["status"]
    if kind == "failure":
        assert isinstance(answer["exception"], str)
        return None
    check_shape(answer["response"], outcome["response"])
    return answer["response"]


def check_shape(response: Any, wanted: Any) -> None:
    shape = wanted["shape"]
    if shape in ("null", "text"):
        assert response == wanted["text"]
    elif shape == "listener":
        assert type(response["listener_id"]) is int
    elif shape == "senders":
        for found in response:
            if "events" in found:
                found["events"] = [one for one in found["events"] if one["event"] not in ("#connect", "#disconnect")]
        assert sorted(response, key=repr) == sorted(wanted["senders"], key=repr)
    else:
        assert 1 <= response["route"] < 2**32
        if shape == "sender":
            assert [name for name, _ in response["events"]] == wanted["events"]
            assert len({response["route"], *(route for _, route in response["events"])}) == len(wanted["events"]) + 1


@pytest.mark.parametrize("codec", CODECS)
@each(CONTROL["messages"])
def test_control_messages(entry: Any, codec: str) -> None:
    raw = Raw(Net(), codec)
    try:
        raw.codec.encode(entry["message"])
    except EncodeError:
        assert entry["beyond_portable"], entry["message"]
        return  # this codec can't carry the number at all, so nobody can send it
    check(raw, entry["message"], entry["outcome"])
    if entry["outcome"]["kind"] != "closed":
        assert raw.say({"id": 77, "method": "sync"}) == [{"id": 77, "status": 0, "response": None}]


def numbers(response: Any) -> Any:
    if "listener_id" in response:
        return response["listener_id"]
    return response["route"]


@pytest.mark.parametrize("codec", CODECS)
@each(CONTROL["sequences"])
def test_control_sequences(entry: Any, codec: str) -> None:
    net = Net()
    links = {1: Raw(net, codec, 1), 2: Raw(net, codec, 2)}
    responses: list[Any] = []
    for step in entry["steps"]:
        message, source = step["message"], step["listener_of_step"]
        if source is not None:
            message = {**message, "params": {"listener_id": responses[source]["listener_id"]}}
        response = check(links[step["link"]], message, step["outcome"])
        responses.append(response)
        rules = step["outcome"]["response"] or {}
        if rules.get("same_as_step") is not None:
            other = responses[rules["same_as_step"]]
            assert numbers(response) == numbers(other)
            if "events" in response and "events" in other:
                assert response["events"] == other["events"]
        if rules.get("differs_from_step") is not None:
            assert numbers(response) != numbers(responses[rules["differs_from_step"]])


# -- the example


def parts(side: str) -> dict[str, Any]:
    return {part["what"]: octets(part["bytes"]) for part in EXAMPLE["parts"] if part["from"] == side}


@PIECES
def test_the_example_at_a_server(piece: int) -> None:
    net = Net()
    session, out = net.server_session([EXAMPLE["codec"]]), b""
    for part in pieces_of(b"".join(parts("client").values()), piece):
        session.receive_data(part, 0.0)
        out += session.take(EVERYTHING)
    server = parts("server")
    assert out.startswith(server["preface"])
    assert out.endswith(server["answer"])  # a fresh server gives the numbers of the example
    welcome = json.loads(out[len(PREFACE) + 9 : -len(server["answer"])])
    wanted = json.loads(server["welcome"][9:])
    assert {**welcome, "node": 0, "token": 0, "software": 0} == {**wanted, "node": 0, "token": 0, "software": 0}
    assert (session.state, session.traffic.refused) == (State.OPEN, 0)


@PIECES
def test_the_example_at_a_client(piece: int) -> None:
    codecs = PLUGINS.choose_codecs([EXAMPLE["codec"]])
    session = ClientSession(
        codecs, Limits(), client="00112233445566778899aabbccddeeff", token=None, packets=False, now=0.0
    )
    client, server = parts("client"), parts("server")
    (greeting,) = session.out
    assert greeting.startswith(client["preface"])
    (length,) = struct.unpack_from("<I", greeting, 8)
    assert (len(greeting), greeting[12:17]) == (12 + length, client["hello"][4:9])
    assert json.loads(greeting[17:]).items() >= json.loads(client["hello"][9:]).items()
    for part in pieces_of(server["preface"] + server["welcome"], piece):
        session.receive_data(part, 0.0)
    told: list[Any] = []
    session.add_sender("t", ["#c"], None, lambda value, error: told.append((value, error)))
    assert session.out[1:] == [client["call"]]
    for part in pieces_of(server["answer"], piece):
        for report in session.receive_data(part, 0.0):
            assert isinstance(report, ReplyReceived)
            report.tell()
    assert [(joined.routes, error) for joined, error in told] == [({"#c": 2}, None)]
    make_publisher(session, "t", "#c", 2, OpenGate(), lambda: None)({"sender": "t", "event": "#c"}, 21)
    assert session.out[2:] == [client["event"]]


def test_the_statuses() -> None:
    assert {str(int(status)) for status in Status} == set(vectors("statuses"))
