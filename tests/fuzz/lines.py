"""What can come on a line, from a board and from a host, what a board can say, and packets of a datagram link."""

from __future__ import annotations

import itertools
from typing import Any

from sig_core.datagram.receiving import AHEAD
from sig_core.datagram.stream import AGREED, ASKED, PacketStream, Phase
from sig_core.datagram.wire import ACK as DATAGRAM_ACK
from sig_core.datagram.wire import DATA as DATAGRAM_DATA
from sig_core.datagram.wire import END, OPEN, Wire, tag_of
from sig_core.errors import LinkLost, SigError
from sig_core.line.cobs import stuff, unstuff
from sig_core.line.handshake import BINARY, BOARD, LineHello, Syn, SynAck
from sig_core.line.packets import ACK, DATA, FIN, HELLO, MAX_PAYLOAD, NAK, PART, PING, SYN, SYNACK, PacketReader, seal
from sig_core.line.responder import LineResponder
from sig_core.line.upper_layer import Terms
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BoardSession
from sig_core.session.line.line_session import LineSession
from sig_core.session.line.station import Station
from sig_core.session.line.stations import Stations
from sig_core.session.line.stream_on_line import StreamOnLine
from tests.fuzz.cutting import as_parts, choose, parts_of, pieces
from tests.fuzz.peers import TIGHT, bounded
from tests.support.sessions import EVERYTHING, PLUGINS, Net

__all__ = ["SEEDS", "board", "board_line", "bytes_of_a_line", "datagram", "host_line"]

CODEC = PLUGINS.codecs.get("cbor-board")
SID = 1001
STEP = 0.05  # seconds between packets
RAW = 15  # a kind of packet that there is not: the part is bytes as they stand


def packet_of(part: bytes, *, long_crc: bool = False) -> bytes:
    """Return the packet that a part stands for, with its checksum: kind, credit and numbers, then the payload."""
    head, payload = part[:3].ljust(3, b"\0"), part[3 : 3 + MAX_PAYLOAD]
    kind = head[0] & 15
    if kind == RAW:
        return payload
    return seal(kind or SYNACK, head[0] >> 4, head[1], head[2], payload, long_crc=long_crc)


def part_for(kind: int, seq: int = 0, ack: int = 0, payload: bytes = b"", credit: int = 15) -> bytes:
    return bytes((kind | credit << 4, seq, ack)) + payload


# -- bytes of a line


def bytes_of_a_line(data: bytes) -> None:
    """Delimiters, stuffing, checksums: any bytes."""
    reader = PacketReader()
    reader.long_crc = choose(data, 0, (False, True))
    for part in pieces(data, 1):
        for packet in reader.feed(part):
            assert len(packet.payload) <= max(256, len(data))
    assert unstuff(stuff(data)) == data
    without = data.replace(b"\0", b"")
    plain = unstuff(without)
    assert plain is None or len(plain) <= len(without)


# -- a board, or a program, at a host


class Owner:
    """What a server is to its stations."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.stations = Stations()
        self.access = None
        self.over: list[Any] = []
        self._sids = itertools.count(SID)

    def find(self, sid: int) -> Station:
        return self.stations.of_session(sid, "port", self._station)

    def _station(self) -> Station:
        return Station("port", self, lambda: next(self._sids), Terms(), lambda: self.net.now)

    def make_session(self, station: Station, terms: SynAck) -> BoardSession | StreamOnLine:
        made: BoardSession | StreamOnLine
        if terms.dialect == BINARY:
            program = self.net.server_session()
            program.on_change = station.changed
            return StreamOnLine(program)
        made = new_board(self.net, terms)
        made.on_change = station.changed
        return made

    def session_ended(self, session: BoardSession | StreamOnLine) -> None:
        assert session.port.error is not None
        self.over.append(session)
        self.net.exchange.leave(session.port)

    def tick_at(self, when: float) -> None: ...

    def report(self, station: Station, text: str, *, warning: bool) -> None:
        assert text


def new_board(net: Net, terms: SynAck) -> BoardSession:
    counts = {"damaged": 0, "ignored": 0, "resent": 0, "doubled": 0}
    limits, rename = net.limits, Renaming()
    return BoardSession(net.exchange, CODEC, limits, rename, peer="port", terms=terms, line_counts=lambda: counts)


def board_line(data: bytes) -> None:
    """What a host hears of a board: packets that are whole."""
    net = Net(TIGHT)
    owner = Owner(net)
    link = LineSession("port", owner.find, 5.0)
    link.receive_data(b"\0" + packet_of(part_for(HELLO, payload=LineHello(sid=0).pack())), 0.0)
    station = link._station
    assert station is not None
    link.take(EVERYTHING)
    for part in parts_of(data):
        net.now += STEP
        link.receive_data(packet_of(part), net.now)
        station.tick(net.now)
        link.take(4096)
        bounded(link, net)
        assert len(station.line._joiner._parts) <= station.line._joiner._longest
    link.close()
    link.take(EVERYTHING)
    assert link.error is not None and station.session is None
    assert not net.exchange.senders and not net.exchange._table.size and len(net.exchange.requests) == 0


def board(data: bytes) -> None:
    """What a board says: messages that are whole."""
    net = Net(TIGHT)
    message = choose(data, 0, (4096, 0, 246))
    terms = SynAck(sid=1, mtu=246, window=4, keepalive=1.0, dialect=BOARD, message=message, long_crc=False)
    session = new_board(net, terms)
    for part in parts_of(data[1:]):
        session.message(part, net.now)
        session.flush_events(net.now)
        net.now += STEP
        session.tick(net.now)
        bounded(session, net)
        while session.next_message(246) is not None:
            pass
        counts = session.stats()["events"]
        assert counts["fired"] == counts["out"] + counts["waiting"] + sum(counts["lost"].values())
    session.end(LinkLost("gone"), 0)
    assert session.error is not None
    assert not net.exchange.senders and not net.exchange._table.size and len(net.exchange.requests) == 0


# -- a host, at a program


class Above:
    """What a client's link is to its line."""

    has_message = False

    def __init__(self) -> None:
        self.got = 0
        self.ends: list[SigError] = []

    def next_message(self, room: int) -> bytes | None:
        return None

    def message(self, data: bytes, now: float) -> None:
        self.got += len(data)

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None: ...
    def disconnected(self) -> None: ...

    def ended(self, error: SigError, doubtful: int) -> None:
        self.ends.append(error)

    def printed(self, text: str) -> None: ...
    def warned(self, text: str) -> None: ...


def host_line(data: bytes) -> None:
    """What a program hears of a host: packets that are whole."""
    above, now = Above(), 0.0
    line = LineResponder(above, Terms(), now)
    for part in parts_of(data):
        now += STEP
        line.receive(packet_of(part), now)
        line.tick(now)
        line.take(4096, now)
    assert above.got <= len(data)
    line.finish()
    line.take(4096, now)
    assert not line.up


# -- datagrams


def datagram(data: bytes) -> None:
    """What comes on a medium of packets: such as are whole, and any bytes."""
    wire, now = Wire(choose(data, 0, (1200, 16))), 0.0
    stream = PacketStream(wire, 7, now, dialing=choose(data, 1, (False, True)))
    for part in parts_of(data[2:]):
        now += STEP
        sealed = wire.seal(part[0] >> 6, part[0] & 63, part[1:]) if part else b""
        for packet in (wire.open(sealed), wire.open(part)):
            if packet is not None:
                stream.receive(packet, now)
        stream.packets(now)
        stream.read()
        assert len(stream._receiving._early) <= AHEAD
    stream.lose("the fuzzer has said all")
    assert stream.phase is Phase.CLOSED


# -- seeds

TERMS = SynAck(sid=SID, mtu=246, window=4, keepalive=1.0, dialect=BOARD, message=1000, long_crc=False)
PROGRAM = SynAck(sid=SID, mtu=246, window=4, keepalive=1.0, dialect=BINARY, message=0, long_crc=True)
CALL = Syn(sid=5, mtu=246, window=4, keepalive=1.0, rto=0.2, message=0, long_crc=True, resume=False)
MESSAGES: list[list[Any]] = [
    [0, 0, "uno", 5], [0, 1, "e"], [0, 1, 7], [0, 2, "m"], [0, 2, None], [0, 3, None, None],
    [1, 0, [1, "x", None, 2.5]], [1, 1, {"a": True}], [2, 1, "uno", "m", 5], [3, 0, 0, "value"], [3, 1, -2, "no"],
]  # fmt: skip
SAID = [CODEC.encode(message) for message in MESSAGES]
SOON = [part_for(DATA, seq, 0, message) for seq, message in enumerate(SAID)]

SEEDS: dict[str, list[bytes]] = {
    "bytes_of_a_line": [
        b"\0\0" + b"".join(packet_of(part) for part in SOON),
        b"\1\1" + seal(DATA, 1, 2, 3, b"payload", long_crc=True) + b"text\r\n\0\0",
        b"\0\2" + stuff(bytes(300)) + b"\0",
    ],
    "board_line": [
        as_parts(part_for(SYNACK, payload=TERMS.pack()), *SOON, part_for(PING), part_for(FIN)),
        as_parts(part_for(SYNACK, payload=PROGRAM.pack()), part_for(DATA, 0, 0, b"SIG1"), part_for(NAK, 1, 1)),
        as_parts(part_for(SYNACK, payload=TERMS.pack()), part_for(PART, 0, 0, SAID[0]), part_for(DATA, 1, 0, b"x")),
        as_parts(part_for(SYNACK, payload=TERMS.pack()), *SOON[:6], part_for(HELLO, payload=LineHello(sid=SID).pack())),
        as_parts(part_for(RAW, payload=b"booting\r\n\0"), part_for(ACK, 0, 3)),
    ],
    "board": [
        b"\0" + as_parts(*SAID),
        b"\2" + as_parts(*SAID[:6], *SAID[:6]),
        *(b"\1" + as_parts(said) for said in SAID),
    ],
    "host_line": [
        as_parts(part_for(SYN, payload=CALL.pack()), part_for(DATA, 0, 0, b"bytes"), part_for(FIN)),
        as_parts(part_for(SYN, payload=CALL.pack()), part_for(PART, 0, 0, b"by"), part_for(DATA, 1, 0, b"tes")),
        as_parts(part_for(HELLO, payload=LineHello(sid=3).pack()), part_for(NAK, 2, 1), part_for(PING)),
    ],
    "datagram": [
        b"\0\0" + as_parts(*packets)
        for packets in (
            [bytes((DATAGRAM_DATA << 6 | tag_of(7),)) + bytes((n, 0)) + b"data" for n in range(4)],
            [bytes((DATAGRAM_ACK << 6 | tag_of(7), 1, 0, 3)), bytes((END << 6 | tag_of(7), 2, 0))],
            [bytes((OPEN << 6 | ASKED,)) + bytes((7, 0, 0, 0, 1)), bytes((OPEN << 6 | AGREED, 7, 0, 0, 0, 1))],
        )
    ],
}
