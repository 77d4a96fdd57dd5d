"""A board, written from docs/board-protocol.md alone and as plainly as it goes: it shares no code with the host.

It holds the host to the page: what a good host never does stands in `breaches`.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque

from sig_core.clock import NEVER

SYN, SYNACK, DATA, ACK, NAK, PING, HELLO, FIN, PART = range(1, 10)
GREETINGS = (SYN, SYNACK, HELLO)


def crc16(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc ^ 0xFFFF


def stuffed(data: bytes) -> bytes:
    out, block = bytearray(), bytearray()
    for byte in data:
        if byte:
            block.append(byte)
            if len(block) == 254:
                out += b"\xff" + block
                block.clear()
                full = True
                continue
        else:
            out.append(len(block) + 1)
            out += block
            block.clear()
        full = False
    if not data or block or not full:
        out.append(len(block) + 1)
        out += block
    return bytes(out)


def unstuffed(data: bytes) -> bytes | None:
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        if at + code > len(data):
            return None
        out += data[at + 1 : at + code]
        at += code
        if code != 255 and at < len(data):
            out.append(0)
    return bytes(out)


class StrictBoard:
    """The board's end, to be driven as a `Line` is.

    Attributes:
        got, out: messages that came in this session, and that are to be sent.
        credit: what it tells the host.
        refuse: when true, it has no memory: an expected packet is dropped, and NAK sent when `refuse` is false again.
        breaches: what the host did wrong.
        lives: sids of the sessions that were begun.
    """

    def __init__(
        self,
        *,
        mtu: int = 48,
        window: int = 1,
        message: int = 0,
        credit: int = 8,
        long_crc: bool = False,
        dialect: int = 0,
        silent: bool = False,
    ) -> None:
        self.mtu, self.window, self.message, self.credit = mtu, window, message, credit
        self.dialect = dialect
        self.refuse = False
        self.breaches: list[str] = []
        self.lives: list[int] = []
        self.damaged = self.resent = self.doubled = 0
        self._can_crc32 = long_crc
        self._wire = bytearray()
        self._skip = False
        self.reset(0.0, say_hello=not silent)

    def reset(self, now: float, *, say_hello: bool = True) -> None:
        """What a reset button does."""
        self.sid = 0
        self.connected = False
        self.text = b""
        self.got: list[bytes] = []
        self.out: deque[bytes] = deque()
        self._in = bytearray()
        self._long = False
        self._hello_at = now if say_hello else now + 1.0
        self._forget()

    def _forget(self) -> None:
        self._open: list[tuple[int, bytes]] = []
        self._first = self._next = 0  # seq of the first open one; packets of them sent
        self._ever = 0
        self._expected = 0
        self._parts = b""
        self._cut: list[tuple[int, bytes]] = []
        self._tries = 0
        self._sent_at = NEVER
        self._heard = 0.0
        self._ack = self._nak = self._synack = self._ping = False
        self._naks = 0  # since a packet was ahead, until the expected one comes
        self._rto = self._wait = 0.1
        self._keepalive = 1.0
        self._host_credit = self._host_window = 0
        self._host_mtu, self._host_message = 246, 0
        self._spoke = 0.0
        self._owes_nak = False

    # -- in

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            if byte:
                self._in.append(byte)
                if len(self._in) > 300:
                    del self._in[:-300]
            elif self._in:
                chunk, self._in = bytes(self._in), bytearray()
                self._candidate(chunk, now)

    def _candidate(self, chunk: bytes, now: float) -> None:
        packet = unstuffed(chunk) if len(chunk) < 300 else None
        if packet is None or len(packet) < 5 or not self._whole(packet):
            self.damaged += 1
            self._nak = self.connected
            return
        size = 4 if self._long and packet[0] >> 4 not in GREETINGS else 2
        self._packet(packet[0] >> 4, packet[0] & 15, packet[1], packet[2], packet[3:-size], now)

    def _whole(self, packet: bytes) -> bool:
        if self._long and packet[0] >> 4 not in GREETINGS:
            return len(packet) >= 7 and zlib.crc32(packet[:-4]) == int.from_bytes(packet[-4:], "big")
        return crc16(packet[:-2]) == int.from_bytes(packet[-2:], "big")

    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        if kind == SYN:
            self._syn(credit, ack, payload, now)
        elif kind == FIN:
            self.sid, self.connected = 0, False
            self._hello_at = now + 1.0
        elif not self.connected:
            self._hello_at = now
        elif kind in (DATA, PART, ACK, NAK, PING):
            self._heard = now
            self._note(credit, ack, now)
            if kind == NAK:
                self._back()
                self._ack = True
                if 0 < self._naks < 4:
                    self._naks, self._nak = self._naks + 1, True
            elif kind == PING:
                self._ack = True
            elif kind != ACK:
                self._data(kind, seq, payload, now)
        else:
            self.breaches.append(f"a host does not send kind {kind}")

    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        version, flags, sid, mtu, window, keepalive, rto, message = struct.unpack("<BBIBBBBH", payload[:12])
        if version != 1 or (flags & 1 and sid != self.sid):
            self._hello_at = now
            return
        if not (sid and 16 <= mtu <= 246 and 1 <= window <= 8 and keepalive and rto):
            self.breaches.append(f"SYN {payload.hex()}")
        if sid != self.sid:
            if sid in self.lives:
                self.breaches.append(f"session {sid} a second time")
            self.lives.append(sid)
            self._forget()
            self.sid = sid
            self.got.clear()
        self._keepalive, self._rto, self._wait = keepalive / 10, rto / 100, rto / 100
        self._host_mtu, self._host_window, self._host_message = mtu, window, message
        self._long = self._can_crc32 and bool(flags & 2)
        self.connected, self._heard = True, now
        self._synack = True
        self._note(credit, ack, now)
        self._back()

    def _note(self, credit: int, ack: int, now: float) -> None:
        closed = (ack - self._first) % 256
        if 0 < closed <= self._ever:
            del self._open[:closed]
            self._first = ack
            self._next, self._ever = max(0, self._next - closed), self._ever - closed
            self._tries, self._wait, self._sent_at = 0, self._rto, now
        elif closed:
            self.breaches.append(f"ack {ack}, open are {self._ever} from {self._first}")
        self._host_credit = credit

    def _data(self, kind: int, seq: int, payload: bytes, now: float) -> None:
        if len(payload) > self.mtu:
            self.breaches.append(f"{len(payload)} bytes of payload, {self.mtu} are taken")
        ahead = (seq - self._expected) % 256
        if ahead >= 128:
            self.doubled += 1
            self._ack = True
        elif ahead:
            if ahead > min(self.window, 15):
                self.breaches.append(f"seq {seq}, expected is {self._expected}, window {self.window}")
            self._nak = self._nak or not self._naks
            self._naks = max(1, self._naks)
        elif self.refuse:
            self._owes_nak = True
        else:
            self._expected = (self._expected + 1) % 256
            self._naks, self._nak, self._ack = 0, False, True
            self._parts += payload
            if kind == PART and not self.message:
                self.breaches.append("a part for a board that takes none")
            if kind == DATA:
                if len(self._parts) > max(self.mtu, self.message):
                    self.breaches.append(f"a message of {len(self._parts)} bytes")
                self.got.append(self._parts)
                self._parts = b""

    def _back(self) -> None:
        self.resent += bool(self._next)
        self._next = 0

    # -- out

    @property
    def has_output(self) -> bool:
        if self._hello_at == -NEVER or self._synack or self._ack or self._nak or self._ping:
            return True
        return self.connected and self._may_send

    @property
    def _room(self) -> int:
        return min(self.window, self._host_window, self._host_credit)

    @property
    def _may_send(self) -> bool:
        return self._next < self._room and (self._next < len(self._open) or bool(self._cut or self.out))

    def take(self, room: int, now: float) -> bytes:
        out = b""
        if self._synack:
            self._synack = False
            flags, keepalive = 2 if self._long else 0, round(self._keepalive * 10)
            fields = (1, flags, self.sid, self.mtu, self.window, keepalive, self.dialect, self.message)
            return self._seal(SYNACK, 0, struct.pack("<BBIBBBBH", *fields), now)
        if not self.connected:
            self._ack = self._nak = self._ping = False
            if self._hello_at == -NEVER:
                self._hello_at = now + 1.0
                return self._seal(HELLO, 0, struct.pack("<BI", 1, self.sid), now)
            return b""
        self._hello_at = NEVER
        if self._nak:
            self._nak = False
            out += self._seal(NAK, 0, b"", now)
        while self._may_send and len(out) < room:
            if self._next == len(self._open):
                self._pull()
            kind, payload = self._open[self._next]
            if not self._next:
                self._sent_at = now
            out += self._seal(kind, (self._first + self._next) % 256, payload, now)
            self._next += 1
            self._ever = max(self._ever, self._next)
        if self._ping:
            out += self._seal(PING, 0, b"", now)
        elif self._ack:
            out += self._seal(ACK, 0, b"", now)
        self._ping = self._ack = False
        return out

    def _pull(self) -> None:
        if not self._cut:
            message, most = self.out.popleft(), min(self.mtu, self._host_mtu)
            pieces = [message[at : at + most] for at in range(0, max(1, len(message)), most)]
            self._cut = [(PART, piece) for piece in pieces[:-1]] + [(DATA, pieces[-1])]
        self._open.append(self._cut.pop(0))

    def _seal(self, kind: int, seq: int, payload: bytes, now: float) -> bytes:
        self._ack, self._spoke = False, now
        packet = bytes((kind << 4 | self.credit, seq, self._expected)) + payload
        if self._long and kind not in GREETINGS:
            packet += zlib.crc32(packet).to_bytes(4, "big")
        else:
            packet += crc16(packet).to_bytes(2, "big")
        return b"\0" + stuffed(packet) + b"\0"

    # -- time

    def tick(self, now: float) -> float:
        if not self.connected:
            if now >= self._hello_at:
                self._hello_at = -NEVER
            return now if self._hello_at == -NEVER else self._hello_at
        if self._owes_nak and not self.refuse:
            self._owes_nak, self._nak = False, True
        if now - self._heard >= 3 * self._keepalive:
            self._away(now)
            return now
        due = self._heard + 3 * self._keepalive
        if not self._host_credit and (self._open or self._cut or self.out):
            if now - self._spoke >= self._rto:
                self._ping, self._spoke = True, now
            return min(due, self._spoke + self._rto)
        if self._ever:
            if now - self._sent_at >= self._wait:
                self._tries += 1
                if self._tries > 12:
                    self._away(now)
                    return now
                self._wait = max(self._rto, min(1.0, 2 * self._wait))
                self._sent_at = now
                self._back()
            due = min(due, self._sent_at + self._wait)
        return due

    def _away(self, now: float) -> None:
        self.connected = False
        self._hello_at = now
        self._tries = 0

    @property
    def idle(self) -> bool:
        """Nothing is to be sent or acknowledged."""
        return not (self._open or self._cut or self.out)
