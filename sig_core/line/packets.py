"""Packets of the board link (docs/board-protocol.md, section 1): `00 COBS(kind|credit, seq, ack, payload, CRC) 00`."""

from __future__ import annotations

from binascii import crc32, crc_hqx
from collections.abc import Iterator
from typing import Final, NamedTuple

from sig_core.line.cobs import stuff, unstuff

__all__ = [
    "ACK",
    "DAMAGED",
    "DATA",
    "FIN",
    "HELLO",
    "MAX_PAYLOAD",
    "NAK",
    "PART",
    "PING",
    "SYN",
    "SYNACK",
    "TEXT",
    "Packet",
    "PacketReader",
    "seal",
    "wire_size",
]

SYN: Final = 1
SYNACK: Final = 2
DATA: Final = 3
ACK: Final = 4
NAK: Final = 5
PING: Final = 6
HELLO: Final = 7
FIN: Final = 8
PART: Final = 9

TEXT: Final = 16
"""Not a kind of packet: somebody prints on the same line."""
DAMAGED: Final = 17
"""Not a kind of packet: what stood between two delimiters was neither a packet nor text."""

MAX_PAYLOAD: Final = 246  # bytes
HEADER: Final = 3  # bytes
LONGEST: Final = 256  # bytes between delimiters: the longest packet with CRC-32 has 254
RESIDUE: Final = 0x1D0F  # of CRC-16 over a packet and its own CRC, after the final XOR
GREETINGS: Final = (SYN, SYNACK, HELLO)  # these have CRC-16 whatever was agreed on


class Packet(NamedTuple):
    """One packet; or what is none, with `kind` DAMAGED or TEXT and the bytes themselves as `payload`."""

    kind: int
    credit: int
    seq: int
    ack: int
    payload: bytes


def seal(kind: int, credit: int, seq: int, ack: int, payload: bytes = b"", *, long_crc: bool = False) -> bytes:
    """Return a packet as it goes on the wire, delimiters included.

    Args:
        kind: 1 .. 15.
        credit: 0 .. 15.
        seq, ack: 0 .. 255.
        payload: 0 .. 246 bytes.
        long_crc: CRC-32 was agreed on.
    """
    packet = bytes((kind << 4 | credit, seq, ack)) + payload
    if long_crc and kind not in GREETINGS:
        check = crc32(packet).to_bytes(4, "big")
    else:
        check = (crc_hqx(packet, 0xFFFF) ^ 0xFFFF).to_bytes(2, "big")
    return b"\0" + stuff(packet + check) + b"\0"


def wire_size(payload: int) -> int:
    """Return the bytes on the wire of a packet with so many bytes of payload and CRC-16."""
    return payload + HEADER + 2 + 3


class PacketReader:
    """Cuts a stream of bytes, good ones and others, into packets. Holds at most 256 bytes, whatever comes.

    Attributes:
        long_crc: CRC-32 was agreed on.
    """

    def __init__(self) -> None:
        self.long_crc = False
        self._rest = b""
        self._skipping = False  # to the next delimiter: what stands before it was too long, and is dealt with

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take bytes as they came; return what they complete, in order.

        Each packet is opened when it is asked for, since the one before it may be what changes the CRC. Ask for all.
        """
        *chunks, rest = (self._rest + data).split(b"\0")
        self._rest = rest
        for chunk in chunks:
            if self._skipping:
                self._skipping = False
            elif chunk:
                yield self._open(chunk)
        if self._skipping:
            self._rest = b""
        elif len(rest) > LONGEST:
            yield self._shorten(rest)

    def _shorten(self, rest: bytes) -> Packet:
        """Judge what is too long for a packet, before its end has come."""
        cut = len(rest) - 2  # a single byte that is left would be no text
        while cut > 1 and rest[cut] & 0xC0 == 0x80:  # inside a letter
            cut -= 1
        judged = _judge(rest[:cut])
        if judged.kind == TEXT:  # of a program that prints and never sends a packet: it is given as it comes
            self._rest = rest[cut:]
            return judged
        self._skipping, self._rest = True, b""
        return _judge(rest)

    def _open(self, chunk: bytes) -> Packet:
        packet = unstuff(chunk)
        if packet is None or len(packet) < HEADER + 2 or len(chunk) > LONGEST:
            return _judge(chunk)
        kind = packet[0] >> 4
        if self.long_crc and kind not in GREETINGS:
            cut = len(packet) - 4
            whole = cut >= HEADER and crc32(packet[:cut]) == int.from_bytes(packet[cut:], "big")
        else:
            cut = len(packet) - 2
            whole = crc_hqx(packet, 0xFFFF) == RESIDUE
        if not whole or cut - HEADER > MAX_PAYLOAD:
            return _judge(chunk)
        return Packet(kind, packet[0] & 15, packet[1], packet[2], packet[HEADER:cut])


def _judge(chunk: bytes) -> Packet:
    return Packet(TEXT if _is_text(chunk) else DAMAGED, 0, 0, 0, chunk)


def _is_text(chunk: bytes) -> bool:
    if len(chunk) < 2:
        return False
    try:
        text = chunk.decode()
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\n\r\x1b" for letter in text)
