"""Byte stuffing: its vectors, its laws, and a second implementation beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.line.cobs import stuff, unstuff
from tests.line.harness import vectors
from tests.support.strict_board import stuffed, unstuffed

LAW = settings(derandomize=True, deadline=None, max_examples=300)
BLOCKS = st.lists(st.sampled_from([b"\0", b"\1", b"x" * 253, b"x" * 254, b"x" * 255, b"ab", b"\xff"]), max_size=8)
ANY = st.binary(max_size=600) | BLOCKS.map(b"".join)


@pytest.mark.parametrize("entry", vectors("cobs"), ids=lambda entry: entry["name"])
def test_vectors(entry: dict[str, Any]) -> None:
    raw, encoded = bytes.fromhex(entry["raw"]), bytes.fromhex(entry["encoded"])
    assert stuff(raw) == encoded == stuffed(raw)
    assert unstuff(encoded) == raw


@LAW
@given(ANY)
def test_what_was_stuffed_comes_out_and_has_no_zero(data: bytes) -> None:
    encoded = stuff(data)
    assert 0 not in encoded
    assert unstuff(encoded) == data
    assert len(encoded) <= len(data) + 1 + len(data) // 254
    assert encoded == stuffed(data)


@LAW
@given(ANY.map(lambda data: data.replace(b"\0", b"\1")))
def test_anything_without_a_zero_is_refused_or_opened(data: bytes) -> None:
    assert unstuff(data) == unstuffed(data)


@pytest.mark.parametrize("data", [b"\2", b"\5abc", b"\1\1\3a", b"\xff" + b"x" * 253])
def test_a_code_byte_that_points_beyond_the_end(data: bytes) -> None:
    assert unstuff(data) is None
