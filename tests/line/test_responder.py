"""The other end of a line, for programs, fed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import LinkClosed, LinkLost
from sig_core.line.handshake import BINARY, read_hello, read_synack
from sig_core.line.packets import ACK, DATA, FIN, HELLO, NAK, PART, PING, SYN, SYNACK, Packet, seal
from sig_core.line.responder import LineResponder
from tests.line.harness import SID, Top, answer_line, data, kinds, syn, taken


def connected(**terms: Any) -> tuple[LineResponder, Top]:
    line, top = answer_line(**terms)
    line.receive(syn(), 0.0)
    assert kinds(taken(line, 0.0)) == [SYNACK]
    assert line.up and top.told == ["fresh"]
    return line, top


def hello_of(packets: list[Packet]) -> int:
    (packet,) = packets
    found = read_hello(packet.payload)
    assert packet.kind == HELLO and found is not None
    return found.sid


def test_it_says_hello_when_it_starts_and_every_second() -> None:
    line, _ = answer_line()
    said, now = [], 0.0
    while now < 3.5:
        line.tick(now)
        said += [round(now, 1) for kind in kinds(taken(line, now)) if kind == HELLO]
        now += 0.125
    assert said == [0.0, 1.0, 2.0, 3.0]


def test_what_it_offers() -> None:
    line, _ = answer_line()
    line.receive(syn(keepalive=0.7, long_crc=True), 0.0)
    (packet,) = taken(line, 0.0)
    found = read_synack(packet.payload)
    assert found is not None
    assert (found.sid, found.mtu, found.window, found.dialect, found.message) == (SID, 246, 8, BINARY, 0)
    assert (found.keepalive, found.long_crc) == (0.7, True)


def test_syn_of_its_session_takes_it_up_where_it_was() -> None:
    line, top = connected()
    top.out.append(b"abc")
    assert kinds(taken(line, 0.0)) == [DATA]
    line.receive(data(0, b"x"), 0.0)
    line.receive(syn(resume=True), 0.1)
    packets = taken(line, 0.1)
    assert [(packet.kind, packet.seq, packet.ack) for packet in packets] == [(SYNACK, 0, 1), (DATA, 0, 1)]
    line.receive(syn(ack=1), 0.2)
    assert kinds(taken(line, 0.2)) == [SYNACK]
    assert top.told == ["fresh"] and top.got == [b"x"]


def test_syn_of_another_session_begins_anew() -> None:
    line, top = connected()
    top.out.append(b"abc")
    taken(line, 0.0)
    line.receive(syn(77), 0.1)
    assert isinstance(top.ends[0][0], LinkLost) and top.ends[0][1] == 1
    assert top.told[-1] == "fresh" and line.sid == 77
    top.out.append(b"d")
    assert [(packet.kind, packet.seq) for packet in taken(line, 0.1)] == [(SYNACK, 0), (DATA, 0)]


@pytest.mark.parametrize("up", [False, True])
def test_syn_that_resumes_another_session_is_answered_by_hello(up: bool) -> None:
    line, top = connected() if up else answer_line()
    taken(line, 0.0)
    line.receive(syn(77, resume=True), 0.1)
    assert hello_of(taken(line, 0.1)) == (SID if up else 0)
    assert not top.ends and line.up == up


@pytest.mark.parametrize("payload", [bytes(11), b"\xff" * 15])
def test_syn_of_another_version_is_answered_by_hello(payload: bytes) -> None:
    line, _ = answer_line()
    taken(line, 0.0)
    line.receive(seal(SYN, 1, 0, 0, b"\2" + payload), 0.1)
    assert hello_of(taken(line, 0.1)) == 0


@pytest.mark.parametrize("kind", [DATA, PART, ACK, NAK, PING])
def test_other_packets_are_answered_by_hello_while_it_is_not_connected(kind: int) -> None:
    line, top = answer_line()
    taken(line, 0.0)
    line.receive(seal(kind, 1, 0, 0), 0.1)
    assert hello_of(taken(line, 0.1)) == 0
    assert top.told == []


def test_two_programs_on_one_line_do_not_answer_each_other() -> None:
    line, _ = answer_line()
    other, _ = answer_line()
    line.receive(other.take(100, 0.0), 0.0)
    taken(line, 0.0)
    line.receive(other.take(100, 0.0), 0.0)
    assert not line.has_output


def test_silence_and_a_host_that_comes_back() -> None:
    line, top = connected()
    line.tick(2.9)
    assert line.up
    line.tick(3.0)
    assert not line.up and top.told == ["fresh", "away"]
    assert hello_of(taken(line, 3.0)) == SID
    line.receive(syn(resume=True), 3.1)
    assert kinds(taken(line, 3.1)) == [SYNACK]
    assert top.told == ["fresh", "away", "again"]


def test_fin_of_the_host_ends_it_in_order() -> None:
    line, top = connected()
    line.receive(seal(FIN, 0, 0, 0), 0.1)
    assert isinstance(top.ends[0][0], LinkClosed) and line.sid == 0
    line.tick(1.5)
    assert hello_of(taken(line, 1.5)) == 0


def test_after_its_own_fin_nothing_goes_out_any_more() -> None:
    line, top = connected()
    line.finish()
    assert kinds(taken(line, 0.1)) == [FIN]
    for packet in (syn(), syn(88), data(0, b"x"), seal(PING, 1, 0, 0)):
        line.receive(packet, 0.2)
        line.tick(9.0)
        assert not line.has_output and not line.up
    assert top.told == ["fresh"]


def test_it_uses_the_long_crc_if_the_host_knows_it() -> None:
    line, top = answer_line()
    line.receive(syn(long_crc=True) + data(0, b"x", long_crc=True), 0.0)
    top.out.append(b"y")
    assert top.got == [b"x"]
    assert [packet.payload for packet in taken(line, 0.0, long_crc=True)][-1] == b"y"


def test_the_stream_is_cut_to_what_the_host_takes() -> None:
    line, top = answer_line()
    line.receive(syn(mtu=20), 0.0)
    top.out.append(bytes(50))
    packets = taken(line, 0.0)[1:]
    assert kinds(packets) == [DATA] * 3
    assert [len(packet.payload) for packet in packets] == [20, 20, 10]


def test_without_credit_it_pings() -> None:
    line, top = connected()
    line.receive(seal(ACK, 0, 0, 0), 0.0)
    top.out.append(b"x")
    line.tick(0.2)
    assert kinds(taken(line, 0.2)) == [PING]
