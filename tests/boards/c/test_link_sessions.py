"""Sessions of the link: docs/board-protocol.md, section 2, from the board's side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.boards.c.bench import LinkBench, ack, data
from tests.boards.c.packets import ACK, DATA, FIN, HELLO, NAK, PART, PING, SYN, SYNACK, Packet, hello, syn, synack

Make = Callable[..., LinkBench]
SID, OTHER = 0x01020304, 0x11223344


def kinds(packets: list[Packet]) -> list[int]:
    return [packet.kind for packet in packets]


def test_hello_at_the_start_and_every_second(bench: Make) -> None:
    link = bench(credit=3)
    (first,) = link.ask()
    assert (hello(first), first.credit, first.seq, first.ack) == (0, 3, 0, 0)
    assert link.ask(ms=999) == []
    assert kinds(link.ask(ms=1)) == [HELLO]
    assert link.ask(ms=500) == [] and kinds(link.ask(ms=500)) == [HELLO]


@pytest.mark.parametrize("kind", [DATA, ACK, NAK, PING, FIN, PART])
def test_hello_is_the_answer_to_all_but_syn_while_not_connected(bench: Make, kind: int) -> None:
    link = bench()
    link.ask()
    assert kinds(link.ask(Packet(kind, ack=7))) == [HELLO]
    assert link.messages == [] and not link.connected


@pytest.mark.parametrize("kind", [0, SYNACK, HELLO, 10, 15])
def test_what_no_host_sends_is_not_answered(bench: Make, kind: int) -> None:
    link = bench()
    link.ask()
    assert link.ask(Packet(kind, bytes(12))) == []
    link.connect()
    assert link.ask(Packet(kind, bytes(12))) == []
    assert link.counters.ignored == 2


def test_syn_begins_a_session(bench: Make) -> None:
    link = bench(window=3, mtu=100, credit=2, message=512)
    link.ask()
    answer = link.connect(keepalive=25)
    assert (answer.seq, answer.ack, answer.credit) == (0, 0, 2)
    assert synack(answer) == {
        "version": 1, "flags": 0, "sid": SID, "mtu": 100, "window": 3, "keepalive": 25, "dialect": 0, "message": 512,
    }  # fmt: skip
    assert link.connected and link.sessions == 1


def test_without_parts_it_takes_no_messages_in_parts(small_library: object) -> None:
    link = LinkBench(small_library)  # type: ignore[arg-type]
    assert synack(link.connect())["message"] == 0
    assert link.ask(Packet(PART, b"a", 0)) == [] and link.messages == [] and link.counters.ignored == 1


def test_the_same_syn_again_forgets_nothing(bench: Make) -> None:
    link = bench()
    link.connect()
    link.send(b"one")
    (sent,) = link.ask()
    link.ask(data(b"in", 0))
    answers = link.ask(syn())  # its SYNACK was lost
    assert kinds(answers) == [SYNACK, DATA]
    assert (answers[0].ack, answers[1].payload, answers[1].seq, sent.seq) == (1, b"one", 0, 0)
    assert link.sessions == 1 and link.messages == [b"in"]
    assert link.ask(data(b"in", 0)) == [Packet(ACK, ack=1, credit=1)]  # came before: acknowledged again
    assert link.messages == [b"in"] and link.counters.doubled == 1


def test_syns_in_one_piece_are_answered_once(bench: Make) -> None:
    link = bench()
    assert kinds(link.ask(syn(), syn(), syn())) == [SYNACK]
    assert link.sessions == 1


def test_resume_sends_again_what_is_not_acknowledged(bench: Make) -> None:
    link = bench(window=3)
    link.connect()
    for message in (b"a", b"b", b"c"):
        link.send(message)
    assert len(link.ask()) == 3
    link.poll(3000)
    assert not link.connected and kinds(link.ask()) == [HELLO]
    answers = link.ask(syn(resume=True, ack=1))
    assert kinds(answers) == [SYNACK, DATA, DATA]
    assert [packet.payload for packet in answers[1:]] == [b"b", b"c"]
    assert [packet.seq for packet in answers[1:]] == [1, 2]
    assert link.connected and link.sessions == 1


def test_without_resume_the_same_sid_goes_on_too(bench: Make) -> None:
    link = bench()
    link.connect()
    link.send(b"a")
    link.poll(3000)
    link.take()
    assert kinds(link.ask(syn())) == [SYNACK, DATA]
    assert link.sessions == 1


def test_a_session_that_it_does_not_have_is_not_resumed(bench: Make) -> None:
    link = bench()
    link.ask()
    (answer,) = link.ask(syn(OTHER, resume=True))
    assert hello(answer) == 0 and not link.connected
    link.connect()
    link.send(b"a")
    link.ask()
    (answer,) = link.ask(syn(OTHER, resume=True))
    assert hello(answer) == SID and link.sessions == 1 and link.open == 1


def test_another_sid_forgets_the_session_before(bench: Make) -> None:
    link = bench()
    link.connect()
    link.ask(data(b"x", 0), data(b"y", 1))
    link.send(b"a")
    link.send(b"b")
    link.ask()
    answer = link.connect(sid=OTHER)
    assert synack(answer)["sid"] == OTHER and answer.ack == 0
    assert link.open == 0 and link.counters.lost == 2 and link.sessions == 2
    assert link.take() == [] and link.room() is not None
    link.send(b"new")
    assert link.ask() == [Packet(DATA, b"new", 0, 0, 1)]
    link.ask(data(b"z", 0))
    assert link.messages == [b"x", b"y", b"z"]


def test_syn_of_another_version(bench: Make) -> None:
    link = bench()
    link.ask()
    assert hello(link.ask(syn(version=2))[0]) == 0
    link.connect()
    assert hello(link.ask(syn(version=2))[0]) == SID
    assert link.connected


@pytest.mark.parametrize(
    "fields",
    [{"sid": 0}, {"mtu": 15}, {"mtu": 247}, {"window": 0}, {"window": 9}, {"keepalive": 0}, {"rto": 0}],
    ids=str,
)
def test_syn_out_of_range_is_ignored(bench: Make, fields: dict[str, int]) -> None:
    link = bench()
    link.ask()
    assert link.ask(syn(**fields)) == []
    assert not link.connected and link.counters.ignored == 1


def test_syn_of_a_wrong_size_is_ignored_and_of_more_bytes_is_not(bench: Make) -> None:
    link = bench()
    link.ask()
    whole = syn().payload
    assert link.ask(Packet(SYN, whole[:11])) == [] and link.counters.ignored == 1
    assert kinds(link.ask(Packet(SYN, whole + b"abc"))) == [SYNACK]


@pytest.mark.parametrize("kind", [ACK, NAK, PING, FIN])
def test_packets_that_must_be_empty(bench: Make, kind: int) -> None:
    link = bench()
    link.connect()
    assert link.ask(Packet(kind, b"x")) == []
    assert link.counters.ignored == 1 and link.connected


def test_the_smaller_mtu_counts(bench: Make) -> None:
    link = bench(mtu=48, message=48)
    link.connect(mtu=20, message=0)
    assert link.room() == 20
    link.connect(mtu=246, sid=OTHER, message=0)
    assert link.room() == 48


def test_fin_of_the_host(bench: Make) -> None:
    link = bench()
    link.connect()
    link.send(b"a")
    link.ask()
    assert link.ask(Packet(FIN)) == []
    assert not link.connected and link.open == 0 and link.sessions == 2 and link.counters.lost == 1
    assert link.room() is None
    (answer,) = link.ask(ms=1000)
    assert hello(answer) == 0  # it has forgotten the sid
    assert hello(link.ask(syn(resume=True))[0]) == 0
    assert kinds(link.ask(syn())) == [SYNACK]


def test_fin_while_not_connected(bench: Make) -> None:
    link = bench()
    link.connect()
    link.ask(ms=3000)
    assert [hello(packet) for packet in link.ask(Packet(FIN))] == [0]


def test_fin_of_the_board(bench: Make) -> None:
    link = bench()
    link.connect()
    link.ask(data(b"in", 0))
    link.send(b"last")
    link.library.sigb_link_finish(link.link)
    link.poll()
    first, second = link.take()
    assert (first.kind, first.payload) == (DATA, b"last")
    assert (second.kind, second.ack) == (FIN, 1)
    assert not link.connected and link.sessions == 2
    assert hello(link.ask(ms=1000)[0]) == 0


def test_fin_without_a_session_is_nothing(bench: Make) -> None:
    link = bench()
    link.ask()
    link.library.sigb_link_finish(link.link)
    assert link.ask() == []
    link.connect()
    assert link.ask() == [] and link.connected


def test_fin_outlives_a_doubled_syn(bench: Make) -> None:
    link = bench()
    link.connect()
    link.library.sigb_link_finish(link.link)
    assert kinds(link.ask(syn())) == [SYNACK, FIN]


def test_reopened_says_hello_and_begins_with_a_delimiter(bench: Make) -> None:
    link = bench()
    link.connect()
    link.send(b"\x07" * 40)
    link.line.room = 10
    link.poll()
    link.line.to_board += b"half a pack"
    link.poll()
    link.line.room, link.line.from_board[:] = 1 << 30, b""
    link.library.sigb_link_reopened(link.link)
    (answer,) = link.ask()
    assert hello(answer) == SID and not link.connected
    answers = link.ask(syn(resume=True))
    assert kinds(answers) == [SYNACK, DATA] and link.counters.damaged == 0


def test_silence_of_three_keepalives(bench: Make) -> None:
    link = bench()
    link.connect(keepalive=4)
    assert link.ask(ms=1199) == [] and link.connected
    assert link.ask(Packet(PING), ms=1199) == [Packet(ACK, credit=1)]
    link.poll(1199)
    assert link.connected
    link.poll(1)
    assert not link.connected and link.sessions == 1


def test_the_greatest_keepalive(bench: Make) -> None:
    link = bench()
    link.connect(keepalive=255)
    for _ in range(764):
        link.poll(100)
    assert link.connected
    link.poll(100)
    assert not link.connected


def test_what_is_no_packet_keeps_nobody_connected(bench: Make) -> None:
    link = bench()
    link.connect()
    for _ in range(30):
        link.line.to_board += b"\0noise\0"
        link.poll(100)
    assert not link.connected


def test_a_loop_that_blocks_longer_than_keepalive(bench: Make) -> None:
    link = bench(credit=4)
    link.connect()
    link.give(data(b"a", 0), Packet(PING), data(b"b", 1))
    link.poll(9000)
    assert link.connected and link.messages == [b"a", b"b"]
    assert link.take() == [Packet(ACK, ack=2, credit=4)]
    link.give(syn(resume=True))  # the host has missed it
    link.poll(9000)
    assert link.connected and kinds(link.take()) == [SYNACK] and link.sessions == 1
    link.poll(9000)
    assert not link.connected


def test_a_handler_that_blocks(bench: Make) -> None:
    link = bench()

    def slow(message: bytes) -> bool:
        link.line.now += 5000
        return link.send(b"answer")

    link.accepts = slow
    link.connect()
    assert [packet.payload for packet in link.ask(data(b"question", 0))] == [b"answer"]
    assert link.ask(ms=99) == []  # it went just now: no reason to send it again
    link.poll(0)
    assert not link.connected  # nothing was heard for 5 s, though


def test_ack_of_a_packet_that_was_not_sent(bench: Make) -> None:
    link = bench()
    link.connect()
    link.send(b"a")
    link.ask()
    for number in (2, 3, 200, 255):
        link.ask(ack(number))
        assert link.open == 1
    link.ask(ack(1))
    assert link.open == 0
