"""Packets and values of the MicroPython client against the vectors."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from sig_core.line.packets import DATA, FIN, HELLO, NAK, SYN, SYNACK, seal
from tests.boards.micropython.by_hand import Hand, board, kinds

FOLDER = Path(__file__).parents[2] / "vectors"
LINK = json.loads((FOLDER / "board_link.json").read_text())
MESSAGES = json.loads((FOLDER / "board_messages.json").read_text())


def vectors(file, name):
    return pytest.mark.parametrize("vector", file[name], ids=lambda vector: vector["name"])


@vectors(LINK, "crc")
def test_crc(vector):
    data = bytes.fromhex(vector["bytes"])
    assert f"{board.crc16(data):04x}" == vector["crc16"]
    assert f"{board.crc32(data):08x}" == vector["crc32"]


@vectors(LINK, "cobs")
def test_cobs(vector):
    raw, encoded = bytes.fromhex(vector["raw"]), bytes.fromhex(vector["encoded"])
    assert board.uncobs(encoded) == raw
    if len(raw) <= 253:
        assert board.cobs(raw) == encoded


@vectors(LINK, "packets")
def test_packets_are_written_to_the_byte(vector):
    rig = Hand(mtu=246, credit=vector["credit"] or 1)
    link = rig.board
    link._crc32, link._rx, link._own_credit = vector["crc32"], vector["ack"], vector["credit"]
    link._send(vector["kind"], vector["seq"], bytes.fromhex(vector["payload"]))
    assert rig.raw().hex() == vector["wire"]


@vectors(LINK, "packets")
def test_packets_are_read(vector):
    got = []
    link = Hand(mtu=246).board
    link._crc32 = vector["crc32"]
    link._packet = lambda *fields: got.append(fields)
    link._feed(bytes.fromhex(vector["wire"]))
    assert got == [(*(vector[name] for name in ("kind", "credit", "seq", "ack")), bytes.fromhex(vector["payload"]))]
    assert link.damaged == 0


@vectors(LINK, "refused")
def test_what_is_no_packet_is_counted(vector):
    rig = Hand(mtu=246)
    rig.connect()
    rig.poll()
    rig.give(bytes.fromhex(vector["wire"]))
    assert kinds(rig.poll())[0] == NAK
    assert rig.board.damaged == 1


@vectors(LINK, "handshakes")
def test_handshakes(vector):
    rig = Hand()
    rig.poll()
    payload, fields = bytes.fromhex(vector["payload"]), vector["fields"]
    rig.give(seal(vector["kind"], 15, 0, 0, payload))
    answer = rig.poll()
    if vector["kind"] != SYN or fields is None:
        assert answer == []
        assert rig.board.ignored == 1
    elif fields["resume"]:
        assert kinds(answer) == [HELLO]
    else:
        assert answer[0].kind == SYNACK
        flags = "02" if fields["crc32"] else "00"
        assert answer[0].payload.hex() == f"01{flags}{payload[2:6].hex()}40020a000002"


@vectors(MESSAGES, "values")
def test_values(vector):
    data = bytes.fromhex(vector["bytes"])
    assert board.pack(vector["value"]) == data
    decoded = vector.get("decoded", vector["value"])
    value, end = board.unpack(data)
    assert (value, end, type(value)) == (decoded, len(data), type(decoded))


@pytest.mark.parametrize("raw", [b"", b"\0\xff" * 20, bytearray(b"ab"), memoryview(b"abc")])
def test_bytes(raw):
    assert board.unpack(board.pack([raw])) == ([bytes(raw)], 1 + len(raw) + (1 if len(raw) < 24 else 2))


@vectors(MESSAGES, "refused_values")
def test_refused_values(vector):
    with pytest.raises(ValueError, match="can't be carried"):
        board.pack(vector["value"])


@vectors(MESSAGES, "refused_bytes")
def test_refused_bytes(vector):
    data = bytes.fromhex(vector["bytes"])
    if vector["name"] == "trailing byte":
        assert board.unpack(data) == (1, 1)
        return
    for before in (b"", b"\x81", b"\xa1\x61k"):
        with pytest.raises(ValueError):
            board.unpack(before + data)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1: 2}, "key of type int, keys must be str"),
        ([{1, 2}], "set can't be carried"),
        (object, "type can't be carried"),
        (math.nan, "nan can't be carried as float32"),
        (-math.inf, "-inf can't be carried as float32"),
        ("\ud800", "surrogates not allowed"),
    ],
    ids=str,
)
def test_other_values_are_refused(value, why):
    with pytest.raises(ValueError, match=why):
        board.pack([1, {"a": value}])


def test_64_deep_is_taken_and_65_is_refused():
    deep = []
    for _ in range(63):
        deep = [deep]
    assert board.unpack(board.pack(deep))[0] == deep
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        board.pack([deep])
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        board.unpack(b"\x81" * 65 + b"\0")
    own = []
    own.append(own)
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        board.pack(own)


@vectors(MESSAGES, "from_board")
def test_messages_from_the_board(vector):
    assert board.pack(vector["message"]).hex() == vector["bytes"]


@vectors(MESSAGES, "from_host")
def test_messages_from_the_host(vector):
    data = bytes.fromhex(vector["bytes"])
    assert board.unpack(data) == (vector["message"], len(data))


@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_the_example_of_the_specification(cut):
    rig = Hand("uno", mtu=48, window=1, message=0, with_crc32=False, events=["#changed"])
    lines = (Path(__file__).parents[3] / "docs" / "board-protocol.md").read_text().split("## 8.")[1].splitlines()
    hello, asked, synack, name, item, answer, event = (
        bytes.fromhex(line[7:].split("   ")[0]) for line in lines if line[4:6] in ("> ", "< ")
    )
    rig.board.poll()
    assert rig.raw() == hello
    packet = seal(SYN, 15, 0, 0, asked)
    rig.give(*(packet[at : at + cut] for at in range(0, len(packet), cut)))
    payloads = [packet.payload for _ in packet for packet in rig.poll()]
    assert payloads == [synack, name]
    rig.acknowledge()
    assert rig.messages == [name, item]
    rig.say(DATA, answer)
    assert rig.board.fire("#changed", 21.5)
    rig.acknowledge()
    assert rig.messages == [name, item, event]
    assert rig.say(FIN) == []
