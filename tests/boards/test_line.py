"""The line of the rig keeps its promises: else what is tested over it proves nothing."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import serial

from tests.support import eventually, within
from tests.support.rig import Counts, Mangler, Noise, ProgramFailed, SerialLine

PACKET = b"\0\x05\x41\x01\x02\x03\0"
ALL = Noise(drop=0.01, flip=0.01, double=0.01, insert=0.01, burst=0.002, between=0.05)
Lines = Callable[..., SerialLine]


@contextmanager
def opened(*names: str) -> Iterator[list[int]]:
    descriptors = [os.open(name, os.O_RDWR | os.O_NOCTTY) for name in names]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def read(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        ready, _, _ = select.select([descriptor], [], [], within(10))
        assert ready, f"only {len(data)} of {size} bytes came"
        data += os.read(descriptor, size - len(data))
    return data


def out_of(line: SerialLine, data: bytes, cut: int) -> bytes:
    """Send bytes from a to b in pieces of that size."""
    arrived = b""
    with opened(line.a, line.b) as (a, b):
        for start in range(0, len(data), cut):
            assert os.write(a, data[start : start + cut]) == len(data[start : start + cut])
            sent = start + len(data[start : start + cut])
            eventually(lambda: arrived_all(line.counts("to_b"), sent))  # noqa: B023  # called at once
            arrived += read(b, line.counts("to_b").given - len(arrived))
    return arrived


def arrived_all(counts: Counts, sent: int) -> bool:
    return counts.taken == sent and not counts.waiting


def balanced(counts: Counts) -> bool:
    came = counts.taken + counts.double + counts.insert + counts.garbage - counts.drop
    return came == counts.given + counts.waiting + counts.swallowed + counts.overrun


@pytest.mark.parametrize("kind", ["drop", "flip", "double", "insert", "burst", "between"])
def test_each_kind_comes_as_often_as_it_should(kind: str) -> None:
    data = PACKET * 20_000
    mangler = Mangler(Noise(**{kind: 0.01}), 1)
    out = mangler.pass_on(data)
    chances = 20_000 - 1 if kind == "between" else len(data)
    hits = mangler.counts[kind]
    assert abs(hits - chances * 0.01) < 5 * (chances * 0.01) ** 0.5
    grown = {"drop": -hits, "flip": 0, "double": hits, "insert": hits}.get(kind, mangler.counts["garbage"])
    assert len(out) == len(data) + grown
    if kind == "flip":
        wrong = [ours ^ theirs for ours, theirs in zip(data, out, strict=True) if ours != theirs]
        assert len(wrong) == hits and all(bits.bit_count() == 1 for bits in wrong)
    if kind == "between":
        assert hits * 1 <= mangler.counts["garbage"] <= hits * 200
        assert out.replace(b"\0", b"").count(PACKET.strip(b"\0")) == 20_000, "no packet is hurt"


def test_certain_and_impossible_noise() -> None:
    assert Mangler(Noise(drop=1), 1).pass_on(PACKET) == b""
    assert Mangler(Noise(double=1), 1).pass_on(b"ab") == b"aabb"
    assert Mangler(Noise(), 1).pass_on(PACKET) == PACKET


@pytest.mark.parametrize("shares", [{"drop": 1.1}, {"flip": -0.1}, {"between": 2}, {"drop": 0.6, "double": 0.6}])
def test_shares_that_are_none(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        Noise(**shares)


@pytest.mark.parametrize("cut", [1, 2, 7, 64, 1000])
def test_noise_does_not_depend_on_how_bytes_are_cut(cut: int) -> None:
    data = PACKET * 300
    whole, pieces = Mangler(ALL, 5), Mangler(ALL, 5)
    assert whole.pass_on(data) == b"".join(pieces.pass_on(data[at : at + cut]) for at in range(0, len(data), cut))
    assert whole.counts == pieces.counts


def test_the_same_seed_gives_the_same_bytes(lines: Lines) -> None:
    data = PACKET * 500
    first, again, other = lines(seed=3, noise=ALL), lines(seed=3, noise=ALL), lines(seed=4, noise=ALL)
    arrived = out_of(first, data, 700)
    assert arrived != data
    assert arrived == out_of(again, data, 33)
    assert arrived != out_of(other, data, 700)
    assert first.counts("to_b") == again.counts("to_b")


def test_a_quiet_line_carries_every_byte_both_ways(lines: Lines) -> None:
    line = lines()
    with opened(line.a, line.b) as (a, b):
        os.write(a, bytes(range(256)))
        os.write(b, PACKET)
        assert read(b, 256) == bytes(range(256))
        assert read(a, len(PACKET)) == PACKET
    assert line.counts("to_b") == Counts(taken=256, given=256)
    assert line.counts("to_a") == Counts(taken=len(PACKET), given=len(PACKET))


def test_counts_balance(lines: Lines) -> None:
    line = lines(noise=ALL)
    out_of(line, PACKET * 1000, 500)
    counts = line.counts("to_b")
    assert counts.taken == 1000 * len(PACKET) and balanced(counts)
    assert min(counts.drop, counts.flip, counts.double, counts.insert, counts.burst, counts.between) > 0
    assert counts.noise == counts.drop + counts.flip + counts.double + counts.insert + counts.burst + counts.between


def test_each_way_has_its_own_noise_and_it_can_change(lines: Lines) -> None:
    line = lines(to_a=Noise(drop=1), to_b=Noise(double=1))
    with opened(line.a, line.b) as (a, b):
        os.write(a, b"x")
        assert read(b, 2) == b"xx"
        os.write(b, b"lost")
        eventually(lambda: line.counts("to_a").drop == 4)
        line.noise(Noise(), "to_a")
        os.write(b, b"heard")
        assert read(a, 5) == b"heard"
        os.write(a, b"y")
        assert read(b, 2) == b"yy"


def test_a_stall_holds_bytes_back(lines: Lines) -> None:
    line = lines()
    with opened(line.a, line.b) as (a, b):
        line.stall("to_b")
        os.write(a, b"late")
        os.write(b, b"in time")
        assert read(a, 7) == b"in time"
        eventually(lambda: line.counts("to_b").waiting == 4)
        assert line.counts("to_b").given == 0
        line.resume("to_b")
        assert read(b, 4) == b"late"


def test_a_deaf_way_swallows(lines: Lines) -> None:
    line = lines()
    with opened(line.a, line.b) as (a, b):
        line.deafen("to_b")
        os.write(a, b"lost")
        eventually(lambda: line.counts("to_b").swallowed == 4)
        line.hear("to_b")
        os.write(a, b"heard")
        assert read(b, 5) == b"heard"


def test_a_cut_end_is_gone_and_comes_back_under_its_name(lines: Lines) -> None:
    line = lines()
    with opened(line.a) as (old,):
        line.cut("a")
        with pytest.raises(FileNotFoundError):
            os.stat(line.a)
        select.select([old], [], [], within(10))
        try:
            assert os.read(old, 1) == b""
        except OSError as error:
            assert error.errno == 5
        with opened(line.b) as (b,):
            os.write(b, b"into the air")
            eventually(lambda: line.counts("to_a").swallowed == 12)
            line.plug("a")
            assert stat.S_ISCHR(os.stat(line.a).st_mode)
            with opened(line.a) as (a,):
                os.write(a, b"back")
                assert read(b, 4) == b"back"


def test_both_ends_can_be_cut_and_plugged(lines: Lines) -> None:
    line = lines(baud=115200)
    names = [os.readlink(line.a), os.readlink(line.b)]
    line.cut()
    line.cut()
    line.plug()
    line.plug()
    assert all(os.path.exists(name) for name in (line.a, line.b)), names
    assert out_of(line, PACKET, 7) == PACKET


def test_a_paced_line_loses_what_nobody_reads(lines: Lines) -> None:
    line = lines(baud=2_000_000)
    with opened(line.a, line.b) as (a, _):
        while not line.counts("to_b").overrun:
            os.write(a, bytes(100))
        assert balanced(line.counts("to_b"))


def test_a_line_without_a_pace_holds_back_what_nobody_reads(lines: Lines) -> None:
    line = lines()
    with opened(line.a, line.b) as (a, b):
        os.set_blocking(a, False)
        written = 0
        while line.counts("to_b").waiting < 1 << 16:
            try:
                written += os.write(a, bytes(range(100, 200)))
            except BlockingIOError:
                select.select([], [a], [], 0.01)
        counts = line.counts("to_b")
        assert counts.overrun == counts.swallowed == 0
        assert read(b, written) == (bytes(range(100, 200)) * (written // 100 + 1))[:written]


@pytest.mark.parametrize("baud", [None, 9600, 115200, 1_000_000])
def test_pyserial_can_use_the_ends(lines: Lines, baud: int | None) -> None:
    line = lines(baud=baud)
    with serial.Serial(line.a, baud or 115200, exclusive=True, timeout=within(10)) as a:
        with serial.Serial(line.b, baud or 115200, exclusive=True, timeout=within(10)) as b:
            a.write(PACKET * 20)
            assert b.read(len(PACKET) * 20) == PACKET * 20
    assert line.port == f"serial://{line.a}" + (f"?baud={baud}" if baud else "")


def test_a_stopped_line_leaves_nothing(lines: Lines) -> None:
    line = lines()
    line.stop()
    line.stop()
    assert not os.path.lexists(line.a) and not os.path.exists(os.path.dirname(line.a))


def test_a_line_ends_by_itself_when_its_time_is_over() -> None:
    line = SerialLine(life=0.2 / within(1))
    with pytest.raises(ProgramFailed, match=r"ended without a word|listens no more"):
        while True:
            line.counts("to_a")
    line.stop()
    assert not os.path.lexists(line.a)
