"""The link of a client on a line, with the other end played by hand."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from sig_core.contract import LinkTraits
from sig_core.errors import ConnectFailed
from sig_core.io.adapters.line_stream import LineStream
from sig_core.line.handshake import Syn
from sig_core.line.packets import DATA, FIN, HELLO, SYN, SYNACK, Packet, PacketReader, seal
from tests.support import eventually, within


class Line:
    """A raw link whose other end is the test."""

    traits = LinkTraits(packets=False, reliable=False)
    peer = "line://test"

    def __init__(self) -> None:
        self._in: queue.Queue[bytes] = queue.Queue()
        self._reader = PacketReader()
        self._sent: queue.Queue[Packet] = queue.Queue()
        self.closed = False

    def send(self, data: bytes, /) -> None:
        for packet in self._reader.feed(data):
            self._sent.put(packet)

    def receive(self, timeout: float, /) -> bytes | None:
        try:
            return self._in.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        self.closed = True

    def say(self, kind: int, payload: bytes = b"", seq: int = 0, ack: int = 0) -> None:
        self._in.put(seal(kind, 15, seq, ack, payload))

    def call(self, sid: int) -> None:
        terms = Syn(sid=sid, mtu=64, window=4, keepalive=1.0, rto=0.1, message=0, long_crc=False, resume=False)
        self.say(SYN, terms.pack())

    def wait_for(self, kind: int) -> Packet:
        while True:
            packet = self._sent.get(timeout=within(10))
            if packet.kind == kind:
                return packet


@pytest.fixture
def opened() -> Callable[[Line], LineStream]:
    """Open a link while the test goes on; its end is called with sid 1."""
    made: list[LineStream] = []

    def start(line: Line) -> LineStream:
        thread = threading.Thread(target=lambda: made.append(LineStream(line, within(10))))
        thread.start()
        line.wait_for(HELLO)
        line.call(1)
        line.wait_for(SYNACK)
        thread.join(within(10))
        return made[-1]

    return start


def test_bytes_go_both_ways_and_fin_ends_it(opened: Callable[[Line], LineStream]) -> None:
    line = Line()
    link = opened(line)
    link.send(b"question")
    assert line.wait_for(DATA).payload == b"question"
    line.say(DATA, b"answer", ack=1)
    assert link.receive(within(10)) == b"answer"
    line.say(FIN)
    with pytest.raises(EOFError):
        link.receive(within(10))
    link.close()
    assert line.closed


def test_a_host_that_calls_again_before_it_has_said_anything_hears_everything(
    opened: Callable[[Line], LineStream],
) -> None:
    line = Line()
    link = opened(line)
    link.send(b"hello")
    line.wait_for(DATA)
    line.call(2)  # our HELLO and its first SYN had crossed each other
    line.wait_for(SYNACK)
    again = line.wait_for(DATA)
    assert (again.payload, again.seq) == (b"hello", 0)
    line.say(DATA, b"welcome", ack=1)
    assert link.receive(within(10)) == b"welcome"
    link.close()


def test_a_host_that_calls_again_later_has_lost_its_memory(opened: Callable[[Line], LineStream]) -> None:
    line = Line()
    link = opened(line)
    line.say(DATA, b"welcome")
    assert link.receive(within(10)) == b"welcome"
    line.call(2)
    with pytest.raises(ConnectionError, match="the host began a new session"):
        link.receive(within(10))
    link.close()


def test_close_says_fin(opened: Callable[[Line], LineStream]) -> None:
    line = Line()
    opened(line).close()
    line.wait_for(FIN)
    assert line.closed


def test_nobody_there() -> None:
    line = Line()
    with pytest.raises(ConnectFailed, match=r"line://test: no server answers .* within .* nothing"):
        LineStream(line, 0.1)
    eventually(lambda: line.closed)
