"""A board of sigboard.py with a clock that is set by hand, and a host that says what the test tells it, and no more."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path
from types import ModuleType

from sig_core.line.packets import ACK, DATA, PART, SYN, SYNACK, PacketReader, seal

FOLDER = Path(__file__).parents[3] / "boards" / "micropython"
PERIOD = 1 << 20  # ms until the clock wraps
RESUME, CRC32 = 1, 2


def load(name: str) -> ModuleType:
    """Give a module of boards/micropython, as a board would import it."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


board = load("sigboard")


def syn(sid=1, *, version=1, flags=0, mtu=246, window=8, keepalive=10, rto=10, message=4096):
    """Give the payload of SYN: keep-alive 1 s and rto 100 ms, unless told."""
    return struct.pack("<BBIBBBBH", version, flags, sid, mtu, window, keepalive, rto, message)


class Hand:
    """The board, and the host's end of its line.

    Attributes:
        messages: that came from the board, whole and in order.
        took: what `write` takes at once; None: everything.
    """

    def __init__(self, name="mp", **options):
        self.now = PERIOD - 700
        self.took = None
        self.errors = []
        self.messages = []
        self._reader = PacketReader()
        self._incoming = []
        self._sent = []
        self._start()
        self.board = board.Board(
            name,
            lambda: self._incoming.pop(0) if self._incoming else None,
            self._write,
            ticks_ms=lambda: self.now,
            ticks_diff=lambda new, old: (new - old + PERIOD // 2) % PERIOD - PERIOD // 2,
            errors=self.errors.append,
            **options,
        )

    def _start(self):
        self.seq = self.ack = 0
        self._parts = b""

    def _write(self, data):
        assert type(data) is bytes
        data = data if self.took is None else data[: self.took]
        self._sent.append(data)
        return None if self.took is None else len(data)

    def give(self, *pieces):
        """Put bytes on the line to the board."""
        self._incoming += pieces

    def raw(self):
        """Take the bytes that the board has written."""
        sent, self._sent = b"".join(self._sent), []
        return sent

    def poll(self, ms=0):
        """Let time go by, poll, and give the packets that the board has written."""
        self.now = (self.now + ms) % PERIOD
        self.board.poll()
        packets = list(self._reader.feed(self.raw()))
        for packet in packets:
            if packet.kind in (DATA, PART) and packet.seq == self.ack:
                self.ack = (self.ack + 1) % 256
                self._parts += packet.payload
                if packet.kind == DATA:
                    self.messages.append(self._parts)
                    self._parts = b""
        return packets

    def say(self, kind, payload=b"", *, seq=None, ack=None, credit=15, ms=0):
        """Send a packet, DATA and PART with the next number, and poll."""
        if kind in (DATA, PART) and seq is None:
            seq, self.seq = self.seq, (self.seq + 1) % 256
        ack = self.ack if ack is None else ack
        self.give(seal(kind, credit, seq or 0, ack, payload, long_crc=self._reader.long_crc))
        return self.poll(ms)

    def acknowledge(self):
        """Send ACK until the board has nothing more to say."""
        while any(packet.kind in (DATA, PART) for packet in self.say(ACK)):
            pass

    def connect(self, *, long_crc=False, credit=15, **terms):
        """Open a session; give the SYNACK."""
        self.poll()
        self._start()
        self.messages = []
        self._reader.long_crc = False
        self.give(seal(SYN, credit, 0, 0, syn(flags=CRC32 if long_crc else 0, **terms)))
        self._reader.long_crc = long_crc
        answer = self.poll()[0]
        assert answer.kind == SYNACK
        return answer

    def register(self, **terms):
        """Open a session, take the registration, and let the board in; give the items."""
        self.connect(**terms)
        self.acknowledge()
        items, self.messages = self.messages, []
        self.tell([0, 0])
        self.acknowledge()
        return [board.unpack(item)[0] for item in items]

    def tell(self, message):
        """Send a message of the dialect in one packet, and poll."""
        return self.say(DATA, board.pack(message))

    def said(self):
        """Take the messages that came from the board, read."""
        self.acknowledge()
        messages, self.messages = self.messages, []
        return [board.unpack(message)[0] for message in messages]


def kinds(packets):
    """Give the kinds of packets, for comparing."""
    return [packet.kind for packet in packets]
