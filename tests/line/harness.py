"""Two ends of a line, joined by a channel that does them harm, with a clock that the test turns."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sig_core.clock import NEVER
from sig_core.errors import SigError
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.host import HostLine
from sig_core.line.line import Line
from sig_core.line.packets import DATA, SYN, Packet, PacketReader, seal
from sig_core.line.responder import LineResponder
from sig_core.line.upper_layer import Terms

SID = 0x01020304
VECTORS = Path(__file__).parents[1] / "vectors" / "board_link.json"


def vectors(name: str) -> Any:
    """Read a list of the vectors of the link."""
    return json.loads(VECTORS.read_text(encoding="utf-8"))[name]


class Top:
    """What is above a line: messages to send, and all that was told.

    Args:
        stream: `out` is bytes of a stream, cut as the line likes.
    """

    def __init__(self, *, stream: bool = False) -> None:
        self.out: deque[bytes] = deque()
        self.got: list[bytes] = []
        self.told: list[Any] = []  # "fresh", "again", "away", (error, doubtful)
        self.text: list[str] = []
        self.notes: list[str] = []
        self._stream = stream

    @property
    def has_message(self) -> bool:
        return bool(self.out)

    def next_message(self, room: int) -> bytes | None:
        if not self.out:
            return None
        message = self.out.popleft()
        if self._stream and len(message) > room:
            self.out.appendleft(message[room:])
            return message[:room]
        return message

    def message(self, data: bytes, now: float) -> None:
        self.got.append(data)

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        self.told.append("fresh" if fresh else "again")

    def disconnected(self) -> None:
        self.told.append("away")

    def ended(self, error: SigError, doubtful: int) -> None:
        self.told.append((error, doubtful))

    def printed(self, text: str) -> None:
        self.text.append(text)

    def warned(self, text: str) -> None:
        self.notes.append(text)

    @property
    def ends(self) -> list[tuple[SigError, int]]:
        return [told for told in self.told if isinstance(told, tuple)]


@dataclass(frozen=True)
class Faults:
    """What a channel does to bytes.

    Attributes:
        rate: of bytes that are dropped, flipped, doubled or followed by another one.
        bursts: of sends before which 1 to 200 bytes of garbage come.
        stalls: of sends that are held back by up to 0.5 s.
    """

    rate: float = 0.0
    bursts: float = 0.0
    stalls: float = 0.0


CLEAN = Faults()


class Wire:
    """One direction: bytes in order, with delay, at the speed of the line.

    Attributes:
        deaf: nothing arrives any more.
        edit: a test's own hand in it: gets each send, gives what is to go on.
    """

    def __init__(self, seed: int, faults: Faults = CLEAN, *, bitrate: int | None = None, delay: float = 0.001) -> None:
        self.faults = faults
        self.deaf = False
        self.edit: Callable[[bytes], bytes] = lambda data: data
        self.sent = 0
        self._random = random.Random(seed)
        self._byte = 10 / bitrate if bitrate else 0.0
        self._delay = delay
        self._free = 0.0  # when the last byte has left
        self._flying: deque[tuple[float, bytes]] = deque()

    def send(self, data: bytes, now: float) -> None:
        self.sent += len(data)
        data = self._harm(self.edit(data))
        self._free = max(self._free, now) + len(data) * self._byte
        when = self._free + self._delay
        if self.faults.stalls and self._random.random() < self.faults.stalls:
            when += self._random.random() / 2
        if self._flying:
            when = max(when, self._flying[-1][0])
        if data and not self.deaf:
            self._flying.append((when, data))

    def _harm(self, data: bytes) -> bytes:
        faults, dice = self.faults, self._random
        if faults.rate:
            out = bytearray()
            for byte in data:
                if dice.random() >= faults.rate:
                    out.append(byte)
                    continue
                kind = dice.randrange(4)
                if kind == 1:
                    out.append(byte ^ 1 << dice.randrange(8))
                elif kind == 2:
                    out += bytes((byte, byte))
                elif kind == 3:
                    out += bytes((byte, dice.randrange(256)))
            data = bytes(out)
        if faults.bursts and dice.random() < faults.bursts:
            data = dice.randbytes(dice.randint(1, 200)) + data
        return data

    @property
    def due(self) -> float:
        return self._flying[0][0] if self._flying else NEVER

    def arrived(self, now: float) -> Iterator[bytes]:
        while self._flying and self._flying[0][0] <= now:
            data = self._flying.popleft()[1]
            if not self.deaf:
                yield data

    def cut(self) -> None:
        """Lose what is on its way."""
        self._flying.clear()


class End(Protocol):
    """What is at an end of a channel."""

    @property
    def has_output(self) -> bool: ...
    def receive(self, data: bytes, now: float) -> None: ...
    def take(self, room: int, now: float) -> bytes: ...
    def tick(self, now: float) -> float: ...


class Channel:
    """Two ends and the wires between them. `plugged`: false: nothing is carried, and bytes on their way are lost."""

    def __init__(
        self,
        host: End,
        other: End,
        *,
        seed: int = 0,
        faults: Faults = CLEAN,
        bitrate: int | None = None,
        delay: float = 0.001,
    ) -> None:
        self.now = 0.0
        self.host, self.other = host, other
        self.down = Wire(seed * 2, faults, bitrate=bitrate, delay=delay)  # from the host
        self.up = Wire(seed * 2 + 1, faults, bitrate=bitrate, delay=delay)
        self.plugged = True
        self._due = {id(host): 0.0, id(other): 0.0}
        self._rooms = random.Random(seed)

    def quiet(self) -> None:
        """No faults from now on."""
        self.down.faults = self.up.faults = CLEAN

    def _serve(self, end: End, into: Wire, out: Wire) -> None:
        for data in into.arrived(self.now):
            end.receive(data, self.now)
        self._due[id(end)] = end.tick(self.now)
        while end.has_output:
            data = end.take(self._rooms.choice((1, 300, 4096)), self.now)
            if not data:
                break
            if self.plugged:
                out.send(data, self.now)
        if end.has_output is False:
            self._due[id(end)] = min(self._due[id(end)], end.tick(self.now))

    def step(self, end: float) -> None:
        """Do what comes next, but nothing after `end`."""
        due = min(self.down.due, self.up.due, *self._due.values())
        self.now = max(self.now + 1e-4, min(due, end, self.now + 0.05))  # 0.05: a test may have queued something
        self._serve(self.host, self.up, self.down)
        self._serve(self.other, self.down, self.up)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.step(end)

    def until(self, true: Callable[[], object], most: float = 600.0) -> None:
        """Run until it holds; fail after so many virtual seconds."""
        end = self.now + most
        while not true():
            assert self.now < end, f"not within {most:g} virtual seconds"
            self.step(end)

    def cut(self) -> None:
        """Lose all that is on its way."""
        self.down.cut()
        self.up.cut()


class Sids:
    """Gives 1001, 1002, ..."""

    def __init__(self) -> None:
        self.last = 1000

    def __call__(self) -> int:
        self.last += 1
        return self.last


def host_line(now: float = 0.0, **terms: Any) -> tuple[HostLine, Top]:
    """A host, attached."""
    top = Top()
    line = HostLine(top, Terms(**terms), Sids(), now)
    line.attach(now)
    return line, top


def answer_line(now: float = 0.0, *, stream: bool = True, **terms: Any) -> tuple[LineResponder, Top]:
    top = Top(stream=stream)
    return LineResponder(top, Terms(**terms), now), top


def syn(sid: int = SID, *, resume: bool = False, credit: int = 15, ack: int = 0, **fields: Any) -> bytes:
    """A call of a host."""
    terms = {"mtu": 246, "window": 8, "keepalive": 1.0, "rto": 0.1, "message": 65_535, "long_crc": False, **fields}
    return seal(SYN, credit, 0, ack, Syn(sid=sid, resume=resume, **terms).pack())


def data(seq: int, payload: bytes, *, ack: int = 0, long_crc: bool = False) -> bytes:
    """A packet of a message."""
    return seal(DATA, 15, seq, ack, payload, long_crc=long_crc)


def taken(line: Line, now: float, *, long_crc: bool = False, room: int = 1 << 16) -> list[Packet]:
    """All that a line sends now, opened."""
    out = b""
    while line.has_output:
        data = line.take(room, now)
        if not data:
            break
        out += data
    return opened(out, long_crc=long_crc)


def opened(data: bytes, *, long_crc: bool = False) -> list[Packet]:
    reader = PacketReader()
    reader.long_crc = long_crc
    return list(reader.feed(data))


def kinds(packets: list[Packet]) -> list[int]:
    return [packet.kind for packet in packets]
