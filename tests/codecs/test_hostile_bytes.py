"""Whatever bytes a peer sends, every built-in codec gives a value that it carries, or DecodeError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.errors import DecodeError
from tests.codecs.codec_values import CODECS, EVENT, LAW, RICH, extra_scalars, nested, same, within


def value_or_refusal(codec, data):
    """Decode hostile bytes: a value that the codec can carry itself, or DecodeError; anything else fails the test."""
    try:
        value = codec.decode(data)
    except DecodeError as error:
        assert str(error).startswith(f"{codec.name}: ")
        return error
    assert same(codec.decode(codec.encode(value)), value)
    return value


@LAW
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_refusal(data):
    for codec in CODECS.values():
        value_or_refusal(codec, data)


@LAW
@given(nested(extra_scalars, 8), st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_damaged_encodings_are_a_value_or_a_refusal(value, position, damage):
    for codec in RICH:
        good = codec.encode(value)
        at = position % len(good)
        value_or_refusal(codec, good[:at] + damage + good[at + len(damage) :])


def test_every_single_byte_is_a_value_or_a_refusal(codec):
    for byte in range(256):
        value_or_refusal(codec, bytes([byte]))


@pytest.mark.parametrize("extra", [{}, {"blob": b"\0\1"}, {"far": within(1, 9)}], ids=["plain", "bytes", "deep"])
def test_every_truncation_is_refused(codec, extra):
    if "blob" in extra and "bytes" not in codec.extras:
        extra = {}
    good = codec.encode(EVENT | extra)
    for end in range(len(good)):
        with pytest.raises(DecodeError) as caught:
            codec.decode(good[:end])
        assert caught.value.__cause__ is not None


@pytest.mark.parametrize("value", [EVENT, 1, "a", [], within("x", 20), None, {"k": "x" * 5000}], ids=str)
def test_bytes_that_follow_the_value_are_refused(codec, value):
    good = codec.encode(value)
    for rest in (good, codec.encode(None), codec.encode({}), b"\xff", b"\0"):
        if codec.name == "json" and value == 1 and rest == good:
            rest = b" 1"
        with pytest.raises(DecodeError):
            codec.decode(good + rest)


@pytest.mark.parametrize(
    "data",
    {
        "json": [b"[", b'{"a":', b"[[],", b'[{"a":'],
        "msgpack": [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01", b"\x81\x91", b"\x81\x81"],
        "cbor": [b"\x81", b"\x9f", b"\xa1\x61a", b"\xbf\x61a", b"\xc1", b"\xa1\x81", b"\x5f", b"\xd8\x1c"],
    }.items(),
    ids=lambda case: case[0],
)
def test_deep_nesting_is_refused(data):
    name, openings = data
    for opening in openings:
        for depth in (65, 400, 2_000, 100_000):
            assert isinstance(value_or_refusal(CODECS[name], opening * depth), DecodeError)
    closed = {"json": (b"[", b"]"), "msgpack": (b"\x91", b"\x90"), "cbor": (b"\x81", b"\x80")}[name]
    for depth in (65, 500, 100_000):
        last = b"0" if name == "json" else b""
        ends = closed[1] * depth if name == "json" else closed[1]
        assert isinstance(value_or_refusal(CODECS[name], closed[0] * depth + last + ends), DecodeError)


def test_no_bytes_at_all_are_refused(codec):
    with pytest.raises(DecodeError):
        codec.decode(b"")
