"""The packets of the link, written down once more: the tests of the client trust no other implementation."""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

__all__ = [
    "ACK", "DATA", "FIN", "HELLO", "NAK", "PART", "PING", "SYN", "SYNACK",
    "Packet", "decode", "encode", "hello", "syn", "synack", "unstuff",
]  # fmt: skip

SYN, SYNACK, DATA, ACK, NAK, PING, HELLO, FIN, PART = range(1, 10)


@dataclass(frozen=True)
class Packet:
    """What is between the delimiters."""

    kind: int
    payload: bytes = b""
    seq: int = 0
    ack: int = 0
    credit: int = 15

    def wire(self, long_crc: bool = False) -> bytes:
        """All that goes over the line, both delimiters with it; `long_crc`: CRC-32 was agreed on."""
        head = bytes((self.kind << 4 | self.credit, self.seq % 256, self.ack % 256))
        return encode(with_crc(head + self.payload, long_crc))


def with_crc(raw: bytes, long_crc: bool) -> bytes:
    if long_crc and raw[0] >> 4 not in (SYN, SYNACK, HELLO):
        return raw + struct.pack(">I", binascii.crc32(raw))
    return raw + struct.pack(">H", binascii.crc_hqx(raw, 0xFFFF) ^ 0xFFFF)


def encode(raw: bytes) -> bytes:
    """COBS with delimiters, of any bytes."""
    out = bytearray(b"\0")
    for block in raw.split(b"\0"):
        while len(block) >= 254:
            out += b"\xff" + block[:254]
            block = block[254:]
        out += bytes((len(block) + 1,)) + block
    return bytes(out) + b"\0"


def unstuff(data: bytes) -> bytes:
    """The bytes that COBS stands for."""
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        assert at + code <= len(data), data.hex()
        out += data[at + 1 : at + code]
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def decode(data: bytes, long_crc: bool = False) -> list[Packet]:
    """The packets of whole candidates; anything that is none is an error."""
    assert data == b"" or (data[0], data[-1]) == (0, 0), data.hex()
    packets = []
    for candidate in data.split(b"\0"):
        if candidate:
            raw = unstuff(candidate)
            end = -4 if with_crc(raw[:-4], long_crc) == raw else -2
            assert with_crc(raw[:end], long_crc) == raw, raw.hex()
            packets.append(Packet(raw[0] >> 4, raw[3:end], raw[1], raw[2], raw[0] & 15))
    return packets


def syn(
    sid: int = 0x01020304, *, version: int = 1, resume: bool = False, long_crc: bool = False, mtu: int = 246,
    window: int = 8, keepalive: int = 10, rto: int = 10, message: int = 4096, ack: int = 0, credit: int = 15,
) -> Packet:  # fmt: skip
    """The host's SYN; keepalive and rto as they are on the line."""
    payload = struct.pack("<BBIBBBBH", version, resume | long_crc << 1, sid, mtu, window, keepalive, rto, message)
    return Packet(SYN, payload, ack=ack, credit=credit)


def synack(packet: Packet) -> dict[str, int]:
    """The fields of a SYNACK."""
    assert packet.kind == SYNACK
    names = ("version", "flags", "sid", "mtu", "window", "keepalive", "dialect", "message")
    return dict(zip(names, struct.unpack("<BBIBBBBH", packet.payload), strict=True))


def hello(packet: Packet) -> int:
    """The sid of a HELLO."""
    assert packet.kind == HELLO
    version, sid = struct.unpack("<BI", packet.payload)
    assert version == 1
    return int(sid)
