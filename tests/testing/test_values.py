"""The values that codecs are tried with."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from sig_core.portable import CERTAIN, RAW, fits
from sig_core.testing.codec_suite import opening, short
from sig_core.testing.codec_values import EDGES, Values, arrived, nested, same, similar


def test_the_same_seed_makes_the_same_values() -> None:
    first, again, other = ([maker.value() for _ in range(50)] for maker in (Values(1), Values(1), Values(2)))
    assert all(map(same, first, again))
    assert not all(map(same, first, other))


@pytest.mark.parametrize("extras", [frozenset(), frozenset({"bytes", "nonfinite"})], ids=["plain", "extras"])
def test_they_are_of_the_model_and_of_each_type(extras: frozenset[str]) -> None:
    maker = Values(3, extras)
    values = [maker.value() for _ in range(500)]
    certain = CERTAIN | (RAW | {float} if extras else set())
    assert all(fits(value, frozenset(certain)) for value in values + EDGES)
    kinds = {type(None), bool, int, float, str, list, tuple, dict} | ({bytes} if extras else set())
    assert {type(value) for value in values} == kinds


def test_same_minds_types_signs_and_order() -> None:
    different: list[Any] = [1, 1.0, True, 0, 0.0, -0.0, False, "", b"", None, [], {}, math.nan, [1, 1.0], [1.0, 1]]
    different += [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}, [1], [1, 1]]
    assert all(same(value, value) for value in different)
    assert not any(same(one, other) for one, other in pairwise(different))


def test_similar_lets_floats_alone_differ() -> None:
    assert similar([0.1, "a", {"k": 5}], [0.10000000149011612, "a", {"k": 5}])
    assert not similar([5], [6])
    assert not similar([0.1], [0.2])
    assert not similar([1.0], [1])


def test_what_arrives_has_lists_and_bytes() -> None:
    assert same(arrived({"t": (1, (bytearray(b"a"),)), "m": memoryview(b"b")}), {"t": [1, [b"a"]], "m": b"b"})


def test_the_opening_of_a_container_is_found() -> None:
    assert opening(b"[" * 5 + b"]" * 5, b"[" * 6 + b"]" * 6, 5) == b"["
    assert opening(b'{"k":' * 5 + b"0", b'{"k":' * 6 + b"0", 5) == b'{"k":'
    assert opening(b"\x0aabc", b"\x0babcd", 5) == b""


def test_short_is_short_and_ascii() -> None:
    assert short(nested(100_000)) == "[[[[...]]]]"
    assert short("é\ud800") == r"'\xe9\ud800'"
    assert len(short(["x" * 1000] * 10)) <= 103
