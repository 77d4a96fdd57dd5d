"""A small board on a socket."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Any

from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_core.line.handshake import BOARD, LineHello, SynAck, read_syn
from sig_core.line.packets import ACK, DATA, FIN, HELLO, NAK, PING, SYN, SYNACK, Packet, PacketReader, seal
from tests.support import within

CODEC = CborBoardCodec()


class SocketBoard:
    """A board on TCP, played by the test: window 1, no timers of its own but a look every few milliseconds.

    Attributes:
        got: messages of the host, decoded.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "tiny",
        items: tuple[list[Any], ...] = ([0, 1, "e"],),
        sid: int = 0,
        source: str = "127.0.0.1",
    ) -> None:
        host, port = url.removeprefix("tcp://").split("?")[0].rsplit(":", 1)
        self._address = (host, int(port))
        self._source = (source, 0)
        self.got: list[Any] = []
        self.sid = sid
        self._begin = [[0, 0, name, len(items)], *items]
        self._forget()
        self.connect()

    def _forget(self) -> None:
        self._expected = self._seq = 0
        self._out: list[bytes] = [CODEC.encode(message) for message in self._begin]
        self._open = False

    def connect(self) -> None:
        """Open a connection; the one before stays as it is."""
        self.sock = socket.create_connection(self._address, timeout=within(10), source_address=self._source)
        self._reader = PacketReader()
        self._connected = False
        self.hello()

    def hello(self) -> None:
        self._send(HELLO, LineHello(sid=self.sid).pack())

    def reset(self) -> None:
        """What a reset button does."""
        self.sid, self._connected = 0, False
        self._forget()
        self.hello()

    def _send(self, kind: int, payload: bytes = b"", seq: int = 0) -> None:
        self.sock.sendall(seal(kind, 8, seq, self._expected, payload))

    def fire(self, number: int, value: Any) -> None:
        self.say([1, number, value])

    def say(self, message: list[Any]) -> None:
        self._out.append(CODEC.encode(message))

    def run(self, true: Callable[[], object], seconds: float = 10.0) -> None:
        """Work until it holds."""
        end = time.monotonic() + within(seconds)
        while not true():
            assert time.monotonic() < end, "it did not come true in time"
            self.step()

    def step(self) -> None:
        self._push()
        ready, _, _ = select.select([self.sock], [], [], 0.002)
        if not ready:
            return
        data = self.sock.recv(4096)
        if not data:
            raise EOFError("the server closed the link")
        for packet in self._reader.feed(data):
            self._take(packet)

    def _push(self) -> None:
        if self._connected and not self._open and self._out:
            self._open = True
            self._send(DATA, self._out[0], self._seq)

    def _take(self, packet: Packet) -> None:
        if packet.kind == SYN:
            syn = read_syn(packet.payload)
            assert syn is not None
            if syn.resume and syn.sid != self.sid:
                self.hello()
                return
            if syn.sid != self.sid:
                self._forget()
            self.sid, self._connected, self._open = syn.sid, True, False
            terms = SynAck(sid=syn.sid, mtu=200, window=1, keepalive=1.0, dialect=BOARD, message=0, long_crc=False)
            self._send(SYNACK, terms.pack())
        elif packet.kind == FIN:
            self.sid, self._connected = 0, False
        elif self._connected:
            if packet.kind == DATA and packet.seq == self._expected:
                self._expected = (self._expected + 1) % 256
                self._understand(CODEC.decode(packet.payload))
            if self._open and packet.ack == (self._seq + 1) % 256:
                self._seq, self._open = packet.ack, False
                self._out.pop(0)
            elif packet.kind == NAK:
                self._open = False
            if packet.kind in (DATA, PING):
                self._send(ACK)

    def _understand(self, message: Any) -> None:
        self.got.append(message)
        if message[0] == 2:
            self.say([3, message[1], 0, message[3]])

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> SocketBoard:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
