"""Which faults happen, and when what was sent arrives: without a link, a thread or a clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_carriers.fault_dice import Faults, Places
from sig_carriers.fault_lossy import LossyCourse
from sig_carriers.fault_path import NEVER, Path
from sig_carriers.fault_slow import SlowCourse

SHARE = st.floats(0, 1)
SHARES = st.fixed_dictionaries({"dropped": SHARE, "flipped": SHARE, "doubled": SHARE})
PIECES = st.lists(st.binary(max_size=40), max_size=20)
NONE = {"dropped": 0.0, "flipped": 0.0, "doubled": 0.0}
SOME = {"dropped": 0.02, "flipped": 0.02, "doubled": 0.02}


def one(**share: float) -> dict[str, float]:
    return {**NONE, **share}


@given(st.text(max_size=5), SHARES, PIECES)
def test_how_a_stream_is_cut_changes_nothing(seed: str, shares: dict[str, float], pieces: list[bytes]) -> None:
    apart, whole = Faults(seed, shares), Faults(seed, shares)
    assert b"".join(map(apart.stream, pieces)) == whole.stream(b"".join(pieces))
    assert (apart.counts, apart.seen) == (whole.counts, whole.seen)


@given(SHARES, PIECES)
def test_what_is_missing_and_what_is_too_much_was_counted(shares: dict[str, float], pieces: list[bytes]) -> None:
    faults = Faults("7", shares)
    out = b"".join(map(faults.stream, pieces))
    assert len(out) == faults.seen - faults.counts["dropped"] + faults.counts["doubled"]
    packets = Faults("7", shares)
    assert sum(len(packets.packet(piece)) for piece in pieces) == (
        packets.seen - packets.counts["dropped"] + packets.counts["doubled"]
    )
    assert packets.seen == len(pieces)


@given(SHARE, st.binary(max_size=400))
def test_a_flip_inverts_one_bit_of_its_byte_or_packet(share: float, data: bytes) -> None:
    faults = Faults("7", one(flipped=share))
    out = faults.stream(data)
    bits = [(before ^ after).bit_count() for before, after in zip(data, out, strict=True)]
    assert set(bits) <= {0, 1} and sum(bits) == faults.counts["flipped"]
    (packet,) = Faults("7", one(flipped=1.0)).packet(data)
    difference = int.from_bytes(packet, "big") ^ int.from_bytes(data, "big")
    assert len(packet) == len(data) and difference.bit_count() == bool(data)


def test_a_seed_decides_and_each_has_its_own() -> None:
    data = bytes(range(256)) * 8
    first, again, other = (Faults(seed, SOME).stream(data) for seed in ("7 sent", "7 sent", "7 received"))
    assert first == again != other
    assert other != data


def test_a_fault_of_one_kind_does_not_move_those_of_another() -> None:
    data = bytes(20_000)
    few, many = Faults("7", one(flipped=0.01)), Faults("7", {**SOME, "dropped": 0.0, "flipped": 0.01})
    assert few.stream(data).count(0) < len(data)
    many.stream(data)
    assert few.counts["flipped"] == many.counts["flipped"] > 0


@pytest.mark.parametrize("share", [1e-4, 1e-3, 0.02, 0.5, 0.999])
def test_the_share_is_what_was_asked_for(share: float) -> None:
    count = 200_000
    spread = (count * share * (1 - share)) ** 0.5
    assert abs(len(Places(share, "7").before(count)) - count * share) < 5 * spread + 1


@pytest.mark.parametrize(("share", "struck"), [(0.0, 0), (5e-324, 0), (1e-300, 0), (1.0, 1000)])
def test_never_and_always(share: float, struck: int) -> None:
    places = list(Places(share, "7").before(1000))
    assert len(places) == struck
    assert all(second > first for first, second in pairwise(places))


# -- paths


@given(st.lists(st.floats(0, 100), max_size=20), st.booleans())
def test_all_arrives_a_stream_in_its_order(times: list[float], packets: bool) -> None:
    path = Path(LossyCourse("7", NONE, 5.0, packets=packets))
    sent = [b"%d" % number for number in range(len(times))]
    for piece, now in zip(sent, sorted(times), strict=True):
        path.put(piece, now)
    got = []
    while path.due < NEVER:
        assert path.take(path.due - 1e-6) is None
        got.append(path.take(path.due))
    assert (sorted(map(str, got)) == sorted(map(str, sent))) if packets else (got == sent)


def test_packets_overtake_each_other_and_no_jitter_no_delay() -> None:
    path = Path(LossyCourse("7", NONE, 5.0, packets=True))
    sent = [b"%d" % number for number in range(20)]
    for piece in sent:
        path.put(piece, 0.0)
    got = [path.take(5.0) for _ in sent]
    assert got != sent and set(got) == set(sent)
    assert LossyCourse("7", NONE, 0.0, packets=True).send_off(b"x", 3.0) == [(3.0, b"x")]


@given(st.floats(10, 1e6), st.floats(0, 10), PIECES)
def test_a_rate_is_ten_bits_a_byte_and_a_delay_comes_on_top(rate: float, delay: float, pieces: list[bytes]) -> None:
    course = SlowCourse(rate, delay, packets=False)
    sent = [item for piece in pieces for item in course.send_off(piece, 0.0)]
    assert b"".join(piece for _, piece in sent) == b"".join(pieces)
    moved = 0
    for due, piece in sent:
        moved += len(piece)
        assert due == pytest.approx(moved * 10 / rate + delay)
        assert len(piece) <= max(1, rate / 10 * 0.02)


def test_packets_are_not_cut_and_a_medium_that_was_idle_owes_nothing() -> None:
    course = SlowCourse(1000, 0.0, packets=True)
    assert course.send_off(bytes(500), 1.0) == [(6.0, bytes(500))]
    assert course.send_off(b"", 1.0) == [(6.0, b"")]
    assert course.send_off(bytes(100), 10.0) == [(11.0, bytes(100))]


def test_a_path_is_full_beyond_its_room() -> None:
    path = Path(SlowCourse(1000, 0.0, packets=True))  # 100 bytes a second: 25 may wait
    path.put(bytes(25), 0.0)
    assert not path.is_full
    path.put(b"x", 0.0)
    assert path.is_full
    assert path.take(0.25) == bytes(25)
    assert not path.is_full
