"""The receiving half of a packet link: puts packets into their order, and says what has come."""

from __future__ import annotations

from typing import Final

from sig_core.datagram.wire import END, NUMBERS, ahead

__all__ = ["Receiving"]

BUDGET: Final = 256 * 1024  # bytes that are kept: out of place, and not read yet
AHEAD: Final = 255  # packets that may be open
ENOUGH: Final = 16  # packets of room that are told at once, after there was less


class Receiving:
    """Collects the packets of a stream.

    Args:
        room: bytes of the stream that one packet holds.

    Attributes:
        ended: the stream is complete.
        wants_ack: the peer is to be told.
        repeated: packets that had come before.
        refused: packets for which there was no room.
    """

    def __init__(self, room: int) -> None:
        self.ended = False
        self.wants_ack = False
        self.repeated = 0
        self.refused = 0
        self._room = room
        self._expected = 0
        self._early: dict[int, tuple[int, bytes]] = {}
        self._ready = bytearray()
        self._told = AHEAD  # packets of room, as the peer was told last

    def take(self, kind: int, number: int, body: bytes) -> None:
        """Take DATA or END."""
        self.wants_ack = True
        place = ahead(number, self._expected)
        if place > NUMBERS // 2 or number in self._early:
            self.repeated += 1
        elif self.ended or place >= self._credit or len(body) > self._room:
            self.refused += 1
        else:
            self._early[number] = kind, body
            self._put_in_order()

    def _put_in_order(self) -> None:
        while self._expected in self._early:
            kind, body = self._early.pop(self._expected)
            self._ready += body
            self._expected = (self._expected + 1) % NUMBERS
            self.ended = kind == END

    @property
    def has_data(self) -> bool:
        """Whether `read` would give something."""
        return bool(self._ready)

    def read(self) -> bytes:
        """Return what is in order."""
        data = bytes(self._ready)
        self._ready.clear()
        if self._told < ENOUGH <= self._credit:
            self.wants_ack = True
        return data

    @property
    def _credit(self) -> int:
        """Packets for which there is room, from the expected one on: what is out of place lies within it."""
        return max(0, min(AHEAD, (BUDGET - len(self._ready)) // self._room))

    def ack(self, map_room: int) -> tuple[int, int, bytes]:
        """Return what to tell the peer: what is expected, room in packets, and a map of up to `map_room` bytes."""
        self.wants_ack = False
        self._told = self._credit
        places = [ahead(number, self._expected) - 1 for number in self._early]
        bits = sum(1 << place for place in places if place < 8 * map_room)
        return self._expected, self._told, bits.to_bytes((bits.bit_length() + 7) // 8, "little")
