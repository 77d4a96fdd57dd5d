"""The vectors of the board link and the board dialect, as far as they are about what a board does."""

from __future__ import annotations

import ctypes as c
import json
import math
import struct
from typing import Any

import pytest

from tests.boards.c.bench import LinkBench
from tests.boards.c.board import BoardBench, In, Out
from tests.boards.c.library import SOURCE, WARNINGS, Writer
from tests.boards.c.packets import ACK, DATA, FIN, HELLO, NAK, PART, PING, SYN, SYNACK, Packet, syn, synack
from tests.support import ROOT
from tests.support.rig.workshop import Workshop

LINK = json.loads((ROOT / "tests/vectors/board_link.json").read_text())
MESSAGES = json.loads((ROOT / "tests/vectors/board_messages.json").read_text())
LONGEST = 253  # bytes of a packet


def each(entries: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("entry", entries, ids=[entry["name"] for entry in entries])


@pytest.fixture(scope="module")
def stuffing(workshop: Workshop) -> c.CDLL:
    """COBS and CRC of the client, without a link."""
    source = ROOT / "tests/boards/c/stuffing.c"
    command = ["cc", "-shared", "-fPIC", "-O1", *WARNINGS, f"-I{SOURCE}", SOURCE / "sigb_packet.c", source]
    return c.CDLL(str(workshop.build("stuffing.so", command)))


@each(LINK["crc"])
def test_crc(library: c.CDLL, entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["bytes"])
    assert f"{library.sigb_crc16(data, len(data)):04x}" == entry["crc16"]
    assert f"{library.sigb_crc32(data, len(data)):08x}" == entry["crc32"]


@each([entry for entry in LINK["cobs"] if len(entry["raw"]) // 2 <= LONGEST])
def test_cobs(stuffing: c.CDLL, entry: dict[str, Any]) -> None:
    raw, encoded = bytes.fromhex(entry["raw"]), bytes.fromhex(entry["encoded"])
    memory = c.create_string_buffer(300)
    size = stuffing.stuff(raw, len(raw), memory)
    assert memory.raw[:size] == b"\0" + encoded + b"\0"
    size = stuffing.unstuff(encoded, len(encoded), memory)
    assert memory.raw[:size] == raw


class Sender(LinkBench):
    """A link brought to a given state, to see what it sends."""

    def at(self, seq: int, ack: int) -> None:
        for number in range(ack):
            self.ask(Packet(DATA, b"", number))
        for number in range(seq):
            self.send(b"x")
            self.ask()
            self.ask(Packet(ACK, ack=number + 1))


def wire_of(link: LinkBench) -> str:
    link.line.from_board.clear()
    link.poll()
    return link.line.from_board.hex()


SENT = [
    entry
    for entry in LINK["packets"]
    if entry["kind"] in (DATA, HELLO, ACK, NAK, PING, FIN)
    and entry["name"] not in ("data of no bytes", "ack, credit 0")  # which this client has no reason to send
]


@each(SENT)
def test_packets_that_a_board_sends(library: c.CDLL, entry: dict[str, Any]) -> None:
    payload = bytes.fromhex(entry["payload"])
    link = Sender(library, mtu=246, message=246, credit=entry["credit"])
    if entry["kind"] == HELLO:
        if payload != b"\1\0\0\0\0":
            link.connect()
            link.at(0, entry["ack"])
            link.library.sigb_link_reopened(link.link)
        assert wire_of(link) == entry["wire"]
        return
    link.connect(long_crc=entry["crc32"])
    link.at(entry["seq"], entry["ack"])
    if entry["kind"] == DATA:
        link.send(payload)
    elif entry["kind"] == NAK:
        link.give(Packet(DATA, b"", entry["ack"] + 1))
    elif entry["kind"] == FIN:
        link.library.sigb_link_finish(link.link)
    elif entry["kind"] == PING:
        link.send(b"x")
        link.give(Packet(ACK, credit=0))
        link.line.now += 100
    else:
        link.give(Packet(PING))
    assert wire_of(link) == entry["wire"]


@each(LINK["packets"])
def test_packets_that_a_board_gets(library: c.CDLL, entry: dict[str, Any]) -> None:
    link = LinkBench(library, mtu=246, message=246)
    link.connect(long_crc=entry["crc32"])
    for number in range(entry["seq"]):
        link.ask(Packet(DATA, b"", number))
    link.messages.clear()
    link.line.to_board += bytes.fromhex(entry["wire"])
    link.poll()
    assert link.counters.damaged == 0
    assert link.counters.ignored == (entry["kind"] in (HELLO, SYNACK))
    if entry["kind"] == DATA:
        assert link.messages == [bytes.fromhex(entry["payload"])]
    if entry["kind"] == PART:
        link.ask(Packet(DATA, b"end", entry["seq"] + 1))
        assert link.messages == [bytes.fromhex(entry["payload"]) + b"end"]


@each(LINK["refused"])
def test_what_is_no_packet(library: c.CDLL, entry: dict[str, Any]) -> None:
    link = LinkBench(library, mtu=246, message=246)
    link.connect()
    link.line.to_board += bytes.fromhex(entry["wire"])
    assert [packet.kind for packet in link.ask()] == [NAK]
    assert link.messages == [] and link.counters.damaged == 1


@each([entry for entry in LINK["handshakes"] if entry["kind"] == SYN])
def test_syn(library: c.CDLL, entry: dict[str, Any]) -> None:
    link = LinkBench(library, mtu=246, window=8, message=4096)
    link.ask()
    answers = link.ask(Packet(SYN, bytes.fromhex(entry["payload"])))
    fields = entry["fields"]
    if fields is None:
        assert answers == [] and link.counters.ignored == 1
        return
    if fields["resume"]:
        assert [packet.kind for packet in answers] == [HELLO]
        answers = link.ask(Packet(SYN, bytes.fromhex(entry["payload"].replace("0101", "0100", 1))))
    answer = synack(answers[0])
    assert answer["flags"] == 2 * fields["crc32"]
    assert (answer["sid"], answer["keepalive"]) == (fields["sid"], round(fields["keepalive"] * 10))
    assert link.room() == max(fields["mtu"], min(4096, fields["message"]))


def test_synack_of_a_small_board(small_library: c.CDLL) -> None:
    (entry,) = (entry for entry in LINK["packets"] if entry["name"] == "synack of a small board")
    link = LinkBench(small_library, window=1, mtu=48, credit=1)
    link.give(syn())
    assert wire_of(link) == entry["wire"]


def write(out: Out, value: Any) -> None:
    """Write a value item by item, with the function for its type."""
    if value is None:
        out.null()
    elif isinstance(value, bool):
        out.bool(value)
    elif isinstance(value, int):
        (out.int if value < 0 else out.uint)(value)
    elif isinstance(value, float):
        out.float(value)
    elif isinstance(value, str):
        out.text(value.encode())
    elif isinstance(value, list):
        out.list(len(value))
        for item in value:
            write(out, item)
    else:
        out.map(len(value))
        for key, item in value.items():
            out.text(key.encode())
            write(out, item)


def read(value: In) -> Any:
    """Read a value item by item, with the function for its type."""
    kind = value._library.sigb_peek(value.reader)
    if kind == 4:
        return [read(value) for _ in range(value.list())]
    if kind == 5:
        return {value.text(): read(value) for _ in range(value.map())}
    name = {0: "uint", 1: "int", 2: "bytes", 3: "text", 7: "bool", 8: "float", 9: "null"}[kind]
    return getattr(value, name)()


@each(MESSAGES["values"])
def test_values(library: c.CDLL, entry: dict[str, Any]) -> None:
    encoded = bytes.fromhex(entry["bytes"])
    assert library.sigb_is_item(encoded, len(encoded))
    if entry["value"] == -(2**32):
        return  # which no integer of 32 bits holds: it can be passed on, not read
    memory = c.create_string_buffer(400)
    writer = Writer(c.addressof(memory), 400, 0)
    write(Out(library, c.pointer(writer)), entry["value"])
    assert memory.raw[: writer.size] == encoded
    memory.raw = encoded.ljust(400, b"\0")
    reader = library.sigb_reader_of(c.cast(memory, c.c_char_p), len(encoded))
    value = In(library, c.pointer(reader))
    back = read(value)
    assert back == entry.get("decoded", entry["value"]) and not value.failed
    assert str(back) == str(entry.get("decoded", entry["value"]))  # -0.0, and 1 is no true


@each(MESSAGES["refused_bytes"])
def test_refused_bytes(library: c.CDLL, entry: dict[str, Any]) -> None:
    encoded = bytes.fromhex(entry["bytes"])
    assert not library.sigb_is_item(encoded, len(encoded))


@each(MESSAGES["from_host"])
def test_messages_of_the_host(library: c.CDLL, entry: dict[str, Any]) -> None:
    got: list[Any] = []

    def hear(value: In) -> int:
        got.append(read(value))
        while value.reader.contents.at != value.reader.contents.end:
            got.append(read(value))
        return 0

    def answer(params: In, result: Out) -> int:
        hear(params)
        return 0

    listened = [("a", str(number), hear) for number in range(4)]
    board = BoardBench(library, listened=listened, methods=[("m", answer), (None, answer)])
    board.begin(status=None)
    if entry["message"][0] == 3:
        board.talk([0, 0])
        board.request("s", "m", 0, lambda status, value: got.append([status, read(value)]) or 0)
        board.talk()
    answers = board.talk(bytes.fromhex(entry["bytes"]))
    kind, *rest = entry["message"]
    assert board.counters.ignored == 0
    if kind == 0:
        assert board.board_status == rest[0]
    elif kind == 1:
        assert got == rest[1:]
    elif kind == 2:
        assert got == (rest[2:] if rest[1] == 0 else rest[1:]) and answers == [[3, rest[0], 0, None]]
    elif kind == 3:
        assert got == [rest[1:]]
    else:
        assert board.lost == [tuple(rest)]


REGISTRATIONS = [
    entry
    for entry in MESSAGES["from_board"]
    if entry["message"][0] == 0
    and entry["name"] != "register under a number"  # names are text in this client
    and entry["message"][1] != 5  # and it hears all
]


@each(REGISTRATIONS)
def test_registrations(library: c.CDLL, entry: dict[str, Any]) -> None:
    kind, *names = entry["message"][1:]
    noted: list[bytes] = []

    class Noting(BoardBench):
        def take(self) -> list[Packet]:
            packets = super().take()
            noted.extend(packet.payload for packet in packets if packet.kind == DATA)
            return packets

    how: dict[str, Any] = {
        0: lambda: {"name": names[0], "events": [str(n) for n in range(names[1])]},
        1: lambda: {"events": names},
        2: lambda: {"methods": [(names[0], lambda params, result: 0)]},
        3: lambda: {"listened": [(names[0], names[1], lambda value: 0)]},
    }[kind]()
    Noting(library, **how).begin()
    assert bytes.fromhex(entry["bytes"]) in noted


@each([entry for entry in MESSAGES["from_board"] if entry["message"][0] == 1])
def test_events(library: c.CDLL, entry: dict[str, Any]) -> None:
    board = BoardBench(library, events=["e"])
    board.begin()
    assert board.fire(entry["message"][1], lambda out: write(out, entry["message"][2])) == 0
    board.poll()
    assert [packet.payload.hex() for packet in board.take()] == [entry["bytes"]]


@each([entry for entry in MESSAGES["from_board"] if entry["message"][0] == 3])
def test_answers(library: c.CDLL, entry: dict[str, Any]) -> None:
    _, number, status, value = entry["message"]

    def answer(params: In, result: Out) -> int:
        write(result, value)
        return int(status)

    board = BoardBench(library, methods=[("m", answer)])
    board.begin()
    board.give(Packet(DATA, bytes((0x84, 2, 0x18, number, 0, 0)), 1, board._expected))
    board.poll()
    assert [packet.payload.hex() for packet in board.take()] == [entry["bytes"]]


def test_request(library: c.CDLL) -> None:
    (entry,) = (entry for entry in MESSAGES["from_board"] if entry["name"] == "request")
    board = BoardBench(library)
    board.begin()
    board.request("clock", "now", None, None)
    board.poll()
    assert [packet.payload.hex() for packet in board.take()] == [entry["bytes"]]


@each(MESSAGES["refused_values"])
def test_refused_values(library: c.CDLL, entry: dict[str, Any]) -> None:
    """An integer of more than 32 bits can't even be said in C; a float beyond float32 is infinity there."""
    if isinstance(entry["value"], float):
        assert math.isinf(c.c_float(entry["value"]).value)
        encoded = struct.pack(">Bf", 0xFA, math.inf)
        assert not library.sigb_is_item(encoded, 5)
