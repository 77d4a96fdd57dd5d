"""Streams over links of packets, on threads: what the medium loses is not missed above, and every end is one."""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import Future

import pytest

from sig_core.contract import Link, LinkTraits
from sig_core.datagram.wire import DATA, OPEN, Wire
from sig_core.errors import ConnectFailed, LimitError
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.adapters.datagram_stream import DatagramStream, FragmentingLink
from sig_core.testing import FakeClock, begin
from tests.support import eventually, nothing_left_behind, within
from tests.support.no_threads import no_threads
from tests.support.wires import Lossy

__all__ = ["nothing_left_behind"]

SOON = within(10.0)


def opened(*, mtu: int | None = 1200, **faults: float) -> tuple[Link, Link, tuple[Lossy, Lossy]]:
    """Give both ends of a stream, and of what is under it."""
    raw = Lossy.pair(mtu, **faults)
    server = as_stream(raw[1], dialing=False, patience=SOON)
    return as_stream(raw[0], dialing=True, patience=SOON), server, raw


def reading(link: Link, size: int) -> Future[bytes]:
    """Read so many bytes on a thread of its own; less, if the end comes."""

    def work() -> bytes:
        found = b""
        while len(found) < size:
            try:
                found += link.receive(SOON) or b""
            except EOFError:
                break
        return found

    return begin(work)


def closed(*links: Link) -> None:
    """Close both ends at once, as programs do."""
    for running in [begin(link.close) for link in links]:
        running.result(SOON)


@pytest.mark.parametrize(
    ("mtu", "seed", "loss", "size"),
    [(8, 1, 0.1, 3_000), (63, 2, 0.05, 20_000), (1200, 3, 0.1, 50_000), (1200, 4, 0, 2_000_000), (None, 5, 0, 9_000)],
)
def test_all_arrives_once_and_in_order_both_ways(mtu: int | None, seed: int, loss: float, size: int) -> None:
    client, server, raw = opened(mtu=mtu, seed=seed, loss=loss, double=loss)
    data = random.Random(seed).randbytes(size)
    readers = reading(server, size), reading(client, size)
    writers = begin(client.send, data), begin(server.send, data[::-1])
    assert readers[0].result(SOON) == data
    assert readers[1].result(SOON) == data[::-1]
    for writer in writers:
        writer.result(SOON)
    closed(client, server)
    assert [each.closed for each in raw] == [1, 1]


def left(link: Link, raw: Lossy) -> None:
    """Close an end whose other end is gone: without waiting for it."""
    raw.put(OSError("gone"))
    eventually(lambda: raw.closed)
    link.close()


def test_nobody_answers() -> None:
    raw = Lossy()
    with pytest.raises(ConnectFailed, match=r"lossy://peer: nobody answered within 0\.1 s"):
        as_stream(raw, dialing=True, patience=0.1)
    assert raw.closed == 1
    assert raw.sent >= 1


def test_the_medium_breaks_while_it_dials() -> None:
    raw = Lossy()
    raw.on_send = lambda data: raw.put(ConnectionRefusedError("refused"))
    with pytest.raises(ConnectFailed, match=r"lossy://peer: .*refused"):
        as_stream(raw, dialing=True, patience=SOON)
    assert raw.closed == 1


def test_a_server_of_another_version_says_so() -> None:
    raw = Lossy()
    wire = Wire(1200)

    def answer(data: bytes) -> None:
        packet = wire.open(data)
        assert packet is not None
        raw.put(wire.seal(OPEN, 3, packet.rest))

    raw.on_send = answer
    with pytest.raises(ConnectFailed, match="the peer does not know version 1 of packet links"):
        as_stream(raw, dialing=True, patience=SOON)


def test_a_client_of_another_version_is_told() -> None:
    one, two = Lossy.pair()
    server = as_stream(two, dialing=False, patience=SOON)
    wire = Wire(1200)
    one.send(wire.seal(OPEN, 0, (5).to_bytes(4, "little") + bytes((9,))))
    answer = wire.open(one.receive(SOON) or b"")
    assert answer is not None
    assert (answer.kind, answer.tag, answer.epoch, answer.version) == (OPEN, 3, 5, 1)
    server.close()


def test_a_client_that_begins_anew_ends_what_was() -> None:
    client, server, raw = opened()
    client.send(b"first")
    assert server.receive(SOON) == b"first"
    raw[0].send(Wire(1200).seal(OPEN, 0, (12345).to_bytes(4, "little") + bytes((1,))))
    with pytest.raises(OSError, match="the peer has begun anew"):
        while True:
            server.receive(SOON)
    server.close()
    left(client, raw[0])


def test_a_server_that_was_started_anew_does_not_know_the_link() -> None:
    client, server, (one, two) = opened()
    client.send(b"first")
    assert server.receive(SOON) == b"first"
    there = Lossy()
    one.other, there.other = there, one
    again = as_stream(there, dialing=False, patience=SOON)
    client.send(b"second")
    with pytest.raises(OSError, match="the peer knows no such link: it was started anew"):
        client.receive(SOON)
    two.put(OSError("its process is gone"))
    closed(client, server, again)
    assert again.traits == LinkTraits(packets=False, reliable=True)


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_close_delivers_what_was_sent_and_then_the_end(loss: float) -> None:
    client, server, _ = opened(seed=6, loss=loss)
    data = random.Random(1).randbytes(50_000)
    client.send(data)
    reader = reading(server, len(data) + 1)  # one more than there is: until the end
    client.close()
    assert reader.result(SOON) == data
    with pytest.raises(EOFError):
        server.receive(0)
    with pytest.raises(OSError, match="closed"):
        client.send(b"more")
    server.close()


def test_both_ends_close_at_once() -> None:
    for _ in range(5):
        client, server, raw = opened()
        closed(client, server)
        assert [each.closed for each in raw] == [1, 1]


def test_a_close_ends_a_receive_that_waits() -> None:
    client, server, _ = opened()
    waiting = begin(client.receive, SOON)
    client.close()
    with pytest.raises(OSError, match="the link is closed"):
        waiting.result(SOON)
    server.close()


def test_a_send_waits_for_a_peer_that_does_not_read_and_ends_on_close() -> None:
    client, server, raw = opened()
    piece = bytes(100_000)

    def flood() -> None:
        while True:
            client.send(piece)

    flooding = begin(flood)
    eventually(lambda: client._sender_waits and not client._end.room)  # type: ignore[attr-defined]
    client.close()
    with pytest.raises(OSError, match="closed"):
        flooding.result(SOON)
    assert raw[0].closed == 1
    left(server, raw[1])


def test_a_medium_whose_send_hangs_is_closed_all_the_same() -> None:
    client, server, raw = opened()
    hangs, freed = threading.Event(), threading.Event()

    def hang(data: bytes) -> None:
        if data[0] >> 6 == DATA:
            hangs.set()
            assert freed.wait(SOON)

    raw[0].on_send = hang
    sending = begin(client.send, b"x")
    assert hangs.wait(SOON)
    client.close()
    assert raw[0].closed == 1
    freed.set()
    sending.result(SOON)
    left(server, raw[1])


def test_a_medium_that_breaks_ends_the_link() -> None:
    client, server, raw = opened()
    raw[0].put(OSError("unplugged"))
    with pytest.raises(OSError, match="lossy://peer: the link broke: unplugged"):
        client.receive(SOON)
    with pytest.raises(OSError, match="unplugged"):
        client.send(b"x")
    client.close()
    left(server, raw[1])


def test_a_medium_that_ends_ends_the_link() -> None:
    client, server, raw = opened()
    raw[0].put(EOFError("gone"))
    with pytest.raises(EOFError):
        client.receive(SOON)
    client.close()
    left(server, raw[1])


def test_what_went_wrong_is_told_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    client, server, raw = opened()
    raw[1].put(b"noise")
    client.send(b"x")
    assert server.receive(SOON) == b"x"
    with caplog.at_level("INFO"):
        closed(client, server)
        eventually(lambda: "lossy://peer: packets on this link: 1 damaged" in caplog.text)


def test_before_anybody_dialled_nothing_can_be_sent() -> None:
    two = Lossy()
    server = as_stream(two, dialing=False, patience=SOON)
    with pytest.raises(OSError, match="the link is closed"):
        server.send(b"x")
    assert server.receive(0) is None
    server.close()
    assert two.closed == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_says_nothing_on_its_parents_link() -> None:
    client, server, raw = opened()
    child = os.fork()
    if child == 0:
        said: list[bytes] = []
        raw[0].on_send = said.append
        client.close()
        os._exit(10 * raw[0].closed + len(said))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
    client.send(b"still mine")
    assert server.receive(SOON) == b"still mine"
    closed(client, server)


class Reliable(Lossy):
    """Packets that arrive."""

    def __init__(self, mtu: int | None) -> None:
        super().__init__(mtu)
        self.traits = LinkTraits(packets=True, reliable=True, mtu=mtu)


def test_packets_that_arrive_are_cut_and_joined() -> None:
    one, two = Reliable(8), Reliable(8)
    one.other = two
    sender, receiver = as_stream(one, dialing=True, patience=SOON), as_stream(two, dialing=False, patience=SOON)
    assert isinstance(sender, FragmentingLink) and not sender.traits.packets
    data = bytes(range(100))
    sender.send(data)
    assert one.sent == 13
    assert b"".join(receiver.receive(SOON) or b"" for _ in range(13)) == data
    assert receiver.receive(0) is None
    sender.close()
    assert one.closed == 1


def test_what_was_lost_is_sent_again_when_it_is_due_by_the_clock() -> None:
    one, two = Lossy.pair()
    clock = FakeClock(100.0)
    server = DatagramStream(two, clock)
    client = DatagramStream(one, clock)
    client.dial(SOON)
    lost: list[bytes] = []

    def lose_one(data: bytes) -> None:
        """Let the first packet with data reach nobody."""
        one.other = None if data[0] >> 6 == DATA and not lost else two
        if one.other is None:
            lost.append(data)

    one.on_send = lose_one
    client.send(b"lost once")
    assert len(lost) == 1
    assert server.receive(0.2) is None  # several looks at a clock that stands still
    clock.advance(1.0)
    assert server.receive(SOON) == b"lost once"
    closed(client, server)


def test_a_stream_that_has_no_thread_closes_what_is_under_it() -> None:
    raw = Lossy.pair()[0]
    with no_threads("sig-packets*"), pytest.raises(LimitError, match="sig-packets"):
        as_stream(raw, dialing=False, patience=SOON)
    assert raw.closed
