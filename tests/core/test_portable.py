from __future__ import annotations

import enum
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.portable import CERTAIN, MAX_DEPTH, RAW, fault, fits

BYTES = frozenset({"bytes"})
NONFINITE = frozenset({"nonfinite"})
LAW = settings(derandomize=True, deadline=None, max_examples=300)


class Number(enum.IntEnum):
    ONE = 1


class Broken:
    def __repr__(self):
        raise AssertionError("no error may look at a foreign value")


good = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
bad = st.sampled_from(
    [2**64, -(2**63) - 1, math.nan, math.inf, -math.inf, {1}, b"b", bytearray(), 1j, Number.ONE, {1: 1}, {None: 1}, ...]
)


def nested(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, min_size=17, max_size=18),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(st.text(max_size=3), inner, max_size=4),
        ),
        max_leaves=20,
    )


def within(value, depth):
    for _ in range(depth):
        value = [value]
    return value


def no_fault(value, extras=frozenset()):
    return fault(value, extras).endswith("can't be carried, though all its parts can")


@LAW
@given(nested(good))
def test_the_model_fits(value):
    assert fits(value)
    assert no_fault(value)


@LAW
@given(nested(good | bad))
def test_what_does_not_fit_has_a_fault_and_the_reverse(value):
    assert fits(value) != (not no_fault(value))
    assert fits(value, CERTAIN | RAW) == no_fault(value, BYTES)
    assert fits(value, CERTAIN | {float}) == no_fault(value, NONFINITE)


@LAW
@given(nested(good), st.data())
def test_a_planted_fault_is_found_at_its_place(value, data):
    place, spot = "", value
    while isinstance(spot, list | dict) and spot:
        key = data.draw(st.sampled_from(list(spot) if isinstance(spot, dict) else range(len(spot))))
        place, parent, spot = f"{place}[{key!r}]", spot, spot[key]
    if place:
        parent[key] = {1}
        assert not fits(value)
        assert fault(value) == f"value{place}: set can't be carried" or place.count("[") > 8


@pytest.mark.parametrize("numbers", [[1e308] * 40, [-1e308] * 17, [0.0] * 17, [1e308] * 17 + [-1e308] * 17], ids=str)
def test_a_long_list_fits_though_its_sum_overflows(numbers):
    assert fits(numbers)
    assert fits({"a": tuple(numbers)})


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 2**64, {1}, b"", Number.ONE, {1: 1}], ids=repr)
@pytest.mark.parametrize("rest", [[0.5], [1], ["a"], [None, 1.0, 2], [[1]]], ids=repr)
@pytest.mark.parametrize("size", [1, 15, 16, 17, 100])
def test_one_odd_item_of_a_long_list_is_seen(odd, rest, size):
    others = (rest * size)[:size]
    for place, items in ((size, [*others, odd]), (0, [odd, *others])):
        assert not fits(items)
        assert fault(items).startswith(f"value[{place}]: ")


def test_infinities_of_both_signs_do_not_cancel():
    assert not fits([math.inf, -math.inf] * 20)
    assert not fits({"a": math.inf, "b": -math.inf})


def test_certain_types_are_not_looked_at():
    assert fits([2**64, math.nan, b"x"], CERTAIN | RAW | {int, float})
    assert fits([2**64] * 40, CERTAIN | {int})
    assert not fits([Number.ONE], CERTAIN | {int})


def test_depth_is_counted_in_containers():
    for leaf in (1, None, "a"):
        assert fits(within(leaf, MAX_DEPTH))
        assert not fits(within(leaf, MAX_DEPTH + 1))
    assert fits(within({}, MAX_DEPTH - 1))
    assert not fits(within({}, MAX_DEPTH))
    assert fits([[1]], room=2)
    assert not fits([[1]], room=1)


def test_lone_surrogates_are_left_to_the_encoder_and_named():
    assert fits({"a": "\ud800", "\udfff": 1})
    assert fault({"a": ["\ud800"]}) == "value['a'][0]: text '\\ud800' has a lone surrogate"
    assert fault([{"\udfff": 1}]) == "value[0]: key '\\udfff' has a lone surrogate"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", "value: bytes can't be carried"),
        ({"a": [0, 1, 2, b"x"]}, "value['a'][3]: bytes can't be carried"),
        ([1, {"k": 2**64}], "value[1]['k']: integer of 65 bits is outside -2**63 .. 2**64-1"),
        ([math.nan], "value[0]: nan can't be carried"),
        ([Number.ONE], "value[0]: Number, a subclass of int, can't be carried; convert it to int"),
        ([{1: 2}], "value[0]: key of type int, keys must be str"),
        (("x", {1}), "value[1]: set can't be carried"),
        ([{1}, b""], "value[0]: set can't be carried"),
        ({"q'": {1}}, "value[\"q'\"]: set can't be carried"),
        ({"k" * 50: {1}}, f"value['{'k' * 36}...']: set can't be carried"),
        (within(b"", 9), "value[0][0][0][0]...[0][0][0][0]: bytes can't be carried"),
    ],
    ids=lambda case: repr(case)[:30],
)
def test_the_fault_says_place_and_reason(value, text):
    assert fault(value) == text


def test_foreign_and_huge_values_are_named_by_their_type_alone():
    assert fault([Broken()]) == "value[0]: Broken can't be carried"
    assert fault([{Broken(): 1}]) == "value[0]: key of type Broken, keys must be str"
    assert fault(10**6000).startswith("value: integer of 19932 bits")
    assert fault({10**6000: 1}) == "value: key of type int, keys must be str"
    assert len(fault({"x" * 100_000: "\ud800" * 100_000})) < 200


def test_extras_are_carried():
    raw = [b"a", bytearray(b"b"), memoryview(b"c")]
    assert no_fault(raw, BYTES)
    assert fault(raw).startswith("value[0]: bytes")
    assert no_fault([math.nan, math.inf], NONFINITE)


def test_a_memoryview_must_be_readable_in_one_piece():
    view = memoryview(b"abcd")
    assert "not contiguous" in fault([view[::2]], BYTES)
    view.release()
    assert fault([view], BYTES).startswith("value[0]: memoryview can't be read: ")


def test_values_that_contain_themselves_are_too_deep():
    own: list = []
    own.append({"again": (own, own)})
    assert not fits(own)
    assert fault(own).endswith(": nested more than 64 deep")
