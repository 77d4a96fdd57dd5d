"""The law of a packet link: what is written is read, whole, once and in order, whatever the air does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.datagram.stream import PacketStream, Phase
from sig_core.datagram.wire import Wire
from sig_core.errors import LinkLost
from tests.datagram.air import Air


def carry(air: Air, data: bytes, seconds: float = 1000.0) -> None:
    """Both ends write, the second one backwards, and read all."""
    air.a.stream.write(data)
    air.b.stream.write(data[::-1])
    air.run(seconds)
    assert bytes(air.b.read) == data
    assert bytes(air.a.read) == data[::-1]
    assert (air.a.stream.error, air.b.stream.error) == (None, None)


@settings(max_examples=60, deadline=None, derandomize=True)  # bad luck may silence so bad an air for 10 s
@given(
    mtu=st.sampled_from([8, 9, 20, 31, 32, 33, 64, 1200, 65_507]),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.01, 0.1, 0.4]),
    double=st.sampled_from([0.0, 0.1, 0.5]),
    damage=st.sampled_from([0.0, 0.05]),
    jitter=st.sampled_from([0.0, 0.002, 0.2]),
    packets=st.floats(0.0, 300.0),
)
def test_all_arrives_once_and_in_order(
    mtu: int, seed: int, loss: float, double: float, damage: float, jitter: float, packets: float
) -> None:
    if mtu < 32:
        damage = 0.0  # such short packets are trusted to the medium's own check
    air = Air(mtu, seed=seed, loss=loss, double=double, damage=damage, jitter=jitter)
    carry(air, random.Random(seed).randbytes(int(packets * air.a.wire.room)))


def test_a_clean_medium_carries_nothing_twice() -> None:
    air = Air()
    carry(air, random.Random(1).randbytes(1_000_000))
    assert air.a.stream.counts()["again"] == 0
    assert air.a.sent < 900  # 838 packets of data, and acknowledgements of what came


def test_a_lossy_medium_carries_little_twice() -> None:
    air = Air(loss=0.05, seed=5)
    carry(air, random.Random(1).randbytes(1_000_000))
    assert air.a.stream.counts()["again"] < 838 * 0.08


def test_who_does_not_read_stops_the_other_and_loses_nothing() -> None:
    air = Air(loss=0.02)
    air.b.reads = False
    data = random.Random(2).randbytes(1_000_000)
    air.a.stream.write(data)
    air.run(60)
    assert air.a.stream.queued > len(data) - 300_000  # the room that is kept is bounded
    assert air.a.stream.error is None
    air.b.reads = True
    air.run(60)
    assert bytes(air.b.read) == data


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_an_end_comes_behind_all_that_was_written(loss: float) -> None:
    air = Air(loss=loss)
    air.a.stream.write(b"last words")
    air.run(1)
    air.a.stream.finish(air.now)
    air.run(1)
    assert bytes(air.b.read) == b"last words"
    assert air.b.stream.ended
    air.b.stream.finish(air.now)
    air.run(3)
    assert {air.a.stream.phase, air.b.stream.phase} == {Phase.CLOSED}
    assert air.a.stream.error is None and air.b.stream.error is None


def test_a_dead_medium_is_noticed_after_ten_seconds() -> None:
    air = Air()
    carry(air, b"x")
    air.broken = True
    air.run(100)
    assert air.a.stream.error is None  # nobody says anything: nothing is open
    air.a.stream.write(b"y")
    air.run(9.9)
    assert air.a.stream.error is None
    air.run(0.2)
    assert isinstance(air.a.stream.error, LinkLost) and "10 s" in str(air.a.stream.error)


def test_packets_of_an_earlier_link_do_not_fit() -> None:
    wire = Wire(1200)
    old = PacketStream(wire, 5, 0.0, dialing=False)
    old.write(b"old")
    (_, data) = old.packets(0.0)
    new = PacketStream(wire, 6, 0.0, dialing=False)
    packet = wire.open(data)
    assert packet is not None
    new.receive(packet, 0.0)
    assert new.read() == b"" and new.counts()["strays"] == 1


@given(st.lists(st.binary(max_size=60), max_size=30))
def test_garbage_does_nothing(garbage: list[bytes]) -> None:
    for mtu in (8, 64):
        air = Air(mtu)
        for data in garbage:
            packet = air.b.wire.open(data)
            if packet is not None:
                air.b.stream.receive(packet, 0.0)
        assert len(air.b.stream.read()) <= 60 * 30
        assert all(len(packet) <= mtu for packet in air.b.stream.packets(0.0))
