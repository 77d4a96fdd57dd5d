"""One end of a link of packets, fed by hand: before it opens, while it is, and after its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sig_core.clock import NEVER
from sig_core.datagram.endpoint import Endpoint
from sig_core.datagram.wire import Wire, opening

MTU = 200


def carry(one: Endpoint, other: Endpoint, now: float = 0.0) -> None:
    """Bring all packets over, until nothing is to be sent any more."""
    for _ in range(20):
        for source, target in ((one, other), (other, one)):
            for packet in source.packets(now):
                answer = target.take(packet, now)
                if answer:
                    source.take(answer, now)


@pytest.fixture
def ends() -> Iterator[tuple[Endpoint, Endpoint]]:
    client, server = Endpoint(MTU), Endpoint(MTU)
    client.dial(5, 0.0)
    assert client.is_dialing and not client.is_open and client.room == 0
    carry(client, server)
    assert client.is_open and server.is_open and not client.is_dialing
    yield client, server


def test_until_somebody_dials_nothing_happens() -> None:
    end = Endpoint(MTU)
    assert (end.packets(0.0), end.due, end.room, end.read()) == ([], NEVER, 0, b"")
    assert not (end.is_open or end.is_over or end.has_data or end.ended)
    assert end.take(b"noise", 0.0) == b""
    assert end.counts() == {"damaged": 1}


def test_bytes_go_both_ways(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    client.write(b"question")
    server.write(b"answer")
    carry(*ends)
    assert server.has_data and server.read() == b"question"
    assert client.read() == b"answer" and not client.has_data


def test_room_ends_at_the_high_water() -> None:
    end = Endpoint(MTU, high_water=10)
    end.be_dialled(1 << 20, 0.0)
    assert end.room == 10
    end.write(b"1234567")
    assert end.room == 3
    end.write(bytes(300))
    assert end.room == 0


def test_a_peer_that_begins_anew_ends_what_was(ends: tuple[Endpoint, Endpoint]) -> None:
    server = ends[1]
    assert server.take(opening(Wire(MTU), 0, 999), 1.0) == b""
    assert "begun anew" in str(server.error)
    assert server.is_over and server.is_done and server.room == 0


def test_who_dials_is_not_dialled() -> None:
    end = Endpoint(MTU)
    end.dial(5, 0.0)
    end.take(opening(Wire(MTU), 0, 999), 0.0)
    assert end.is_dialing and end.error is None


def test_packets_of_a_link_that_nobody_knows_are_answered(ends: tuple[Endpoint, Endpoint]) -> None:
    client, _ = ends
    client.write(b"x")
    again = Endpoint(MTU)
    (packet,) = client.packets(1.0)
    answer = again.take(packet, 1.0)
    client.take(answer, 1.0)
    assert "started anew" in str(client.error) and again.stream is None


def test_an_end_in_order_brings_over_what_was_written(ends: tuple[Endpoint, Endpoint]) -> None:
    client, server = ends
    client.write(b"last words")
    client.finish(1.0)
    assert client.is_over and not client.is_done and client.room == 0
    carry(*ends, now=1.0)
    assert (server.read(), server.ended) == (b"last words", True)
    assert client.is_done and client.error is None
    assert not server.is_over


def test_before_it_opens_an_end_is_one_at_once() -> None:
    dialled, dialing = Endpoint(MTU), Endpoint(MTU)
    dialing.dial(5, 0.0)
    for end in (dialled, dialing):
        end.finish(0.0)
        assert end.is_done and end.error is None and not end.is_dialing


def test_cut_is_not_waited_for(ends: tuple[Endpoint, Endpoint]) -> None:
    client = ends[0]
    client.write(b"x")
    client.cut("closed while a send waited")
    assert client.is_done and str(client.error) == "closed while a send waited"


def test_a_medium_that_breaks_is_the_error(ends: tuple[Endpoint, Endpoint]) -> None:
    client, first = ends[0], OSError("unplugged")
    client.fail(first)
    client.fail(OSError("and again"))
    assert client.error is first and client.is_done
    dialled = Endpoint(MTU)
    dialled.fail(first)
    assert dialled.error is first and dialled.is_done
