"""Packets: the vectors, and any bytes in any cutting."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.line.cobs import stuff
from sig_core.line.packets import (
    ACK,
    DAMAGED,
    DATA,
    HELLO,
    MAX_PAYLOAD,
    PART,
    SYN,
    SYNACK,
    TEXT,
    Packet,
    PacketReader,
    seal,
    wire_size,
)
from tests.line.harness import vectors
from tests.support.strict_board import crc16

LAW = settings(derandomize=True, deadline=None, max_examples=300)

PAYLOADS = st.binary(max_size=MAX_PAYLOAD)
PACKETS = st.builds(Packet, st.integers(1, 15), st.integers(0, 15), st.integers(0, 255), st.integers(0, 255), PAYLOADS)


def wire(packet: Packet, *, long_crc: bool = False) -> bytes:
    return seal(packet.kind, packet.credit, packet.seq, packet.ack, packet.payload, long_crc=long_crc)


def fed(pieces: list[bytes], *, long_crc: bool = False) -> list[Packet]:
    reader = PacketReader()
    reader.long_crc = long_crc
    found = []
    for piece in pieces:
        found += list(reader.feed(piece))
        assert len(reader._rest) <= 256
    return found


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def one(chunk: bytes) -> Packet:
    (found,) = fed([b"\0" + chunk + b"\0"])
    return found


# -- vectors


@pytest.mark.parametrize("entry", vectors("crc"), ids=lambda entry: entry["name"])
def test_crc_vectors(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["bytes"])
    assert f"{crc16(data):04x}" == entry["crc16"]
    assert f"{zlib.crc32(data):08x}" == entry["crc32"]


@pytest.mark.parametrize("entry", vectors("packets"), ids=lambda entry: entry["name"])
def test_packet_vectors(entry: dict[str, Any]) -> None:
    packet = Packet(entry["kind"], entry["credit"], entry["seq"], entry["ack"], bytes.fromhex(entry["payload"]))
    data = bytes.fromhex(entry["wire"])
    assert wire(packet, long_crc=entry["crc32"]) == data
    assert data == b"\0" + stuff(bytes.fromhex(entry["raw"])) + b"\0"
    assert fed([data], long_crc=entry["crc32"]) == [packet]


@pytest.mark.parametrize("entry", vectors("refused"), ids=lambda entry: entry["name"])
def test_refused_vectors(entry: dict[str, Any]) -> None:
    (found,) = fed([bytes.fromhex(entry["wire"])])
    assert found.kind == DAMAGED


# -- laws


@LAW
@given(st.lists(PACKETS, min_size=1, max_size=6), st.lists(st.integers(0, 5000), max_size=8), st.booleans())
def test_any_cutting_gives_the_same_packets(packets: list[Packet], cuts: list[int], long_crc: bool) -> None:
    data = b"".join(wire(packet, long_crc=long_crc) for packet in packets)
    assert fed([data], long_crc=long_crc) == packets
    assert fed(pieces_of(data, cuts), long_crc=long_crc) == packets
    assert fed([data[at : at + 1] for at in range(len(data))], long_crc=long_crc) == packets


@LAW
@given(st.binary(max_size=2000), st.lists(st.integers(0, 5000), max_size=8), st.booleans(), PACKETS)
def test_any_bytes_do_no_harm_to_what_follows(noise: bytes, cuts: list[int], long_crc: bool, packet: Packet) -> None:
    found = fed([*pieces_of(noise, cuts), wire(packet, long_crc=long_crc)], long_crc=long_crc)
    assert found[-1] == packet


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_every_kind_in_any_cutting(seed: int) -> None:
    dice = random.Random(seed)
    alphabet = [b"\0", b"\1\2", b"text ", "é€𝄞".encode(), b"x" * 300, b"\xff" * 300, bytes(range(1, 256))]
    data = b"".join(dice.choice([*alphabet, dice.randbytes(20)]) for _ in range(60))
    assert all(packet.kind in (DAMAGED, TEXT) for packet in fed(pieces_of(data, [dice.randrange(9999)] * 9)))
    at = 0
    while at < len(data):
        size = dice.randint(1, 40)
        fed([data[at : at + size]])
        at += size


def test_an_endless_stream_without_a_zero_needs_no_memory() -> None:
    reader = PacketReader()
    piece = b"\xaa" * 4096
    tracemalloc.start()
    try:
        found = [packet for _ in range(500) for packet in reader.feed(piece)]
        assert tracemalloc.get_traced_memory()[0] < 64_000
    finally:
        tracemalloc.stop()
    assert [packet.kind for packet in found] == [DAMAGED]
    # The packet that ends it is swallowed; the zero before the next one is where it goes on.
    assert list(reader.feed(b"\0" + seal(ACK, 1, 0, 0)))[-1].kind == ACK


def test_greetings_have_the_short_crc_whatever_was_agreed_on() -> None:
    for kind in (SYN, SYNACK, HELLO):
        assert seal(kind, 1, 0, 0, b"x", long_crc=True) == seal(kind, 1, 0, 0, b"x")
        assert fed([seal(kind, 1, 0, 0, b"x")], long_crc=True)[0].kind == kind
    assert fed([seal(DATA, 1, 0, 0, b"\x83\x01")], long_crc=True)[0].kind == DAMAGED
    assert fed([seal(DATA, 1, 0, 0, b"\x83\x01", long_crc=True)])[0].kind == DAMAGED


def test_the_crc_may_change_between_two_packets_that_came_together() -> None:
    reader = PacketReader()
    found = []
    for packet in reader.feed(seal(SYNACK, 1, 0, 0) + seal(DATA, 1, 0, 0, b"x", long_crc=True)):
        found.append(packet.kind)
        reader.long_crc = True
    assert found == [SYNACK, DATA]


@pytest.mark.parametrize("size", [0, 1, 245, 246])
def test_the_size_on_the_wire(size: int) -> None:
    for payload in (bytes(size), b"\1" * size, b"\xff" * size):
        assert len(seal(DATA, 15, 1, 1, payload)) <= wire_size(size)
        assert fed([seal(PART, 15, 1, 1, payload, long_crc=True)], long_crc=True)[0].payload == payload


def test_a_packet_of_247_bytes_is_none() -> None:
    assert fed([seal(DATA, 15, 1, 1, b"\1" * 247)])[0].kind == DAMAGED
    assert fed([seal(DATA, 15, 1, 1, b"\1" * 247, long_crc=True)], long_crc=True)[0].kind == DAMAGED


def test_kind_0_is_another_kind_and_not_damage() -> None:
    (found,) = fed([seal(0, 15, 1, 1, b"abc")])
    assert found.kind not in (DAMAGED, TEXT)


@pytest.mark.parametrize("flip", range(8 * 9))
def test_no_single_flipped_bit_passes(flip: int) -> None:
    data = bytearray(seal(DATA, 15, 7, 3, b"\x83\x01\x00"))
    data[1 + flip // 8] ^= 1 << flip % 8
    assert DATA not in [packet.kind for packet in fed([bytes(data)]) if packet.payload == b"\x83\x01\x00"]


# -- text


@pytest.mark.parametrize("text", ["hello", "temp: 21.5 °C\r\n", "ab", "\tx\n", "日本"])
def test_text_between_packets(text: str) -> None:
    assert one(text.encode()) == Packet(TEXT, 0, 0, 0, text.encode())


@pytest.mark.parametrize("chunk", [b"\xff\xfe", b"a", b"ab\x01", "é".encode()[:1] + b"aa", b"ab\x7f"])
def test_what_is_no_text(chunk: bytes) -> None:
    assert one(chunk).kind == DAMAGED


@pytest.mark.parametrize("size", [2, 3, 64, 85, 128, 129, 255, 256, 257, 258, 259, 1000])
@pytest.mark.parametrize("letter", ["x", "é", "€", "𝄞"])
def test_long_text_is_text_wherever_it_is_cut(size: int, letter: str) -> None:
    text = (letter * size).encode()
    data = b"\0" + text + b"\0"
    for piece in (1, 2, 3, 7, 100, 10_000):
        found = fed([data[at : at + piece] for at in range(0, len(data), piece)])
        assert {packet.kind for packet in found} == {TEXT}
        assert b"".join(packet.payload for packet in found) == text


def test_a_program_that_only_prints_is_heard_while_it_prints() -> None:
    reader = PacketReader()
    found = b"".join(packet.payload for _ in range(100) for packet in reader.feed(b"reading 1 2 3\r\n"))
    assert len(found) > 1000
