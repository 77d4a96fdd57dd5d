"""Messages in parts: docs/board-protocol.md, section 3, from the board's side."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

from tests.boards.c.bench import LinkBench, ack, data
from tests.boards.c.packets import ACK, DATA, NAK, PART, Packet, syn

Make = Callable[..., LinkBench]
LONG = bytes(range(256))


def part(message: bytes, seq: int) -> Packet:
    return Packet(PART, message, seq)


def test_a_long_message_goes_in_parts(bench: Make) -> None:
    link = bench(window=8, message=256)
    link.connect()
    assert link.room() == 256
    link.send(LONG)
    sent = link.ask()
    assert [packet.kind for packet in sent] == [PART] * 5 + [DATA]
    assert [packet.seq for packet in sent] == list(range(6))
    assert [len(packet.payload) for packet in sent] == [48] * 5 + [16]
    assert b"".join(packet.payload for packet in sent) == LONG


@pytest.mark.parametrize("size", [1, 47, 48])
def test_what_fits_a_packet_goes_as_one(bench: Make, size: int) -> None:
    link = bench(message=256)
    link.connect()
    link.send(LONG[:size])
    assert link.ask() == [Packet(DATA, LONG[:size], 0, 0, 1)]


def test_what_fits_two(bench: Make) -> None:
    link = bench(message=256)
    link.connect()
    link.send(LONG[:96])
    assert [(packet.kind, len(packet.payload)) for packet in link.ask()] == [(PART, 48), (DATA, 48)]


def test_the_host_says_how_long_a_message_may_be(bench: Make) -> None:
    for message, room in ((0, 48), (1, 48), (100, 100), (65535, 200)):
        link = bench(message=200)
        link.connect(message=message)
        assert link.room() == room


def test_parts_go_as_slots_become_free(bench: Make) -> None:
    link = bench(window=2, message=256)
    link.connect()
    link.send(LONG)
    sent = link.ask()
    for number in range(1, 6):
        assert link.room() is None
        sent += link.ask(ack(number))
    assert b"".join(packet.payload for packet in sent) == LONG and link.room() == 256


def test_the_parts_of_two_messages_do_not_mix(bench: Make) -> None:
    link = bench(window=2, message=256)
    link.connect()
    link.send(b"short")
    link.send(LONG[:100])
    sent = [packet for number in range(5) for packet in link.ask(ack(number))]
    assert [packet.kind for packet in sent] == [DATA, PART, PART, DATA]
    assert b"".join(packet.payload for packet in sent[1:]) == LONG[:100]


def test_parts_are_sent_again(bench: Make) -> None:
    link = bench(window=3, message=256)
    link.connect()
    link.send(LONG[:144])
    first = link.ask()
    assert link.ask(Packet(NAK, ack=1)) == first[1:]


def test_a_new_session_forgets_the_rest_of_a_message(bench: Make) -> None:
    link = bench(window=1, message=256)
    link.connect()
    link.send(LONG)
    link.ask()
    link.ask(part(b"half a ", 0))
    link.connect(sid=77)
    assert link.room() == 256 and link.open == 0
    link.ask(data(b"whole", 0))
    assert link.messages == [b"whole"]


def test_a_resumed_session_goes_on_within_a_message(bench: Make) -> None:
    link = bench(window=1, message=256)
    link.connect()
    link.ask(part(b"half ", 0))
    link.send(LONG[:96])
    sent = link.ask()
    link.ask(ms=3000)
    sent += [packet for packet in link.ask(syn(resume=True, ack=1)) if packet.kind == DATA]
    assert b"".join(packet.payload for packet in sent) == LONG[:96]
    link.ask(data(b"and half", 1))
    assert link.messages == [b"half and half"]


def test_parts_are_joined(bench: Make) -> None:
    link = bench(credit=8, message=256)
    link.connect()
    parts = [LONG[at : at + 40] for at in range(0, 256, 40)]
    link.give(*(part(each, seq) for seq, each in enumerate(parts[:-1])))
    assert link.ask() == [Packet(ACK, ack=6, credit=8)]
    assert link.messages == []
    link.ask(data(parts[-1], 6))
    link.ask(data(b"short", 7))
    assert link.messages == [LONG, b"short"]


def test_empty_parts(bench: Make) -> None:
    link = bench()
    link.connect()
    link.ask(part(b"", 0), part(b"a", 1), part(b"", 2), data(b"", 3), part(b"", 4), data(b"", 5))
    assert link.messages == [b"a", b""]


def test_a_message_that_is_too_long_is_dropped_and_counted(bench: Make) -> None:
    link = bench(message=50)
    link.connect()
    link.ask(part(bytes(48), 0), data(bytes(2), 1))
    assert link.messages == [bytes(50)]
    answers = link.ask(part(bytes(48), 2), part(bytes(3), 3), part(b"x", 4), data(b"y", 5))
    assert answers == [Packet(ACK, ack=6, credit=1)]
    link.ask(part(bytes(48), 6), data(bytes(3), 7), data(b"next", 8))
    assert link.messages == [bytes(50), b"next"] and link.counters.ignored == 2


def test_the_last_part_of_a_refused_message_comes_again(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(b"event")
    link.ask()
    link.accepts = lambda message: link.send(b"answer to " + message)
    assert link.ask(part(b"long ", 0)) == [Packet(ACK, ack=1, credit=1)]
    assert link.ask(data(b"question", 1)) == []
    assert link.ask(ack(1)) == [Packet(NAK, ack=1, credit=1)]
    (answer,) = link.ask(data(b"question", 1))
    assert answer.payload == b"answer to long question" and link.messages == [b"long question"]


def test_a_request_waits_until_a_long_message_has_gone(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(LONG[:60])
    link.ask()
    link.accepts = lambda message: link.send(b"answer")
    assert link.ask(data(b"question", 0)) == []
    assert [packet.kind for packet in link.ask(ack(1))] == [DATA]  # the rest of the long one
    assert link.ask(ack(2)) == [Packet(NAK, ack=0, credit=1)]


def test_memory(library: ctypes.CDLL) -> None:
    for how in (
        {"window": 0}, {"window": 9}, {"mtu": 15}, {"mtu": 247, "message": 300}, {"credit": 0}, {"credit": 16},
        {"mtu": 48, "message": 47}, {"message": 65535},
    ):  # fmt: skip
        assert LinkBench(library, **how).status == -7, how
    assert LinkBench(library, window=8, mtu=246, credit=15, message=65534).status == 0
    assert LinkBench(library, window=1, mtu=16, credit=1, message=16).status == 0
