"""A program's end of a line as a stream, fed by hand: what waits, who is held, and what its end is."""

from __future__ import annotations

import pytest

from sig_core.errors import LinkClosed, LinkLost
from sig_core.line.packets import ACK, DATA, FIN, HELLO, SYNACK, seal
from sig_core.line.responder_stream import ResponderStream
from sig_core.line.upper_layer import Terms
from tests.line.harness import data, kinds, opened, syn


def called(**waters: int) -> ResponderStream:
    """Give a stream whose host has called."""
    stream = ResponderStream(Terms(), 0.0, **waters)
    assert kinds(opened(stream.take(4096, 0.0))) == [HELLO]
    stream.receive(syn(), 0.0)
    assert kinds(opened(stream.take(4096, 0.0))) == [SYNACK]
    assert stream.is_open
    return stream


def test_before_a_host_calls_there_is_no_room() -> None:
    stream = ResponderStream(Terms(), 0.0)
    assert (stream.is_open, stream.room, stream.has_data) == (False, 0, False)
    assert "within 2 s: nothing came" in str(stream.why_not_open(2.0))
    stream.receive(b"login: ", 0.0)
    assert "7 bytes came, none of a server" in str(stream.why_not_open(2.0))
    stream.lose(OSError("unplugged"))
    assert str(stream.why_not_open(2.0)) == "unplugged"


def test_bytes_go_both_ways() -> None:
    stream = called()
    stream.write(b"question")
    assert stream.queued == 8
    (packet,) = opened(stream.take(4096, 0.0))
    assert (packet.kind, packet.payload, stream.queued) == (DATA, b"question", 0)
    stream.receive(data(0, b"answer", ack=1), 0.1)
    assert stream.has_data
    assert (stream.read(), stream.read(), stream.has_data) == (b"answer", b"", False)


def test_room_ends_at_the_high_water() -> None:
    stream = called(send_high_water=10)
    assert stream.room == 10
    stream.write(b"1234567")
    assert stream.room == 3
    stream.write(bytes(300))  # who writes may go beyond it
    assert stream.room == 0
    stream.take(4096, 0.0)
    assert stream.room == 10


def test_who_does_not_read_takes_the_peers_credit_until_it_does() -> None:
    stream = called(receive_high_water=10)
    stream.receive(data(0, b"0123456789"), 0.1)
    assert opened(stream.take(4096, 0.1))[-1].credit == 15
    stream.receive(data(1, b"x"), 0.2)
    assert opened(stream.take(4096, 0.2))[-1].credit == 0
    assert stream.read() == b"0123456789x"
    (packet,) = opened(stream.take(4096, 0.2))
    assert (packet.kind, packet.credit) == (ACK, 15)


def test_a_host_that_calls_again_before_it_has_said_anything_hears_everything() -> None:
    stream = called()
    stream.write(b"hello")
    stream.take(4096, 0.0)
    stream.receive(syn(77), 0.1)  # our HELLO and its first SYN had crossed each other
    packets = opened(stream.take(4096, 0.1))
    assert [(packet.kind, packet.payload) for packet in packets[1:]] == [(DATA, b"hello")]
    assert stream.error is None


def test_a_host_that_calls_again_later_has_lost_its_memory() -> None:
    stream = called()
    stream.receive(data(0, b"welcome"), 0.1)
    stream.receive(syn(77), 0.2)
    assert isinstance(stream.error, LinkLost) and "the host began a new session" in str(stream.error)
    assert stream.read() == b"welcome"  # what came before the end is still there
    with pytest.raises(LinkLost, match="new session"):
        stream.write(b"x")


def test_what_a_host_ends_in_order_is_closed() -> None:
    stream = called()
    stream.receive(seal(FIN, 15, 0, 0), 0.1)
    stream.receive(syn(77), 0.2)
    stream.receive(data(0, b"x"), 0.2)
    stream.receive(seal(FIN, 15, 0, 0), 0.3)
    assert isinstance(stream.error, LinkClosed)
    assert stream.room == 0


def test_an_end_on_this_side_says_fin_and_nothing_more() -> None:
    stream = called()
    stream.write(b"never")
    stream.finish()
    assert kinds(opened(stream.take(4096, 0.1))) == [FIN]
    assert isinstance(stream.error, LinkClosed) and "closed on this side" in str(stream.error)
    stream.lose(OSError("later"))
    assert isinstance(stream.error, LinkClosed)  # the first one counts


def test_the_end_of_the_link_below_is_a_loss() -> None:
    stream = called()
    stream.lose(EOFError("gone"))
    assert isinstance(stream.error, LinkLost) and str(stream.error) == "the line ended"


def test_what_a_person_should_know_is_kept_for_the_log() -> None:
    stream = called()
    stream.printed("booting\r\n")
    stream.warned("no such thing")
    assert list(stream.said) == [(False, "says: booting"), (True, "no such thing")]
