"""A link, or a whole board, on a line and a clock of the test's."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable

from tests.boards.c.library import DELIVER, MILLIS, READ, RENEWED, WRITE, Counters, Io, Memory
from tests.boards.c.packets import ACK, DATA, Packet, decode, syn, synack

__all__ = ["Line", "LinkBench", "ack", "data"]


class Line:
    """What a board reads, writes and takes for the time.

    Attributes:
        to_board: bytes that it has not read yet.
        from_board: bytes that it has written and `LinkBench.take` has not taken.
        now: milliseconds, of any size: the board sees 16 bits.
        room: bytes that may still be written; a call takes at most `at_once` of them.
    """

    def __init__(self) -> None:
        self.to_board, self.from_board = bytearray(), bytearray()
        self.now, self.room, self.at_once = 0, 1 << 30, 1 << 30
        self.io = Io(READ(self._read), WRITE(self._write), MILLIS(lambda user: self.now % 65536), None)

    def _read(self, user: int, to: object, size: int) -> int:
        part = bytes(self.to_board[:size])
        c.memmove(to, part, len(part))
        del self.to_board[: len(part)]
        return len(part)

    def _write(self, user: int, data: object, size: int) -> int:
        size = min(size, self.room, self.at_once)
        self.from_board += c.string_at(data, size)
        self.room -= size
        return size


class LinkBench:
    """A link alone, and the host's side by hand.

    Attributes:
        messages: what it delivered.
        accepts: what its `deliver` answers.
        long_crc: both have agreed on CRC-32.
        sessions: how often it said that the session is another one.
    """

    def __init__(self, library: c.CDLL, *, window: int = 2, mtu: int = 48, credit: int = 1, message: int = 200) -> None:
        self.library, self.line = library, Line()
        self.messages: list[bytes] = []
        self.accepts: Callable[[bytes], bool] = lambda message: True
        self.sessions = 0
        self.long_crc = False
        self._keep = (DELIVER(self._deliver), RENEWED(self._renewed))
        self._bytes = c.create_string_buffer(library.shim_memory_size(window, mtu, message))
        self.memory = Memory(c.addressof(self._bytes), len(self._bytes), window, mtu, credit, message)
        self.link = c.create_string_buffer(library.shim_board_size())
        self.status = self._init()

    def _init(self) -> int:
        status = self.library.sigb_link_init(self.link, self.line.io, self.memory)
        self.library.shim_listen(self.link, *self._keep)
        return int(status)

    def _deliver(self, link: int, data: object, size: int) -> bool:
        message = c.string_at(data, size)
        accepted = self.accepts(message)
        if accepted:
            self.messages.append(message)
        return accepted

    def _renewed(self, link: int) -> None:
        self.sessions += 1

    @property
    def connected(self) -> bool:
        return bool(self.library.shim_connected(self.link))

    @property
    def counters(self) -> Counters:
        return self.library.shim_counters(self.link).contents

    @property
    def open(self) -> int:
        return int(self.library.sigb_link_open(self.link))

    def poll(self, ms: int = 0) -> None:
        """Let time go by, then poll."""
        self.line.now += ms
        self.library.sigb_link_poll(self.link)

    def give(self, *packets: Packet) -> None:
        for packet in packets:
            self.line.to_board += packet.wire(self.long_crc)

    def take(self) -> list[Packet]:
        """The packets that came since the last time."""
        packets = decode(bytes(self.line.from_board), self.long_crc)
        self.line.from_board.clear()
        return packets

    def ask(self, *packets: Packet, ms: int = 0) -> list[Packet]:
        """Give these, let time go by, poll, and take what comes."""
        self.give(*packets)
        self.poll(ms)
        return self.take()

    def connect(self, *, ack: int = 0, **fields: int) -> Packet:
        """Begin a session; the SYNACK."""
        (answer,) = self.ask(syn(ack=ack, **fields))
        self.long_crc = bool(synack(answer)["flags"] & 2)
        return answer

    def send(self, message: bytes) -> bool:
        """Commit a message if there is memory."""
        room = c.c_uint16()
        at = self.library.sigb_link_begin(self.link, room)
        if at is None:
            return False
        assert len(message) <= room.value
        c.memmove(at, message, len(message))
        self.library.sigb_link_commit(self.link, len(message))
        return True

    def room(self) -> int | None:
        """The bytes that the next message may have; None: no memory now."""
        room = c.c_uint16()
        return None if self.library.sigb_link_begin(self.link, room) is None else room.value


def data(message: bytes, seq: int, ack: int = 0, credit: int = 15) -> Packet:
    return Packet(DATA, message, seq, ack, credit)


def ack(number: int, credit: int = 15) -> Packet:
    return Packet(ACK, ack=number, credit=credit)
