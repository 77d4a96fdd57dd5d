"""Order and repetition: docs/board-protocol.md, section 3, from the board's side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.boards.c.bench import LinkBench, ack, data
from tests.boards.c.packets import ACK, DATA, NAK, PING, SYNACK, Packet, syn

Make = Callable[..., LinkBench]


def payloads(packets: list[Packet]) -> list[bytes]:
    return [packet.payload for packet in packets if packet.kind == DATA]


def fill(link: LinkBench, count: int) -> None:
    for number in range(count):
        assert link.send(bytes((number,)))


# ---- receiving


def test_messages_arrive_once_and_are_acknowledged_together(bench: Make) -> None:
    link = bench(credit=8)
    link.connect()
    answers = link.ask(*(data(bytes((number,)), number) for number in range(5)))
    assert link.messages == [b"\0", b"\1", b"\2", b"\3", b"\4"]
    assert answers == [Packet(ACK, ack=5, credit=8)]
    assert link.ask() == []


def test_an_acknowledgement_rides_on_what_is_sent_anyhow(bench: Make) -> None:
    link = bench()
    link.connect()
    link.accepts = lambda message: link.send(b"answer")
    assert link.ask(data(b"question", 0)) == [Packet(DATA, b"answer", 0, 1, 1)]


def test_a_message_may_be_empty(bench: Make) -> None:
    link = bench()
    link.connect()
    assert link.ask(data(b"", 0)) == [Packet(ACK, ack=1, credit=1)]
    assert link.messages == [b""]


def test_numbers_wrap(bench: Make) -> None:
    link = bench()
    link.connect()
    for number in range(600):
        link.ask(data(number.to_bytes(2, "big"), number))
    assert link.messages == [number.to_bytes(2, "big") for number in range(600)]
    link.ask(data(b"old", 599 - 127))
    assert link.counters.doubled == 1 and len(link.messages) == 600


def test_one_from_before_is_acknowledged_again(bench: Make) -> None:
    link = bench()
    link.connect()
    link.ask(data(b"a", 0), data(b"b", 1))
    for seq in (0, 1, 2 - 128):
        assert link.ask(data(b"?", seq)) == [Packet(ACK, ack=2, credit=1)]
    assert link.messages == [b"a", b"b"] and link.counters.doubled == 3


def test_one_ahead_is_asked_for_once(bench: Make) -> None:
    link = bench()
    link.connect()
    assert link.ask(data(b"b", 1)) == [Packet(NAK, ack=0, credit=1)]
    assert link.ask(data(b"c", 2), data(b"d", 3)) == []
    link.ask(data(b"a", 0), data(b"b", 1))
    assert link.messages == [b"a", b"b"]
    assert link.ask(data(b"d", 3)) == [Packet(NAK, ack=2, credit=1)]
    assert link.ask(data(b"x", 2 + 127)) == []


def test_nak_in_answer_to_nak_three_times_while_one_ahead_has_come(bench: Make) -> None:
    link = bench()
    link.connect()
    nak, acknowledged = Packet(NAK, credit=1), Packet(ACK, credit=1)
    assert link.ask(Packet(NAK)) == [acknowledged]  # nothing is missing
    assert link.ask(data(b"b", 1)) == [nak]
    assert [link.ask(Packet(NAK)) for _ in range(5)] == [[nak]] * 3 + [[acknowledged]] * 2
    link.ask(data(b"a", 0))
    assert link.ask(Packet(NAK)) == [Packet(ACK, ack=1, credit=1)]
    assert link.ask(data(b"c", 2)) == [Packet(NAK, ack=1, credit=1)]
    assert link.ask(Packet(NAK)) == [Packet(NAK, ack=1, credit=1)]


def test_whatever_is_damaged_is_asked_for(bench: Make) -> None:
    link = bench()
    link.connect()
    wire = bytearray(data(b"a", 0).wire())
    wire[4] ^= 1
    for times in range(1, 4):
        link.line.to_board += wire
        assert link.ask() == [Packet(NAK, credit=1)] and link.counters.damaged == times
    assert link.ask(data(b"a", 0)) == [Packet(ACK, ack=1, credit=1)]


def test_a_nak_that_is_not_needed_any_more_is_not_sent(bench: Make) -> None:
    link = bench()
    link.connect()
    assert link.ask(data(b"b", 1), data(b"a", 0)) == [Packet(ACK, ack=1, credit=1)]


def test_no_nak_while_not_connected(bench: Make) -> None:
    link = bench()
    link.ask()
    link.line.to_board += b"\0\x01\x02garbage\0"
    assert link.ask() == [] and link.counters.damaged == 1


def test_too_long_packets(bench: Make) -> None:
    link = bench(mtu=48, message=48)
    link.connect()
    assert link.ask(data(bytes(48), 0))[0].kind == ACK
    assert link.ask(data(bytes(49), 1)) == [Packet(NAK, ack=1, credit=1)]
    link.line.to_board += bytes(range(1, 256)) * 10
    assert link.ask(data(b"x", 1), ms=100)[-1] == Packet(ACK, ack=2, credit=1)
    assert link.messages == [bytes(48), b"x"] and link.counters.damaged == 2


# ---- refusing


def test_what_can_not_be_used_now_is_asked_for_when_it_can(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(b"event")
    link.ask()
    link.accepts = lambda message: link.send(b"answer")
    assert link.ask(data(b"question", 0)) == []  # no slot: neither an answer nor NAK nor ACK
    assert link.ask(data(b"next", 1), ms=50) == []
    assert link.ask(ack(1)) == [Packet(NAK, ack=0, credit=1)]
    assert link.ask() == []
    (answer,) = link.ask(data(b"question", 0))
    assert (answer.payload, answer.ack) == (b"answer", 1) and link.messages == [b"question"]


def test_it_is_refused_as_often_as_it_comes_too_early(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(b"event")
    link.ask()
    link.accepts = lambda message: link.send(b"answer")
    for _ in range(3):
        assert link.ask(data(b"question", 0)) == []
    assert link.ask(ack(1)) == [Packet(NAK, ack=0, credit=1)]
    assert link.messages == []


def test_a_lost_nak_is_not_waited_for(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(b"event")
    link.ask()
    link.accepts = lambda message: link.send(b"answer")
    link.ask(data(b"question", 0))
    link.ask(ack(1))  # its NAK is lost; the host sends again after its time
    (answer,) = link.ask(data(b"question", 0), ms=90)
    assert answer.payload == b"answer"


def test_damage_after_a_refusal(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(b"event")
    link.ask()
    link.accepts = lambda message: link.send(b"answer")
    link.ask(data(b"question", 0))
    link.line.to_board += b"\0nonsense\0"
    assert link.ask(ms=30) == []  # it could not be used yet
    assert link.ask(ack(1)) == [Packet(NAK, credit=1)]
    link.line.to_board += b"\0nonsense\0"
    assert link.ask(ms=30) == [Packet(NAK, credit=1)]


# ---- sending


def test_no_more_than_a_window(bench: Make) -> None:
    for own, peer, credit in ((2, 8, 15), (8, 3, 15), (8, 8, 4), (1, 8, 15), (8, 8, 1)):
        link = bench(window=own, credit=8)
        link.connect(window=peer, credit=credit)
        fill(link, own)
        assert link.room() is None
        sent = link.ask()
        assert [packet.seq for packet in sent] == list(range(min(own, peer, credit)))
        assert link.ask(ms=10) == []


def test_credit_of_each_packet_counts(bench: Make) -> None:
    link = bench(window=8)
    link.connect(credit=1)
    fill(link, 8)
    assert payloads(link.ask()) == [b"\0"]
    assert payloads(link.ask(ack(1, credit=3))) == [b"\1", b"\2", b"\3"]
    assert payloads(link.ask(ack(3, credit=1))) == []
    assert payloads(link.ask(ack(4, credit=2))) == [b"\4", b"\5"]


@pytest.mark.parametrize("window", range(1, 9))
def test_sequence_wraps_with_every_window(bench: Make, window: int) -> None:
    link = bench(window=window)
    link.connect()
    sent: list[bytes] = []
    expected, number, seqs = 0, 0, []
    while number < 700:
        while number < 700 and link.send(number.to_bytes(2, "big")):
            number += 1
        for packet in link.ask(ack(expected)):
            if packet.kind == DATA and packet.seq == expected % 256:
                sent.append(packet.payload)
                seqs.append(packet.seq)
                expected += 1
            if number % 3 == 0:  # acknowledgements come for some of them only
                link.give(ack(expected))
    while link.open:
        for packet in link.ask(ack(expected)):
            sent.append(packet.payload)
            expected += 1
    assert sent == [number.to_bytes(2, "big") for number in range(700)]
    assert link.counters.resent == 0


@pytest.mark.parametrize("window", range(1, 9))
def test_going_back_across_the_wrap(bench: Make, window: int) -> None:
    link = bench(window=window)
    link.connect()
    for number in range(250):
        fill(link, 1)
        link.ask()
        link.ask(ack(number + 1))
    expected = 250
    for turn in range(20):
        fill(link, window - link.open)
        first = link.ask()
        again = link.ask(Packet(NAK, ack=expected, credit=15))
        assert [packet.seq for packet in again] == [(expected + i) % 256 for i in range(window)], turn
        assert len(first) <= window
        expected += 1
        link.ask(ack(expected))
    assert link.counters.resent == 20


def test_nak_sends_everything_again_from_ack_on(bench: Make) -> None:
    link = bench(window=4)
    link.connect()
    fill(link, 4)
    link.ask()
    assert payloads(link.ask(Packet(NAK, ack=1))) == [b"\1", b"\2", b"\3"]
    assert link.counters.resent == 1 and link.open == 3


def test_nak_without_anything_open(bench: Make) -> None:
    link = bench()
    link.connect()
    assert link.ask(Packet(NAK)) == [Packet(ACK, credit=1)] and link.counters.resent == 0


def test_ack_counts_up_to_the_highest_that_was_ever_sent(bench: Make) -> None:
    link = bench(window=4)
    link.connect()
    fill(link, 4)
    link.ask()
    link.line.room = 0
    link.ask(Packet(NAK, ack=0))  # it has gone back, and can't send
    assert link.open == 4
    link.ask(ack(4))  # but all had come the first time
    assert link.open == 0
    link.line.room = 1 << 30
    link.poll()
    link.line.from_board.clear()  # a packet that was begun is finished
    link.send(b"next")
    assert [packet.seq for packet in link.ask()] == [4]


def test_a_slot_is_not_taken_while_it_is_sent_again(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    assert link.send(b"first one")
    link.ask()
    link.line.room = 5
    link.give(Packet(NAK))
    link.poll()  # the first bytes of it go again
    link.give(ack(1))
    link.poll()
    assert link.open == 0 and link.room() is None
    link.line.room = 1 << 30
    assert link.ask() == [Packet(DATA, b"first one", 0, 0, 1)]
    assert link.send(b"second") and link.ask() == [Packet(DATA, b"second", 1, 0, 1)]


def test_a_slot_of_the_old_session_that_is_still_going(bench: Make) -> None:
    link = bench(window=1)
    link.connect()
    link.send(b"old one")
    link.line.room = 5
    link.poll()
    link.give(syn(0x55667788))
    link.poll()
    assert link.room() is None
    link.line.room = 1 << 30
    old, answer = link.ask()
    assert (old.payload, answer.ack) == (b"old one", 0)
    assert link.send(b"new") and link.ask() == [Packet(DATA, b"new", 0, 0, 1)]


# ---- the retransmit time


def test_retransmit_time_doubles_up_to_a_second_and_is_as_before(bench: Make) -> None:
    link = bench(window=2)
    link.connect(rto=10, keepalive=255)
    fill(link, 2)
    assert len(link.ask()) == 2
    for wait in (100, 200, 400, 800, 1000, 1000):
        assert link.ask(ms=wait - 1) == []
        assert payloads(link.ask(ms=1)) == [b"\0", b"\1"]
    assert link.counters.resent == 6
    assert link.ask(ack(1)) == []
    assert link.ask(ms=99) == [] and payloads(link.ask(ms=1)) == [b"\1"]


def test_a_long_retransmit_time_stays(bench: Make) -> None:
    link = bench(window=1)
    link.connect(rto=255, keepalive=255)
    fill(link, 1)
    link.ask()
    for _ in range(3):
        assert link.ask(ms=2549) == [] and payloads(link.ask(ms=1)) == [b"\0"]


def test_twelve_tries(bench: Make) -> None:
    link = bench(window=1)
    link.connect(rto=1, keepalive=255)
    fill(link, 1)
    link.ask()
    for _ in range(12):
        assert payloads(link.ask(ms=1000)) == [b"\0"] and link.connected
    link.poll(1000)
    assert not link.connected and link.open == 1
    link.take()
    assert payloads(link.ask(syn(resume=True))) == [b"\0"]  # the session is still there
    link.ask(ack(1))
    assert link.open == 0 and link.connected


def test_an_acknowledgement_makes_the_tries_count_anew(bench: Make) -> None:
    link = bench(window=2)
    link.connect(rto=1, keepalive=255)
    fill(link, 2)
    link.ask()
    for number in (1, 2):
        for _ in range(12):
            link.ask(ms=1000)
        link.ask(ack(number))
    assert link.connected and link.open == 0


def test_the_time_runs_from_the_last_byte_of_a_packet(bench: Make) -> None:
    link = bench(window=1, mtu=100)
    link.connect(rto=10, keepalive=255)
    link.send(b"\x01" * 100)
    link.line.room = 0
    for _ in range(108):
        link.line.room = 1
        link.poll(10)  # a second for one packet, ten times rto
    assert link.counters.resent == 0 and link.open == 1
    link.take()
    assert link.ask(ms=99) == []
    link.line.room = 1 << 30
    assert payloads(link.ask(ms=1)) == [b"\x01" * 100]


def test_credit_0_is_asked_about(bench: Make) -> None:
    link = bench(window=2)
    link.connect(credit=0)
    assert link.ask(ms=300) == []  # nothing to send
    fill(link, 2)
    assert link.ask() == [Packet(PING, credit=1)]  # nothing went for longer than rto
    assert link.ask(ms=99) == []
    assert link.ask(ms=1) == [Packet(PING, credit=1)]
    assert link.ask(ack(0, credit=0), ms=99) == []
    assert link.ask(ms=1) == [Packet(PING, credit=1)]
    assert payloads(link.ask(ack(0, credit=1), ms=50)) == [b"\0"]


def test_credit_0_with_open_packets(bench: Make) -> None:
    link = bench(window=2)
    link.connect(keepalive=255)
    fill(link, 2)
    assert len(link.ask()) == 2
    assert link.ask(ack(1, credit=0)) == []
    assert link.ask(ms=100) == []  # it goes back, but must not send
    assert link.ask(ms=100) == [Packet(PING, credit=1)]
    assert payloads(link.ask(ack(1, credit=1))) == [b"\1"]


def test_ping_is_answered_by_whatever_goes(bench: Make) -> None:
    link = bench()
    link.connect()
    assert link.ask(Packet(PING)) == [Packet(ACK, credit=1)]
    fill(link, 1)
    assert link.ask(Packet(PING)) == [Packet(DATA, b"\0", 0, 0, 1)]


# ---- lines and clocks


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_a_line_that_takes_few_bytes_at_once(bench: Make, at_once: int) -> None:
    link = bench(window=4, mtu=100)
    link.line.at_once = at_once
    link.connect()
    message = bytes(range(50)) + bytes(50)
    for _ in range(4):
        link.send(message)
    assert payloads(link.ask()) == [message] * 4


def test_a_line_that_takes_a_byte_now_and_then(bench: Make) -> None:
    link = bench(window=2)
    link.line.room = 0
    link.give(syn(keepalive=255, rto=255), data(b"in", 0))
    for turn in range(400):
        link.line.room = turn % 2
        link.poll(1)
        if turn == 150:
            assert link.send(b"b\0b")
    first, *rest = link.take()
    assert first.kind == SYNACK and link.messages == [b"in"]
    assert [packet.payload for packet in rest] == [b"b\0b"] and rest[0].ack == 1


def test_bytes_come_one_by_one(bench: Make) -> None:
    link = bench()
    link.connect()
    for byte in data(b"\0\1\0\2", 0).wire():
        link.line.to_board.append(byte)
        link.poll()
    assert link.messages == [b"\0\1\0\2"]


def test_one_delimiter_between_packets_is_enough(bench: Make) -> None:
    link = bench()
    link.connect()
    link.line.to_board += data(b"a", 0).wire() + data(b"b", 1).wire()[1:] + b"\0\0\0" + data(b"c", 2).wire()
    link.poll()
    assert link.messages == [b"a", b"b", b"c"] and link.counters.damaged == 0


@pytest.mark.parametrize("start", [65_000, 65_436, 65_500, 65_535])
def test_the_clock_wraps(bench: Make, start: int) -> None:
    link = bench(window=1)
    link.line.now = start
    link._init()
    link.ask()
    assert link.ask(ms=999) == [] and len(link.ask(ms=1)) == 1  # HELLO
    link.line.now = start
    link.connect(keepalive=3)
    link.line.now = start
    link.poll()
    fill(link, 1)
    link.ask(Packet(ACK))
    assert link.ask(ms=99) == [] and payloads(link.ask(ms=1)) == [b"\0"]
    link.ask(ack(1))
    link.poll(899)
    assert link.connected
    link.poll(1)
    assert not link.connected


def test_a_line_that_never_runs_dry(bench: Make) -> None:
    link = bench()
    link.connect()
    link.line.to_board += b"\x02" * 100_000
    link.poll()
    assert len(link.line.to_board) > 90_000  # it has come back
    while link.line.to_board:
        link.poll()
    assert link.ask(data(b"x", 0), ms=100)[-1].kind == ACK
