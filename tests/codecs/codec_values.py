"""The codecs under test, values for them, and equality that minds types."""

from __future__ import annotations

import math
import struct

from hypothesis import settings
from hypothesis import strategies as st

from sig_codecs.cbor_codec import CborCodec
from sig_codecs.json_codec import JsonCodec
from sig_codecs.msgpack_codec import MsgpackCodec

CODECS = {codec.name: codec for codec in (JsonCodec(), MsgpackCodec(), CborCodec())}
RICH = [CODECS["msgpack"], CODECS["cbor"]]
EVENT = {"n": 5, "t": 1700000000.123, "value": 21.5, "unit": "C", "ok": True, "tags": ["é", None, {"deep": [1.0, -1]}]}

LAW = settings(derandomize=True, deadline=None, max_examples=150)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.one_of(texts, st.sampled_from(["a", "b", "n"]))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 2**31, 2**32, 255, 256]),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
extra_scalars = st.one_of(scalars, st.binary(max_size=12), st.floats())


def nested(leaves, max_leaves=25):
    """Lists and dicts of `leaves`, and tuples, which travel as lists."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=5),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(keys, inner, max_size=5),
        ),
        max_leaves=max_leaves,
    )


def within(value, depth):
    """Put `value` inside `depth` containers, lists and dicts in turn."""
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


def arrived(value):
    """What a receiver must get: the same with lists for tuples and bytes for what is like them."""
    if isinstance(value, dict):
        return {key: arrived(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [arrived(item) for item in value]
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def same(left, right):
    """Equal with equal types: 1 is neither 1.0 nor True, -0.0 is not 0.0, NaN is NaN, and dicts keep their order."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right
