"""The CRC that a session has: docs/board-protocol.md, section 1."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.boards.c.bench import LinkBench, ack, data
from tests.boards.c.packets import DATA, HELLO, NAK, SYNACK, Packet, hello, syn, synack

Make = Callable[..., LinkBench]


def kinds(packets: list[Packet]) -> list[int]:
    return [packet.kind for packet in packets]


def test_agreed_on_it_is_in_every_packet_of_both_directions(bench: Make) -> None:
    link = bench()
    assert synack(link.connect(long_crc=True))["flags"] == 2
    assert kinds(link.ask(data(b"in", 0))) and link.messages == [b"in"]
    assert link.send(b"out")
    assert [packet.payload for packet in link.ask(ack(0))] == [b"out"]  # the bench reads nothing but CRC-32 now


def test_a_host_that_does_not_know_it_is_spoken_to_without(bench: Make) -> None:
    link = bench()
    assert synack(link.connect(long_crc=False))["flags"] == 0
    link.ask(data(b"in", 0))
    assert link.messages == [b"in"]


def test_a_small_client_never_agrees(small_library: ctypes.CDLL) -> None:
    link = LinkBench(small_library)
    assert synack(link.connect(long_crc=True))["flags"] == 0
    link.ask(data(b"in", 0))
    assert link.messages == [b"in"]


def test_a_packet_with_the_other_one_is_damaged(bench: Make) -> None:
    link = bench()
    link.connect(long_crc=True)
    link.line.to_board += data(b"in", 0).wire(long_crc=False)
    assert kinds(link.ask()) == [NAK]
    assert (link.messages, link.counters.damaged) == ([], 1)


def test_it_ends_with_its_session(bench: Make) -> None:
    link = bench()
    link.connect(long_crc=True)
    link.library.sigb_link_finish(link.link)
    link.ask()
    link.long_crc = False
    assert kinds(link.ask(data(b"old", 0))) == [HELLO]
    assert synack(link.connect(sid=9, long_crc=False))["flags"] == 0
    link.ask(data(b"new", 0))
    assert link.messages == [b"new"]


def test_it_goes_on_when_its_session_does(bench: Make) -> None:
    link = bench()
    link.connect(long_crc=True)
    link.send(b"out")
    link.ask(ack(0))
    link.library.sigb_link_reopened(link.link)
    (asked,) = link.ask()
    assert hello(asked) == 0x01020304
    assert kinds(link.ask(syn(resume=True, long_crc=True))) == [SYNACK, DATA]


@given(st.data())
def test_what_two_flipped_bytes_make_of_a_packet_is_not_taken(library: ctypes.CDLL, drawn: st.DataObject) -> None:
    link = LinkBench(library, mtu=48)
    link.connect(long_crc=True)
    wire = bytearray(data(drawn.draw(st.binary(min_size=1, max_size=48)), 0).wire(long_crc=True))
    for place in drawn.draw(st.sets(st.integers(1, len(wire) - 2), min_size=1, max_size=2)):
        wire[place] ^= drawn.draw(st.integers(1, 255))
    link.line.to_board += wire
    link.poll()
    assert link.messages == []
