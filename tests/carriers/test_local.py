from __future__ import annotations

import errno
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_carriers import local
from sig_carriers.local import BACKLOG, LocalCarrier
from sig_core.address import Address
from sig_core.contract import LinkTraits, PollableLink
from sig_core.errors import ConfigError
from sig_core.testing import begin
from tests.carriers.conformance import PATIENCE, Conformance

LAB = Address.parse("local://lab")


@pytest.fixture(autouse=True)
def empty_registry():
    yield
    assert local._listeners == {}


class TestLocal(Conformance):
    carrier = LocalCarrier()

    @pytest.fixture
    def url(self):
        return "local://lab"

    def test_is_not_pollable(self, pair):
        for link in pair:
            assert not isinstance(link, PollableLink)
            assert link.traits == LinkTraits(packets=True, reliable=True, mtu=None)


@pytest.fixture
def small():
    """Two ends with room for 10 bytes and 3 packets."""
    carrier = LocalCarrier(max_bytes=10, max_packets=3)
    acceptor = carrier.listen(LAB)
    client, server = carrier.connect(LAB), acceptor.accept(PATIENCE)
    yield client, server
    for each in (client, server, acceptor):
        each.close()


@pytest.fixture
def full(monkeypatch):
    """Set when a send finds no room; it holds the queue's lock until it waits."""
    event = threading.Event()
    real = local._Pipe._has_room

    def has_room(pipe, size):
        room = real(pipe, size)
        if not room:
            event.set()
        return room

    monkeypatch.setattr(local._Pipe, "_has_room", has_room)
    return event


@pytest.mark.parametrize("packets", [[b"", b"", b""], [b"12345", b"67890"], [bytes(11)], [bytes(10_000)]])
def test_send_waits_while_the_queue_is_full(small, full, packets):
    """Full is 3 packets or 10 bytes; one packet beyond that passes an empty queue."""
    client, server = small
    for packet in packets:
        client.send(packet)
    assert not full.is_set()
    waiting = begin(client.send, b"next")
    assert full.wait(PATIENCE)
    assert not waiting.done()
    assert [server.receive(PATIENCE) for _ in packets] == packets
    waiting.result(PATIENCE)
    assert server.receive(0) == b"next"


def test_a_full_queue_holds_no_more_than_its_bounds(small):
    """The flood goes on only as fast as it is received."""
    client, server = small
    flood = begin(lambda: [client.send(bytes([number])) for number in range(100)])
    for number in range(100):
        assert len(server._into._packets) <= 3
        assert server.receive(PATIENCE) == bytes([number])
    flood.result(PATIENCE)


def test_each_received_packet_makes_room(small, full):
    """The queue need not run empty."""
    client, server = small
    client.send(b"1234")
    for _ in range(10):
        client.send(b"5678")
        assert server.receive(PATIENCE)
    assert not full.is_set()


def test_a_large_packet_waits_for_an_empty_queue(small, full):
    client, server = small
    client.send(b"small")
    waiting = begin(client.send, bytes(11))
    assert full.wait(PATIENCE)
    assert server.receive(PATIENCE) == b"small"
    assert server.receive(PATIENCE) == bytes(11)
    waiting.result(PATIENCE)


@pytest.mark.parametrize("closer", [0, 1])
def test_a_waiting_send_ends_with_epipe_when_either_side_closes(small, full, closer):
    client, _ = small
    client.send(bytes(11))
    waiting = begin(client.send, b"x")
    assert full.wait(PATIENCE)
    small[closer].close()
    assert isinstance(waiting.exception(PATIENCE), BrokenPipeError)


def test_what_was_not_received_is_freed_at_close(small):
    client, server = small
    client.send(b"12345")
    server.close()
    assert not server._into._packets
    with pytest.raises(BrokenPipeError):
        client.send(b"x")


def test_a_packet_is_a_copy(small):
    client, server = small
    data = bytearray(b"before")
    client.send(data)
    data[:] = b"behind"
    assert server.receive(0) == b"before"


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=30))
def test_packets_arrive_once_in_order_and_whole(packets):
    carrier = LocalCarrier(max_bytes=16, max_packets=4)
    acceptor = carrier.listen(LAB)
    client, server = carrier.connect(LAB), acceptor.accept(PATIENCE)
    sending = begin(lambda: [client.send(packet) for packet in packets])
    assert [server.receive(PATIENCE) for _ in packets] == packets
    sending.result(PATIENCE)
    client.close()
    with pytest.raises(EOFError):
        server.receive(0)
    server.close()
    acceptor.close()


@pytest.mark.parametrize("url", ["local://", "local:///lab", "local://lab/x", "local://lab:1"])
@pytest.mark.parametrize("verb", ["listen", "connect"])
def test_urls_that_are_no_name(verb, url):
    with pytest.raises(ConfigError, match="a name and nothing else"):
        getattr(LocalCarrier(), verb)(Address.parse(url))


@pytest.mark.parametrize("bounds", [(0, 1), (1, 0), (-1, 5)])
def test_bounds_that_let_nothing_pass(bounds):
    with pytest.raises(ConfigError, match="1 or more"):
        LocalCarrier(*bounds)


def test_nobody_listens():
    with pytest.raises(ConnectionRefusedError, match="local://lab: nobody listens"):
        LocalCarrier().connect(LAB)


def test_name_is_taken():
    acceptor = LocalCarrier().listen(LAB)
    with pytest.raises(OSError, match="taken") as caught:
        LocalCarrier().listen(LAB)
    assert caught.value.errno == errno.EADDRINUSE
    acceptor.close()


def test_closing_an_old_acceptor_leaves_the_name_to_the_new_one():
    old = LocalCarrier().listen(LAB)
    old.close()
    new = LocalCarrier().listen(LAB)
    old.close()
    LocalCarrier().connect(LAB).close()
    new.close()


def test_connections_that_nobody_accepts_are_bounded():
    acceptor = LocalCarrier().listen(LAB)
    waiting = [LocalCarrier().connect(LAB) for _ in range(BACKLOG)]
    with pytest.raises(ConnectionRefusedError, match=str(BACKLOG)):
        LocalCarrier().connect(LAB)
    first = acceptor.accept(0)
    waiting.append(LocalCarrier().connect(LAB))
    acceptor.close()
    for link in waiting[1:]:
        with pytest.raises(EOFError):
            link.receive(0)
        with pytest.raises(BrokenPipeError):
            link.send(b"x")
    waiting[0].send(b"accepted in time")
    assert first.receive(0) == b"accepted in time"


def test_connections_that_are_open_have_names_of_their_own():
    acceptor = LocalCarrier().listen(LAB)
    for _ in range(2):
        LocalCarrier().connect(LAB)
    assert [acceptor.accept(0).peer for _ in range(2)] == ["local://lab#1", "local://lab#2"]
    acceptor.close()
