"""Messages cut and joined."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.line.fragments import Fragmenter, Reassembler
from sig_core.line.packets import DATA, PART

LAW = settings(derandomize=True, deadline=None, max_examples=200)


def cut(message: bytes, mtu: int) -> list[tuple[int, bytes]]:
    splitter = Fragmenter()
    splitter.split(message, mtu)
    found = []
    while splitter:
        found.append(splitter.next())
    return found


@LAW
@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(16, 246))
def test_what_is_cut_is_joined(messages: list[bytes], mtu: int) -> None:
    joiner = Reassembler(300)
    joined = [joiner.take(*packet) for message in messages for packet in cut(message, mtu)]
    assert [message for message in joined if message is not None] == messages


@pytest.mark.parametrize("size", [0, 1, 16, 17, 31, 32, 33])
def test_parts_are_full_and_only_the_last_packet_is_data(size: int) -> None:
    packets = cut(bytes(size), 16)
    assert [kind for kind, _ in packets] == [PART] * (len(packets) - 1) + [DATA]
    assert len(packets) == max(1, -(-size // 16))
    assert all(len(payload) == 16 for _, payload in packets[:-1])


@pytest.mark.parametrize("size", [101, 150, 1000])
def test_a_message_that_is_too_long_is_dropped_as_a_whole(size: int) -> None:
    joiner = Reassembler(100)
    found = [joiner.take(*packet) for packet in cut(b"x" * size, 16)]
    assert found == [None] * len(found)
    assert [joiner.take(*packet) for packet in cut(b"y" * 100, 16)][-1] == b"y" * 100


def test_a_data_packet_alone_is_taken_whatever_the_limit() -> None:
    assert Reassembler(0).take(DATA, b"x" * 200) == b"x" * 200


def test_a_message_of_endless_parts_needs_no_memory() -> None:
    joiner = Reassembler(1000)
    for _ in range(10_000):
        joiner.take(PART, bytes(246))
        assert len(joiner._parts) <= 1000
    assert joiner.take(DATA, b"") is None
