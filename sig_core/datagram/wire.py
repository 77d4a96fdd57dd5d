"""Packets of a packet link (docs/packet-protocol.md, section 1)."""

from __future__ import annotations

from typing import Final, NamedTuple
from zlib import crc32

__all__ = [
    *("ACK", "DATA", "END", "LEAST", "NUMBERS", "OPEN", "VERSION"),
    *("Datagram", "Wire", "ahead", "opening", "tag_of"),
]

OPEN: Final = 0
DATA: Final = 1
ACK: Final = 2
END: Final = 3

VERSION: Final = 1
NUMBERS: Final = 1 << 16  # of packets, before they begin anew
LEAST: Final = 8  # bytes that a packet must carry
CHECKED: Final = 32  # bytes from which on packets end with a CRC-32
HEADS: Final = {OPEN: 6, DATA: 4, ACK: 4, END: 3}  # bytes of the shortest packet of each kind


class Datagram(NamedTuple):
    """One packet: what its first byte says, and what is after it."""

    kind: int
    tag: int
    rest: bytes

    @property
    def number(self) -> int:
        """The `seq` of DATA and END, the `next` of ACK."""
        return int.from_bytes(self.rest[:2], "little")

    @property
    def epoch(self) -> int:
        """Of OPEN."""
        return int.from_bytes(self.rest[:4], "little")

    @property
    def version(self) -> int:
        """Of OPEN."""
        return self.rest[4]


class Wire:
    """Writes and reads packets of a medium.

    Args:
        mtu: bytes that it carries in one.

    Attributes:
        room: bytes of the stream that one DATA holds.
        damaged: packets that were none.
    """

    def __init__(self, mtu: int) -> None:
        self._check = 4 if mtu >= CHECKED else 0
        self.room = mtu - self._check - 3
        self.map_room = min(32, mtu - self._check - 4)
        self.damaged = 0

    def seal(self, kind: int, tag: int, rest: bytes) -> bytes:
        """Return a packet as it goes out."""
        packet = bytes((kind << 6 | tag,)) + rest
        return packet + crc32(packet).to_bytes(4, "little") if self._check else packet

    def open(self, data: bytes) -> Datagram | None:
        """Return a packet that came; None, and counted: it is none."""
        packet = data
        if self._check:
            packet, check = data[:-4], data[-4:]
            if crc32(packet).to_bytes(4, "little") != check:
                packet = b""
        if packet and len(packet) >= HEADS[packet[0] >> 6]:
            return Datagram(packet[0] >> 6, packet[0] & 63, packet[1:])
        self.damaged += 1
        return None


def ahead(number: int, base: int) -> int:
    """Return how many numbers `number` lies ahead of `base`."""
    return (number - base) % NUMBERS


def tag_of(epoch: int) -> int:
    """Return the tag of the packets of a link."""
    return epoch & 63


def opening(wire: Wire, tag: int, epoch: int) -> bytes:
    """Return OPEN with one of its own tags: 0 asks, 1 agrees, 2 knows no such link, 3 knows no such version, 4 wants a
    proof."""
    return wire.seal(OPEN, tag, epoch.to_bytes(4, "little") + bytes((VERSION,)))
