"""The host's end of a line, fed by hand: when it calls, what it answers, what ends its session."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from sig_core.errors import LinkClosed, LinkLost
from sig_core.line.handshake import BOARD, LineHello, Syn, SynAck, read_syn
from sig_core.line.host import HostLine
from sig_core.line.packets import ACK, DATA, FIN, HELLO, NAK, PART, PING, SYN, SYNACK, Packet, seal
from tests.line.harness import Top, host_line, kinds, taken


def synack(sid: int, *, long_crc: bool = False, credit: int = 8, ack: int = 0, **fields: Any) -> bytes:
    terms = {"mtu": 48, "window": 4, "keepalive": 1.0, "dialect": BOARD, "message": 500, **fields}
    return seal(SYNACK, credit, 0, ack, SynAck(sid=sid, long_crc=long_crc, **terms).pack())


def hello(sid: int = 0, version: int = 1) -> bytes:
    return seal(HELLO, 1, 0, 0, LineHello(sid=sid, version=version).pack())


def data(seq: int, payload: bytes, *, ack: int = 0, credit: int = 8, kind: int = DATA) -> bytes:
    return seal(kind, credit, seq, ack, payload)


def control(kind: int, *, ack: int = 0, credit: int = 8) -> bytes:
    return seal(kind, credit, 0, ack)


def connected(**terms: Any) -> tuple[HostLine, Top]:
    line, top = host_line(**terms)
    taken(line, 0.0)
    line.receive(synack(line.sid), 0.0)
    assert line.up and top.told == ["fresh"]
    return line, top


def syn_of(packets: list[Packet]) -> Syn:
    (found,) = [packet for packet in packets if packet.kind == SYN]
    syn = read_syn(found.payload)
    assert syn is not None
    return syn


def calls(line: HostLine, start: float, end: float, step: float = 0.01) -> list[float]:
    """When it sends SYN; it never asks for a tick in the past."""
    found, now = [], start
    while now < end:
        assert line.tick(now) > now
        found += [round(now - start, 2) for kind in kinds(taken(line, now)) if kind == SYN]
        now += step
    return found


# -- calling


def test_it_calls_at_once_then_every_300_ms_then_every_second_always_with_the_same_sid() -> None:
    line, _ = host_line()
    sid, found = line.sid, calls(line, 0.0, 8.0)
    assert found[:4] == [0.0, 0.3, 0.6, 0.9]
    early, late = [at for at in found if at <= 3.0], [at for at in found if at > 4.0]
    assert len(early) in (10, 11)
    assert len(late) in (3, 4, 5)
    assert line.sid == sid


def test_what_it_asks_for() -> None:
    line, _ = host_line(keepalive=0.5, bitrate=9600, window=3)
    syn = syn_of(taken(line, 0.0))
    assert (syn.version, syn.sid, syn.mtu, syn.window, syn.resume, syn.long_crc) == (1, line.sid, 246, 3, False, True)
    assert (syn.keepalive, syn.message) == (0.5, 65_535)
    assert 2 * 254 * 10 / 9600 + 0.032 <= syn.rto <= 0.6


@pytest.mark.parametrize("wrong", ["other sid", "dialect", "short", "version"])
def test_a_synack_that_is_not_the_answer_is_ignored_and_counted(wrong: str) -> None:
    line, top = host_line()
    taken(line, 0.0)
    good = SynAck(sid=line.sid, mtu=48, window=1, keepalive=1.0, dialect=BOARD, message=0, long_crc=False)
    payload = {
        "other sid": good.pack().replace(line.sid.to_bytes(4, "little"), b"abcd"),
        "dialect": good.pack()[:9] + b"\7" + good.pack()[10:],
        "short": good.pack()[:11],
        "version": b"\2" + good.pack()[1:],
    }[wrong]
    line.receive(seal(SYNACK, 1, 0, 0, payload), 0.0)
    assert (line.up, line.ignored, top.told) == (False, 1, [])
    line.receive(seal(SYNACK, 1, 0, 0, good.pack()), 0.0)
    assert line.up


def test_hello_is_answered_at_once() -> None:
    line, _ = host_line()
    taken(line, 0.0)
    line.receive(hello(), 0.05)
    assert kinds(taken(line, 0.05)) == [SYN]
    assert calls(line, 0.05, 0.5) == [0.3]


def test_a_board_of_another_version_is_told_of_once_and_called_every_5_s() -> None:
    line, top = host_line()
    found, now = [], 0.0
    for step in range(800):
        now = step / 40
        line.tick(now)
        called = SYN in kinds(taken(line, now))
        if called:
            found.append(now)
        if called or not step % 40:  # it says HELLO every second, and as its answer to SYN
            line.receive(hello(version=2), now)
    assert found[0] == 0.0 and len(found) == 4
    assert all(later - earlier >= 5 for earlier, later in pairwise(found))
    assert top.notes == ["the board speaks version 2 of the link, this server 1"]


def test_a_board_of_another_version_that_gets_this_one_is_called_at_once() -> None:
    line, _ = host_line()
    taken(line, 0.0)
    line.receive(hello(version=2), 0.0)
    assert kinds(taken(line, 0.0)) == []
    line.receive(hello(), 1.0)
    assert kinds(taken(line, 1.0)) == [SYN]


def test_two_servers_on_one_line_are_told_of_once() -> None:
    line, top = host_line()
    other, _ = host_line()
    for _ in range(5):
        line.receive(other.take(4096, 0.0) or seal(SYN, 1, 0, 0, bytes(12)), 0.0)
    assert len(top.notes) == 1 and "server" in top.notes[0]


@pytest.mark.parametrize("piece", [b"\xaa\x13\x07" * 10, b"\xaa\0\x13\x80" * 10, b"\xff" * 500])
def test_only_garbage_is_one_complaint(piece: bytes) -> None:
    line, top = host_line(bitrate=9600)
    for step in range(100):
        line.receive(piece, step / 10)
        line.tick(step / 10)
        taken(line, step / 10)
    assert len(top.notes) == 1
    assert "garbage" in top.notes[0] and "9600" in top.notes[0]


def test_garbage_before_a_board_that_answers_is_no_complaint() -> None:
    line, top = host_line()
    line.receive(b"\xaa\0" * 1000, 0.0)
    line.receive(synack(line.sid), 0.1)
    line.tick(5.0)
    assert top.notes == []


# -- HELLO while there is a session


def test_hello_of_the_same_session_resumes_it() -> None:
    line, top = connected()
    top.out.append(b"x")
    taken(line, 0.0)
    line.receive(hello(line.sid), 0.1)
    syn = syn_of(taken(line, 0.1))
    assert syn.resume and syn.sid == line.sid
    assert top.told == ["fresh", "away"]
    line.receive(synack(line.sid), 0.2)
    assert top.told == ["fresh", "away", "again"]
    assert [(packet.kind, packet.seq, packet.payload) for packet in taken(line, 0.2)] == [(DATA, 0, b"x")]


@pytest.mark.parametrize("sid", [0, 77])
def test_hello_of_no_session_or_another_one_ends_it(sid: int) -> None:
    line, top = connected()
    old = line.sid
    top.out.extend([b"a", b"b", b"c"])
    taken(line, 0.0)
    line.receive(control(ACK, ack=1), 0.0)
    line.receive(hello(sid), 0.1)
    ((error, doubtful),) = top.ends
    assert isinstance(error, LinkLost) and doubtful == 2
    syn = syn_of(taken(line, 0.1))
    assert not syn.resume and syn.sid == line.sid != old
    line.receive(synack(old), 0.2)
    assert not line.up
    line.receive(synack(line.sid), 0.2)
    top.out.append(b"d")
    assert [(packet.seq, packet.payload) for packet in taken(line, 0.2)] == [(0, b"d")]


def test_hello_of_another_version_ends_the_session() -> None:
    line, top = connected()
    line.receive(hello(line.sid, version=9), 0.1)
    assert not line.up
    assert top.notes


def test_a_board_that_took_the_session_up_as_a_new_one_was_reset() -> None:
    """A SYN that was on its way reached it after the reset, and its HELLO was lost."""
    line, top = connected()
    top.out.append(b"x")
    taken(line, 0.0)
    line.receive(control(ACK, ack=1), 0.0)
    old = line.sid
    line.receive(synack(old), 0.1)
    assert isinstance(top.ends[0][0], LinkLost) and not line.up
    syn = syn_of(taken(line, 0.1))
    assert syn.sid != old and not syn.resume


def test_a_doubled_synack_changes_nothing() -> None:
    line, top = connected()
    top.out.append(b"x")
    taken(line, 0.0)
    line.receive(synack(line.sid), 0.0)
    assert top.told == ["fresh"]
    assert kinds(taken(line, 0.0)) == []
    line.receive(control(ACK, ack=1), 0.0)
    assert not line.window.is_open


# -- FIN, and ends of its own


def test_fin_ends_the_session_in_order_and_another_one_is_asked_for() -> None:
    line, top = connected()
    old = line.sid
    line.receive(control(FIN), 0.1)
    ((error, _),) = top.ends
    assert isinstance(error, LinkClosed)
    assert syn_of(taken(line, 0.1)).sid != old


def test_hang_up_says_fin_and_calls_again() -> None:
    line, top = connected()
    line.hang_up(1.0)
    assert kinds(taken(line, 1.0)) == [FIN, SYN]
    assert isinstance(top.ends[0][0], LinkClosed)


def test_finish_says_fin_and_never_calls_again() -> None:
    line, top = connected()
    line.finish(1.0)
    assert kinds(taken(line, 1.0)) == [FIN]
    line.receive(hello(), 1.1)
    assert calls(line, 1.1, 9.0, 0.1) == []
    assert not line.up and len(top.ends) == 1


def test_finish_without_a_session_says_nothing() -> None:
    line, top = host_line()
    line.finish(0.0)
    assert not line.has_output and line.take(100, 0.0) == b"" and top.told == []


@pytest.mark.parametrize("kind", [ACK, NAK, PING, FIN])
def test_a_control_packet_with_a_payload_is_of_a_wrong_size(kind: int) -> None:
    line, top = connected()
    line.receive(seal(kind, 8, 0, 0, b"x"), 0.1)
    assert (line.ignored, line.up, line.has_output, top.told) == (1, True, False, ["fresh"])


@pytest.mark.parametrize("kind", [0, 10, 15])
def test_packets_of_other_kinds_are_ignored_and_counted(kind: int) -> None:
    line, _ = connected()
    line.receive(seal(kind, 8, 0, 0, b"x"), 0.1)
    assert (line.ignored, line.damaged, line.has_output) == (1, 0, False)


# -- silence


def test_it_pings_when_it_has_said_nothing() -> None:
    line, _ = connected(keepalive=0.5)
    pings, now = [], 0.0
    while now < 3.0:
        line.receive(control(ACK), now)
        line.tick(now)
        pings += [now for kind in kinds(taken(line, now)) if kind == PING]
        now += 0.01
    assert len(pings) in (5, 6)


def test_three_keep_alives_of_silence_then_5_s_of_asking_then_the_end() -> None:
    line, top = connected(keepalive=0.5)
    sid, syns, now = line.sid, [], 0.0
    while not top.ends:
        line.tick(now)
        packets = taken(line, now)
        syns += [(round(now, 2), syn_of(packets)) for kind in kinds(packets) if kind == SYN]
        now += 0.01
    assert 1.5 <= syns[0][0] < 1.55
    assert all(syn.resume and syn.sid == sid for _, syn in syns[:-1])
    assert 6.4 < now < 6.6
    assert line.sid != sid
    assert not syns[-1][1].resume or syns[-1][1].sid == sid


def test_twelve_tries_without_an_acknowledgement() -> None:
    line, top = connected()
    top.out.append(b"x")
    sent, now = 0, 0.0
    while line.up:
        line.receive(control(ACK), now)  # it is there, but does not take it
        line.tick(now)
        sent += kinds(taken(line, now)).count(DATA)
        now += 0.01
        assert now < 30
    assert sent == 13
    assert 8 < now < 12
    assert not top.ends
    line.receive(synack(line.sid), now)
    assert kinds(taken(line, now)) == [DATA]


# -- the link below


def test_detached_it_waits_and_resumes_on_the_next_link() -> None:
    line, top = connected()
    top.out.append(b"x")
    taken(line, 0.0)
    line.detach(1.0)
    assert top.told == ["fresh", "away"]
    assert not line.has_output and calls(line, 1.0, 3.0) == []
    line.attach(3.0)
    assert syn_of(taken(line, 3.0)).resume
    line.receive(synack(line.sid, ack=1), 3.1)
    assert top.told[-1] == "again" and not line.window.is_open


def test_detached_for_too_long() -> None:
    line, top = connected()
    line.detach(1.0)
    assert line.tick(5.0) == pytest.approx(6.0)
    line.tick(5.9)
    assert not top.ends
    line.tick(6.0)
    assert len(top.ends) == 1
    line.attach(9.0)
    assert not syn_of(taken(line, 9.0)).resume


def test_half_a_packet_of_the_old_link_does_not_reach_into_the_next_one() -> None:
    line, _ = connected()
    packet = data(0, b"abcdef")
    line.receive(packet[:-4], 0.0)
    line.detach(1.0)
    line.attach(1.0)
    line.receive(synack(line.sid), 1.0)
    assert line.up and line.damaged == 0


# -- NAK, credit and what comes


def test_a_packet_that_is_ahead_is_missed_once_and_as_the_answer_to_nak_three_times() -> None:
    line, top = connected()
    line.receive(data(1, b"b"), 0.0)
    assert kinds(taken(line, 0.0)) == [NAK]
    line.receive(data(2, b"c") + data(3, b"d"), 1.0)
    assert kinds(taken(line, 1.0)) == []
    answers = []
    for now in (1.1, 1.2, 1.3, 1.4, 1.5):
        line.receive(control(NAK), now)
        answers += kinds(taken(line, now))
    assert answers == [NAK, NAK, NAK, ACK, ACK]
    line.receive(data(0, b"a"), 1.6)
    assert kinds(taken(line, 1.6)) == [ACK]
    line.receive(control(NAK), 1.7)
    assert kinds(taken(line, 1.7)) == [ACK]
    line.receive(data(2, b"c"), 1.8)
    assert kinds(taken(line, 1.8)) == [NAK]
    assert top.got == [b"a"]


def test_every_damaged_packet_is_missed() -> None:
    line, _ = connected()
    for now in (0.1, 0.2, 0.3):
        line.receive(b"\xff\xfe\0", now)
        assert kinds(taken(line, now)) == [NAK]
    assert line.counts()["damaged"] == 3


def test_what_is_damaged_in_a_pause_is_missed_behind_it() -> None:
    line, _ = connected()
    line.receive(b"\xff\xfe\0", 0.1)
    assert kinds(taken(line, 0.1)) == [NAK]
    line.receive(b"\xff\xfe\0" * 5, 0.1001)
    assert not line.has_output
    due = line.tick(0.1001)
    assert 0.1001 < due < 0.11
    line.tick(due)
    assert kinds(taken(line, due)) == [NAK]
    line.receive(b"\xff\xfe\0", due)
    line.receive(data(0, b"a"), due)  # it got through: what was due is not needed any more
    assert kinds(taken(line, due)) == [ACK]
    assert line.tick(due) > due + 0.4


def test_a_packet_that_came_before_is_acknowledged_again() -> None:
    line, top = connected()
    line.receive(data(0, b"a") * 2, 0.0)
    (ack,) = taken(line, 0.0)
    assert (ack.kind, ack.ack, top.got, line.counts()["doubled"]) == (ACK, 1, [b"a"], 1)


def test_nak_sends_everything_again_from_its_ack() -> None:
    line, top = connected()
    top.out.extend([b"a", b"b", b"c"])
    assert len(taken(line, 0.0)) == 3
    line.receive(control(NAK, ack=1), 0.0)
    assert [(packet.seq, packet.payload) for packet in taken(line, 0.0)] == [(1, b"b"), (2, b"c")]
    assert line.counts()["resent"] == 1


@pytest.mark.parametrize(
    ("window", "peer", "credit", "expected"), [(8, 4, 8, 4), (2, 8, 8, 2), (8, 8, 3, 3), (8, 8, 15, 8)]
)
def test_no_more_are_open_than_both_windows_and_the_credit(window: int, peer: int, credit: int, expected: int) -> None:
    line, top = host_line(window=window)
    taken(line, 0.0)
    line.receive(synack(line.sid, window=peer, credit=credit), 0.0)
    top.out.extend(b"%d" % number for number in range(20))
    assert len(taken(line, 0.0)) == expected


def test_credit_0_is_pinged_every_retransmit_time() -> None:
    line, top = connected()
    line.receive(control(ACK, credit=0), 0.0)
    top.out.append(b"x")
    pings, now = 0, 0.0
    while now < 2.0:
        line.tick(now)
        found = kinds(taken(line, now))
        assert DATA not in found
        pings += found.count(PING)
        if PING in found:
            line.receive(control(ACK, credit=0), now)
        now += 0.01
    assert 15 <= pings <= 20 and line.up


def test_ping_is_answered() -> None:
    line, _ = connected()
    line.receive(control(PING), 0.0)
    assert kinds(taken(line, 0.0)) == [ACK]
    assert not line.has_output


def test_parts_are_joined_and_a_message_that_is_too_long_is_counted() -> None:
    line, top = host_line(message=100)
    taken(line, 0.0)
    line.receive(synack(line.sid), 0.0)
    line.receive(data(0, b"a" * 48, kind=PART) + data(1, b"b" * 48, kind=PART) + data(2, b"c"), 0.0)
    assert top.got == [b"a" * 48 + b"b" * 48 + b"c"]
    line.receive(b"".join(data(3 + each, b"x" * 48, kind=PART) for each in range(3)) + data(6, b""), 0.0)
    assert len(top.got) == 1
    assert line.ignored == 1, "nothing is dropped uncounted"


def test_long_crc_begins_with_the_session_and_ends_with_it() -> None:
    line, top = host_line()
    taken(line, 0.0)
    line.receive(synack(line.sid, long_crc=True) + seal(DATA, 8, 0, 0, b"x", long_crc=True), 0.0)
    assert top.got == [b"x"]
    top.out.append(b"y")
    assert [packet.payload for packet in taken(line, 0.0, long_crc=True)] == [b"y"]
    line.receive(hello(), 0.1)
    taken(line, 0.1)
    line.receive(synack(line.sid) + data(0, b"z"), 0.2)
    assert top.got == [b"x", b"z"]


def test_text_is_printed_and_not_asked_for_again() -> None:
    line, top = connected()
    line.receive(b"\0boot: ok\r\n\0" + data(0, b"a"), 0.0)
    assert (top.text, top.got, line.damaged) == (["boot: ok\r\n"], [b"a"], 0)
    assert kinds(taken(line, 0.0)) == [ACK]


def test_messages_in_doubt_are_counted_as_messages_not_as_packets() -> None:
    line, top = connected(window=8)
    top.out.extend([b"a" * 100, b"b" * 400])  # 3 and 9 packets of 48 bytes, 4 of which may be open
    taken(line, 0.0)
    line.receive(hello(), 0.1)
    assert top.ends[0][1] == 2
