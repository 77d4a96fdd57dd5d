"""The stream of a client on a line, with the other end played by hand."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable

import pytest

from sig_core.clock import Clock
from sig_core.contract import LinkTraits
from sig_core.errors import ConnectFailed, LinkLost
from sig_core.io.adapters.line_stream import LineStream
from sig_core.line.handshake import Syn
from sig_core.line.packets import ACK, DATA, FIN, HELLO, SYN, SYNACK, Packet, PacketReader, seal
from sig_core.testing import FakeClock, begin
from tests.support import eventually, nothing_left_behind, within

__all__ = ["nothing_left_behind"]

Opener = Callable[..., LineStream]
LONG = within(10.0)


class Line:
    """A raw link whose other end is the test."""

    traits = LinkTraits(packets=False, reliable=False)
    peer = "line://test"

    def __init__(self) -> None:
        self._in: queue.Queue[bytes | Exception] = queue.Queue()
        self.send_error: Exception | None = None
        self._reader = PacketReader()
        self._sent: queue.Queue[Packet] = queue.Queue()
        self.closed = False

    def send(self, data: bytes, /) -> None:
        if self.send_error is not None:
            raise self.send_error
        for packet in self._reader.feed(data):
            self._sent.put(packet)

    def receive(self, timeout: float, /) -> bytes | None:
        try:
            found = self._in.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.closed = True

    def put(self, found: bytes | Exception) -> None:
        self._in.put(found)

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
def opened() -> Opener:
    """Open a link while the test goes on; its end is called with sid 1."""

    def start(line: Line, clock: Clock = time.monotonic) -> LineStream:
        opening = begin(LineStream, line, within(10), clock)
        line.wait_for(HELLO)
        line.call(1)
        line.wait_for(SYNACK)
        return opening.result(within(10))

    return start


def test_bytes_go_both_ways_and_fin_ends_it(opened: Opener) -> None:
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
    opened: Opener,
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


def test_a_host_that_calls_again_later_has_lost_its_memory(opened: Opener) -> None:
    line = Line()
    link = opened(line)
    line.say(DATA, b"welcome")
    assert link.receive(within(10)) == b"welcome"
    line.call(2)
    with pytest.raises(ConnectionError, match="the host began a new session"):
        link.receive(within(10))
    link.close()


def test_close_says_fin(opened: Opener) -> None:
    line = Line()
    opened(line).close()
    line.wait_for(FIN)
    assert line.closed


def test_nobody_there() -> None:
    line = Line()
    with pytest.raises(ConnectFailed, match=r"line://test: no server answers .* within .* nothing"):
        LineStream(line, 0.1)
    eventually(lambda: line.closed)


def test_somebody_else_is_there() -> None:
    line = Line()
    line.put(b"login: ")
    with pytest.raises(ConnectFailed, match=r"no server answers .*: 7 bytes came, none of a server"):
        LineStream(line, 0.1)
    eventually(lambda: line.closed)


def test_it_says_hello_again_until_a_server_calls() -> None:
    line, clock = Line(), FakeClock(100.0)
    opening = begin(LineStream, line, LONG, clock)
    for _ in range(3):
        line.wait_for(HELLO)
        clock.advance(1.0)
    line.call(1)
    opening.result(LONG).close()


def test_what_is_not_acknowledged_is_sent_again_when_it_is_due_by_the_clock(opened: Opener) -> None:
    line, clock = Line(), FakeClock(100.0)
    link = opened(line, clock)
    link.send(b"question")
    assert line.wait_for(DATA).seq == 0
    clock.advance(0.2)
    again = line.wait_for(DATA)
    assert (again.payload, again.seq) == (b"question", 0)
    link.close()


def test_nothing_comes_within_the_time(opened: Opener) -> None:
    link = opened(Line())
    assert link.receive(0) is None
    link.close()
    with pytest.raises(EOFError):
        link.receive(LONG)
    with pytest.raises(ConnectionError, match="closed on this side"):
        link.send(b"x")


def test_who_does_not_receive_stops_the_peer_until_it_does(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line()
    link = opened(line)
    monkeypatch.setattr(link._stream, "_most_in", 10)
    line.say(DATA, b"0123456789", seq=0)
    assert line.wait_for(ACK).credit == 15
    line.say(DATA, b"x", seq=1)
    assert line.wait_for(ACK).credit == 0
    assert link.receive(LONG) == b"0123456789x"
    assert line.wait_for(ACK).credit == 15
    link.close()


def test_who_sends_too_much_waits_for_the_line(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    link = opened(line)
    monkeypatch.setattr(link._stream, "_most_out", 10)
    for _ in range(4):  # as many packets of 64 bytes as may be open
        link.send(bytes(64))
        line.wait_for(DATA)
    link.send(bytes(64))
    waiting = begin(link.send, b"last")
    assert not waiting.done()
    line.say(ACK, ack=4)
    waiting.result(LONG)
    assert line.wait_for(DATA).payload == bytes(64)
    assert line.wait_for(DATA).payload == b"last"
    link.close()


def test_a_close_ends_a_send_that_waits(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    link = opened(line)
    monkeypatch.setattr(link._stream, "_most_out", 10)
    link.send(bytes(1000))
    waiting = begin(link.send, b"never")
    link.close()
    with pytest.raises(ConnectionError, match="closed on this side"):
        waiting.result(LONG)


@pytest.mark.parametrize(("error", "text"), [(OSError(5, "unplugged"), "unplugged"), (EOFError(), "the line ended")])
def test_a_line_that_breaks_or_ends(opened: Opener, error: Exception, text: str) -> None:
    line = Line()
    link = opened(line)
    line.put(error)
    with pytest.raises((OSError, LinkLost), match=text):
        link.receive(LONG)
    with pytest.raises((OSError, LinkLost), match=text):
        link.send(b"x")
    link.close()


def test_a_line_that_can_t_be_written_to(opened: Opener) -> None:
    line = Line()
    link = opened(line)
    line.send_error = OSError(5, "unplugged")
    link.send(b"x")
    with pytest.raises(OSError, match="unplugged"):
        link.receive(LONG)
    link.close()
    assert line.closed


def test_text_on_the_line_is_logged(opened: Opener, caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    link = opened(line)
    with caplog.at_level(logging.INFO):
        line.put(b"\0booting\r\n\0")
        eventually(lambda: "line://test: says: booting" in caplog.text)
        link._stream.warned("a short circuit")
        eventually(lambda: "line://test: a short circuit" in caplog.text)
    link.close()
