"""The vectors against the code: openings, frames, breaches, control messages."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from sig_core.errors import EncodeError, Status
from sig_core.protocol.frames import FrameReader
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import PREFACE, split_error, split_events, split_reply, split_request
from sig_core.session.base import State
from sig_core.session.server import ServerSession

from .harness import PLUGINS, Net, octets, opening, vectors

HANDSHAKE, FRAMES, BREACHES, CONTROL = (vectors(name) for name in ("handshake", "frames", "breaches", "control"))


def named(entries: list[Any]) -> list[Any]:
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


def answers(data: bytes) -> list[Any]:
    """The control messages of a server's output, after its preface."""
    frames = FrameReader(2**32 - 1).feed(data.removeprefix(PREFACE))
    return [json.loads(frame.body) for frame in frames if frame.type == 0 and frame.body]


def judge(session: ServerSession, entry: Any, net: Net) -> None:
    out = session.take(1 << 30)
    if entry["verdict"] == "accept":
        assert session.state is State.OPEN, session.error
        assert answers(out)[0]["codec"] == entry["codec"]
    elif entry["verdict"] in ("refuse", "breach"):
        assert session.state is State.CLOSED
        if entry["status"] is not None:
            assert answers(out)[0]["refused"]["status"] == entry["status"]
    elif entry["verdict"] == "dialect":
        assert session.state is State.CLOSED
        assert not out.startswith(PREFACE)
    else:
        assert entry["verdict"] == "incomplete"
        assert session.state is State.OPENING
        session.tick(net.limits.handshake + 1)
        assert session.state is State.CLOSED


@pytest.mark.parametrize("entry", named(HANDSHAKE["openings"]))
@pytest.mark.parametrize("piece", [0, 1], ids=["whole", "bytes"])
def test_openings(entry: Any, piece: int) -> None:
    net = Net()
    session = net.server_session(entry["server_codecs"])
    data = octets(entry["bytes"])
    if piece and len(data) > 5000:
        piece = 997
    for at in range(0, len(data), piece or max(1, len(data))):
        session.receive_data(data[at : at + (piece or len(data))], 0.0)
    judge(session, entry, net)


@pytest.mark.parametrize("entry", named(HANDSHAKE["packet_openings"]))
def test_packet_openings(entry: Any) -> None:
    net = Net()
    session = net.server_session(entry["server_codecs"], packets=True)
    for packet in entry["packets"]:
        session.receive_data(octets(packet), 0.0)
    judge(session, entry, net)


@pytest.mark.parametrize("entry", named(HANDSHAKE["returning"]))
def test_returning(entry: Any) -> None:
    net = Net()
    first = net.server_session()
    first.receive_data(opening(), 0.0)
    token = answers(first.take(1 << 20))[0]["token"]
    if entry["old"] == "lost":
        first.receive_eof()
    offered = {
        "right": token,
        "right without a codec": token,
        "wrong": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "cut": token[:-2] or "00",
        "absent": None,
        "null": None,
    }[entry["token"]]
    changes: dict[str, Any] = {} if entry["token"] == "absent" else {"token": offered}
    if entry["token"] == "right without a codec":
        changes["codecs"] = ["none"]
    second = net.server_session()
    second.receive_data(opening(**changes), 0.0)
    judge(second, {"codec": "json", **entry}, net)
    if entry["old"] == "open":
        assert (first.state is State.CLOSED) == entry["old_ends"]


@pytest.mark.parametrize("entry", named(FRAMES["frames"]))
def test_frames(entry: Any) -> None:
    data = octets(entry["bytes"])
    reader = FrameReader(entry["max_frame"])
    frames = reader.feed(data)
    assert len(frames) == 1
    frame, payload = frames[0], octets(entry["payload"])
    assert (frame.type, frame.route) == (entry["type"], entry["route"])
    if frame.type == 1:
        additions = None if entry["additions"] is None else octets(entry["additions"])
        assert split_events(frame.body) == [(additions, payload)]
    elif frame.type == 2:
        assert split_request(frame.body) == (entry["id"], entry["method"], payload)
    elif frame.type == 3:
        assert split_reply(frame.body) == (entry["id"], payload)
    elif frame.type == 4:
        assert split_error(frame.body) == (entry["id"], entry["status"], payload)
    else:
        assert frame.body == payload


@pytest.mark.parametrize("entry", named(FRAMES["streams"]))
def test_streams_cut_anywhere(entry: Any) -> None:
    data = octets(entry["bytes"])
    single = {frame["name"]: octets(frame["bytes"]) for frame in FRAMES["frames"]}
    wanted = [single[name] for name in entry["frames"]]
    for piece in {1, 2, 3, 7, 8, 9, 10, 1000, len(data)}:
        reader, seen = FrameReader(entry["max_frame"]), b""
        for at in range(0, len(data), piece):
            for frame in reader.feed(data[at : at + piece]):
                head = struct.pack("<IBI", 5 + len(frame.body), frame.type, frame.route)
                seen += frame.body if frame.type == 1 else head + frame.body
        assert seen == b"".join(wanted)
        assert reader.waiting == 0


@pytest.mark.parametrize("entry", named(BREACHES["breaches"]))
@pytest.mark.parametrize("piece", [0, 1], ids=["whole", "bytes"])
def test_breaches(entry: Any, piece: int) -> None:
    net = Net(Limits(max_frame=max(4096, entry["max_frame"])))
    session = net.server_session()
    session.receive_data(opening(), 0.0)
    session.take(1 << 20)
    session._reader.max_frame = entry["max_frame"]
    data = octets(entry["bytes"])
    if piece and len(data) > 5000:
        piece = 997
    for at in range(0, len(data), piece or len(data)):
        session.receive_data(data[at : at + (piece or len(data))], 0.0)
    assert session.state is State.CLOSED
    assert any(message.get("method") == "goodbye" for message in answers(session.take(1 << 20)))


@pytest.mark.parametrize("entry", named(BREACHES["packets"]))
def test_breaches_on_packets(entry: Any) -> None:
    session = Net().server_session(packets=True)
    session.receive_data(opening(), 0.0)
    for packet in entry["packets"]:
        session.receive_data(octets(packet), 0.0)
    assert session.state is State.CLOSED


class Caller:
    """Sends control messages to a server and reads what it answers."""

    def __init__(self, net: Net, codec: str, number: int) -> None:
        self.codec = PLUGINS.codecs.get(codec)
        self.session = net.server_session([codec])
        self.session.receive_data(opening(codecs=[codec], client=f"{number:032x}"), 0.0)
        self.session.take(1 << 30)

    def send(self, message: Any) -> list[Any]:
        body = self.codec.encode(message)
        self.session.receive_data(struct.pack("<IBI", 5 + len(body), 0, 0) + body, 0.0)
        frames = FrameReader(2**32 - 1).feed(self.session.take(1 << 30))
        found = [self.codec.decode(frame.body) for frame in frames if frame.type == 0 and frame.body]
        return [message for message in found if "status" in message]


def check(caller: Caller, message: Any, outcome: Any) -> Any:
    answered = caller.send(message)
    kind = outcome["kind"]
    if kind == "closed":
        assert caller.session.state is State.CLOSED
        return None
    assert caller.session.state is State.OPEN, caller.session.error
    if kind == "ignored":
        assert answered == []
        return None
    (answer,) = answered
    assert answer["id"] == outcome["id"]
    assert type(answer["id"]) is type(outcome["id"])
    assert answer["status"] == outcome["status"]
    if kind == "failure":
        assert isinstance(answer["exception"], str)
        return None
    check_shape(answer["response"], outcome["response"])
    return answer["response"]


def check_shape(response: Any, wanted: Any) -> None:
    shape = wanted["shape"]
    if shape == "null":
        assert response is None
    elif shape == "text":
        assert isinstance(response, str)
        assert response
    elif shape == "listener":
        assert isinstance(response["listener_id"], int)
    elif shape in ("route", "sender"):
        assert 1 <= response["route"] < 2**32
    if shape == "sender":
        assert [name for name, _ in response["events"]] == wanted["events"]
        routes = [route for _, route in response["events"]]
        assert len({*routes, response["route"]}) == len(routes) + 1
    if shape == "senders":
        for found in response:
            if "events" in found:
                found["events"] = [item for item in found["events"] if not str(item["event"]).startswith("#connect")]
                found["events"] = [item for item in found["events"] if item["event"] != "#disconnect"]
        assert sorted(response, key=repr) == sorted(wanted["senders"], key=repr)


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("entry", named(CONTROL["messages"]))
def test_control_messages(entry: Any, codec: str) -> None:
    caller = Caller(Net(), codec, 1)
    outcome = entry["outcome"]
    try:
        caller.codec.encode(entry["message"])
    except EncodeError:
        assert entry["beyond_portable"], entry["message"]
        return  # this codec can't carry the number at all, so nobody can send it
    check(caller, entry["message"], outcome)
    if outcome["kind"] != "closed":
        (answer,) = caller.send({"id": 77, "method": "sync"})
        assert answer == {"id": 77, "status": Status.OK, "response": None}


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("entry", named(CONTROL["sequences"]))
def test_control_sequences(entry: Any, codec: str) -> None:
    net = Net()
    callers = {1: Caller(net, codec, 1), 2: Caller(net, codec, 2)}
    responses: list[Any] = []
    for step in entry["steps"]:
        message = step["message"]
        if step["listener_of_step"] is not None:
            message["params"]["listener_id"] = responses[step["listener_of_step"]]["listener_id"]
        responses.append(check(callers[step["link"]], message, step["outcome"]))
        wanted = step["outcome"]["response"] or {}
        for rule, same in (("same_as_step", True), ("differs_from_step", False)):
            other = wanted.get(rule)
            if other is not None:
                key = "listener_id" if "listener_id" in responses[-1] else "route"
                assert (responses[-1][key] == responses[other][key]) == same
