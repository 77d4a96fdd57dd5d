"""The vectors judged by a second reading of docs/protocol.md: struct and json only, none of the code under test."""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from typing import Any, NamedTuple

import pytest

from tests.support import ROOT

VECTORS = ROOT / "tests" / "vectors"
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
FILES = ("breaches", "control", "example", "frames", "handshake", "statuses")
PREFACE = bytes.fromhex("f55349470d0a0001")
HEX = re.compile(r"(?:[0-9a-f]{2})*")
BYTE_STRINGS = {"bytes", "packets", "additions", "payload", "prefix", "repeat", "suffix", "first_bytes"}
MAX_HELLO = 65_536  # bytes, whatever max_frame is

DOCUMENTS = {name: json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8")) for name in FILES}
FRAMES = DOCUMENTS["frames"]["frames"]
BREACHES = DOCUMENTS["breaches"]["breaches"]


class Breach(Exception):
    """The bytes break a rule of section 3."""


class Frame(NamedTuple):
    length: int
    type: int
    flags: int
    route: int
    id: int | None
    method: str | None
    status: int | None
    additions: bytes | None
    payload: bytes


def unhex(value: Any) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    return unhex(value["prefix"]) + unhex(value["repeat"]) * value["count"] + unhex(value["suffix"])


def insist(rule: bool, why: str) -> None:
    if not rule:
        raise Breach(why)


def unpack(layout: str, body: bytes) -> tuple[tuple[int, ...], bytes]:
    size = struct.calcsize(layout)
    insist(len(body) >= size, "a body shorter than its fixed fields")
    return struct.unpack(layout, body[:size]), body[size:]


def parse_body(kind: int, flags: int, body: bytes) -> dict[str, Any]:
    if kind == 1 and flags:
        (size,), body = unpack("<H", body)
        insist(size <= len(body), "additions beyond the body")
        return {"additions": body[:size], "payload": body[size:]}
    if kind == 2:
        (number, size), body = unpack("<IB", body)
        insist(1 <= size <= len(body), "no method, or beyond the body")
        try:
            return {"id": number, "method": body[:size].decode(), "payload": body[size:]}
        except UnicodeDecodeError as error:
            raise Breach("a method that is no UTF-8") from error
    if kind == 3:
        (number,), body = unpack("<I", body)
        return {"id": number, "payload": body}
    if kind == 4:
        (number, status), body = unpack("<Ih", body)
        insist(status < 0, "an error reply without an error")
        return {"id": number, "status": status, "payload": body}
    return {"payload": body}


def parse_one(data: bytes, max_frame: int) -> tuple[Frame | None, bytes]:
    """Give the first frame, or None if it has not all come, and the bytes behind it."""
    if len(data) < 4:
        return None, data
    (length,) = struct.unpack("<I", data[:4])
    insist(5 <= length <= max_frame, "length")
    if len(data) < 4 + length:
        return None, data
    head, route = struct.unpack("<BI", data[4:9])
    kind, flags = head & 15, head & 0xF0
    insist(kind <= 4, "type")
    insist(flags == 0 or (kind == 1 and flags == 16), "flags")
    insist(kind != 0 or route == 0, "control with a route")
    fields: dict[str, Any] = dict.fromkeys(Frame._fields)
    fields |= {"length": length, "type": kind, "flags": flags, "route": route}
    return Frame(**(fields | parse_body(kind, flags, data[9 : 4 + length]))), data[4 + length :]


def parse(data: bytes, max_frame: int) -> tuple[list[Frame], bytes]:
    frames = []
    frame, data = parse_one(data, max_frame)
    while frame is not None:
        frames.append(frame)
        frame, data = parse_one(data, max_frame)
    return frames, data


def expected(entry: dict[str, Any]) -> Frame:
    additions = None if entry["additions"] is None else unhex(entry["additions"])
    fields = {name: entry[name] for name in Frame._fields}
    return Frame(**fields | {"additions": additions, "payload": unhex(entry["payload"])})


def walk(value: Any, key: str = "") -> Any:
    """Yield every text below a key that holds byte strings."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from walk(child, key if key == "first_bytes" else name)
    elif isinstance(value, list):
        for child in value:
            yield from walk(child, key)
    elif isinstance(value, str) and key in BYTE_STRINGS:
        yield value


def each(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=[entry["name"] for entry in entries])


@pytest.mark.parametrize("name", FILES)
def test_byte_strings_are_lower_case_hex(name: str) -> None:
    found = list(walk(DOCUMENTS[name]))
    assert bool(found) == (name not in ("control", "statuses"))
    assert [text for text in found if not HEX.fullmatch(text)] == []
    assert "\\u" not in (VECTORS / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ("breaches", "control", "frames", "handshake"))
def test_names_within_a_file_are_unique_and_fields_never_absent(name: str) -> None:
    lists = [entries for entries in DOCUMENTS[name].values() if isinstance(entries, list)]
    names = Counter(entry["name"] for entries in lists for entry in entries)
    assert [text for text, count in names.items() if count > 1] == []
    for entries in lists:
        assert {frozenset(entry) for entry in entries} == {frozenset(entries[0])}


@each(FRAMES)
def test_a_frame_parses_to_its_fields(entry: dict[str, Any]) -> None:
    frames, rest = parse(unhex(entry["bytes"]), entry["max_frame"])
    assert (frames, rest) == ([expected(entry)], b"")


@each(DOCUMENTS["frames"]["streams"] + DOCUMENTS["frames"]["packets"])
def test_several_frames_parse_to_those_named(entry: dict[str, Any]) -> None:
    by_name = {frame["name"]: expected(frame) for frame in FRAMES}
    got: list[Frame] = []
    for packet in entry.get("packets", [entry.get("bytes")]):
        frames, rest = parse(unhex(packet), entry["max_frame"])
        assert rest == b""
        got += frames
    assert got == [by_name[name] for name in entry["frames"]]


@each(BREACHES)
def test_a_breach_breaks_a_rule_as_soon_as_it_has_come(entry: dict[str, Any]) -> None:
    with pytest.raises(Breach):
        parse(unhex(entry["bytes"]), entry["max_frame"])


def follow_routes(frames: list[Frame]) -> None:
    """Insist, as a client that was just welcomed, that each number is bound before it is used."""
    bound = set()
    for frame in frames:
        message = json.loads(frame.payload) if frame.type == 0 and frame.payload else {}
        if message.get("method") == "bind":
            bound.add(message["params"]["route"])
        insist(frame.type not in (1, 2) or frame.route in bound, "a number that was never bound")


@each(DOCUMENTS["breaches"]["client"])
def test_a_breach_at_a_client_breaks_a_rule(entry: dict[str, Any]) -> None:
    with pytest.raises(Breach):
        frames, rest = parse(unhex(entry["bytes"]), entry["max_frame"])
        assert rest == b""
        follow_routes(frames)


def test_every_breach_differs_from_every_frame() -> None:
    bad = [(unhex(entry["bytes"]), entry["max_frame"]) for entry in BREACHES]
    assert len(set(bad)) == len(bad)
    assert {unhex(frame["bytes"]) for frame in FRAMES}.isdisjoint(data for data, _ in bad)


@each(DOCUMENTS["breaches"]["packets"])
def test_a_packet_breach_is_one_only_on_a_packet_link(entry: dict[str, Any]) -> None:
    packets = [unhex(packet) for packet in entry["packets"]]
    assert parse(packets[0], entry["max_frame"])[1] != b""
    assert parse(b"".join(packets), entry["max_frame"])[0]


def test_first_bytes_hold_each_byte_once() -> None:
    firsts = DOCUMENTS["handshake"]["first_bytes"]
    assert sorted(firsts) == ["binary", "board", "none", "plain", "tls"]
    assert sorted(b"".join(map(unhex, firsts.values()))) == list(range(256))


REFUSED = {"verdict": "refuse", "status": -7}


def judge(data: bytes, server_codecs: list[str]) -> dict[str, Any]:
    """Give those fields of an opening that are not null, as section 2 decides."""
    firsts = DOCUMENTS["handshake"]["first_bytes"]
    dialect = next(name for name, members in firsts.items() if data[0] in unhex(members))
    if dialect != "binary":
        return {"verdict": "dialect", "dialect": dialect, **({"status": -7} if dialect == "plain" else {})}
    try:
        insist(data[:8] == PREFACE[: len(data)], "the preface")
        frame, _ = parse_one(data[8:], 5 + MAX_HELLO)
        insist(frame is None or frame.type == 0, "a hello is a control frame")
    except Breach:
        return REFUSED
    if frame is None:
        return {"verdict": "incomplete", "status": -14}
    codec = choose(frame.payload, server_codecs)
    return {"verdict": "accept", "codec": codec} if codec else REFUSED


def choose(payload: bytes, server_codecs: list[str]) -> str | None:
    try:
        hello = json.loads(payload.decode(), parse_constant=lambda text: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(hello, dict) or not hello.keys() >= REQUIRED:
        return None
    if not all(fits(hello[name], rule) for name, rule in HELLO.items() if name in hello):
        return None
    return next((name for name in hello["codecs"] if name in server_codecs), None)


def fits(value: Any, rule: Any) -> bool:
    if isinstance(rule, str):
        return isinstance(value, str) and re.fullmatch(rule, value, re.DOTALL) is not None
    return bool(rule(value))


def texts(value: Any, low: int, high: int) -> bool:
    """Whether it is a list of `low` to `high` texts of 1 to 64 characters."""
    return isinstance(value, list) and low <= len(value) <= high and all(fits(item, r".{1,64}") for item in value)


REQUIRED = {"codecs", "client", "max_frame", "keepalive"}
HELLO: dict[str, Any] = {
    "codecs": lambda value: texts(value, 1, 16),
    "client": r"[0-9a-f]{32}",
    "max_frame": lambda value: type(value) is int and 4096 <= value <= 0xFFFFFFFF,
    "keepalive": lambda value: type(value) in (int, float) and 0.1 <= value <= 3600,
    "token": lambda value: value is None or fits(value, r"([0-9a-f]{2}){1,128}"),
    "features": lambda value: value is None or texts(value, 0, 64),
    "software": lambda value: value is None or fits(value, r"[^\ud800-\udfff]{0,255}"),
}


def said(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("verdict", "codec", "status", "dialect") if entry[name] is not None}


@each(DOCUMENTS["handshake"]["openings"])
def test_an_opening_is_judged_as_it_says(entry: dict[str, Any]) -> None:
    assert judge(unhex(entry["bytes"]), entry["server_codecs"]) == said(entry)


def judge_packets(packets: list[bytes], server_codecs: list[str]) -> dict[str, Any]:
    """Judge the packets one by one, until one decides."""
    data, verdict = b"", {"verdict": "incomplete", "status": -14}
    for packet in filter(None, packets):
        if data and verdict["verdict"] == "accept":
            assert parse(packet, 1 << 24)[1] == b""
            continue
        data += packet
        verdict = judge(data, server_codecs)
        if verdict["verdict"] == "accept" and parse(data[8:], 1 << 24)[1]:
            return REFUSED
        if verdict["verdict"] == "incomplete" and data != PREFACE:
            return REFUSED
        if verdict["verdict"] in ("refuse", "dialect"):
            return verdict
    return verdict


@each(DOCUMENTS["handshake"]["packet_openings"])
def test_an_opening_in_packets_is_judged_as_it_says(entry: dict[str, Any]) -> None:
    assert judge_packets([unhex(packet) for packet in entry["packets"]], entry["server_codecs"]) == said(entry)


@each(DOCUMENTS["handshake"]["returning"])
def test_only_the_right_token_ends_a_session(entry: dict[str, Any]) -> None:
    lost, token = entry["old"] == "lost", entry["token"]
    status = -7 if token in ("capitals", "right without a codec") else None if token == "right" else -6
    assert (entry["verdict"], entry["status"]) == ("accept" if status is None else "refuse", status)
    assert entry["old_ends"] is (status is None and not lost)
    assert entry["token_stays"] is (True if status is None else None)


def beyond(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(beyond, value.values() if isinstance(value, dict) else value))
    return type(value) is int and not -(2**63) <= value < 2**64


def check_outcome(message: Any, outcome: dict[str, Any]) -> None:
    kind, number, status = outcome["kind"], outcome["id"], outcome["status"]
    assert kind in ("answer", "failure", "ignored", "closed")
    assert (status == 0) == (outcome["response"] is not None) == (kind == "answer")
    assert (status is not None and str(status) in DOCUMENTS["statuses"]) == (kind in ("answer", "failure"))
    if number is not None:
        assert (type(number), number) == (type(message["id"]), message["id"])


@each(DOCUMENTS["control"]["messages"])
def test_a_message_and_its_outcome_go_together(entry: dict[str, Any]) -> None:
    check_outcome(entry["message"], entry["outcome"])
    assert entry["beyond_portable"] is beyond(entry["message"])


@each(DOCUMENTS["control"]["sequences"])
def test_steps_refer_to_steps_before_them(entry: dict[str, Any]) -> None:
    for index, step in enumerate(entry["steps"]):
        check_outcome(step["message"], step["outcome"])
        response = step["outcome"]["response"] or {}
        references = [step["listener_of_step"], response.get("same_as_step"), response.get("differs_from_step")]
        assert step["link"] in (1, 2)
        assert all(number in range(index) for number in references if number is not None)


def test_statuses_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| (0|-\d+) \| ([^|]+?) \|", PAGE.split("## 9.")[1], re.MULTILINE)
    assert dict(rows) == DOCUMENTS["statuses"]
    assert [int(number) for number, _ in rows] == list(range(0, -17, -1))


def test_the_example_is_that_of_the_page() -> None:
    parts = DOCUMENTS["example"]["parts"]
    for part in parts:
        data = unhex(part["bytes"])
        if part["payload_text"] is None:
            assert data == PREFACE
            continue
        (frame,), rest = parse(data, 16_777_216)
        assert (frame.payload.decode(), rest) == (part["payload_text"], b"")
        assert part["payload_text"] in PAGE or not part["exact"]
    assert parts[-1]["bytes"] == "".join(PAGE.split("\n## 11.")[0].rstrip().splitlines()[-1].split()[1:])
