"""The codec of the boards: the vectors, the one narrowing, and that nothing else comes through."""

from __future__ import annotations

import json
import math
import struct
import tracemalloc
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_core.errors import DecodeError, EncodeError
from tests.codecs.codec_values import CODECS, LAW, arrived, nested, same, texts, within
from tests.codecs.refusals import REFUSED, REFUSED_BY_JSON, TOO_DEEP, check_refused

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "board_messages.json").read_text())
CODEC = CborBoardCodec()
EXACT = CborBoardCodec(exact=True)
CBOR = CODECS["cbor"]
GREATEST = 3.4028234663852886e38

numbers = st.one_of(
    st.integers(-(2**32), 2**32 - 1),
    st.sampled_from([0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, -1, -24, -25, -256, -257, -65536, -65537, -(2**32)]),
)
floats = st.one_of(st.floats(-GREATEST, GREATEST), st.floats(width=32, allow_nan=False, allow_infinity=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, floats, texts, st.binary(max_size=12))


def narrowed(value):
    """What must arrive: the nearest float32 for every float, lists for tuples."""
    if isinstance(value, float):
        return struct.unpack(">f", struct.pack(">f", value))[0]
    if isinstance(value, dict):
        return {key: narrowed(item) for key, item in value.items()}
    return [narrowed(item) for item in value] if isinstance(value, list | tuple) else arrived(value)


def value_or_refusal(data):
    """Decode hostile bytes: a value that this codec and `cbor` agree on, or DecodeError."""
    try:
        value = CODEC.decode(data)
    except DecodeError as error:
        assert str(error).startswith("cbor-board: ")
        return error
    assert same(CBOR.decode(data), value)
    assert same(EXACT.decode(EXACT.encode(value)), value)
    return value


@pytest.mark.parametrize("vector", VECTORS["values"], ids=lambda vector: vector["name"])
def test_values_of_the_vectors(vector):
    data = bytes.fromhex(vector["bytes"])
    assert CODEC.encode(vector["value"]) == data
    assert same(CODEC.decode(data), vector.get("decoded", vector["value"]))


@pytest.mark.parametrize("vector", VECTORS["refused_values"], ids=lambda vector: vector["name"])
def test_refused_values_of_the_vectors(vector):
    with pytest.raises(EncodeError, match=r"^cbor-board: value: "):
        CODEC.encode(vector["value"])


@pytest.mark.parametrize("vector", VECTORS["refused_bytes"], ids=lambda vector: vector["name"])
def test_refused_bytes_of_the_vectors(vector):
    data = bytes.fromhex(vector["bytes"])
    with pytest.raises(DecodeError, match=r"^cbor-board: "):
        CODEC.decode(data)
    for before in ("82f6", "a1616b", "81818181"):
        if vector["name"] != "trailing byte":
            with pytest.raises(DecodeError, match=r"^cbor-board: byte "):
                CODEC.decode(bytes.fromhex(before) + data)


@LAW
@given(nested(scalars))
def test_what_is_encoded_arrives_narrowed_here_and_elsewhere(value):
    data = CODEC.encode(value)
    assert same(CODEC.decode(data), narrowed(value))
    assert same(cbor2.loads(data), narrowed(value))
    assert same(CBOR.decode(data), narrowed(value))


@LAW
@given(nested(scalars))
def test_exact_alters_nothing(value):
    if same(narrowed(value), arrived(value)):
        assert EXACT.encode(value) == CODEC.encode(value)
    else:
        with pytest.raises(EncodeError, match="is no float32; the nearest one is"):
            EXACT.encode(value)


def test_what_cbor_can_pass_on_untouched_it_says():
    assert CODEC.name in CBOR.reads


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("1805", 5),
        ("190005", 5),
        ("1a00000005", 5),
        ("3800", -1),
        ("7801 61", "a"),
        ("980101", [1]),
        ("b9000161611801", {"a": 1}),
    ],
)
def test_heads_that_are_longer_than_they_must_be_are_read(data, value):
    assert same(CODEC.decode(bytes.fromhex(data)), value)


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0\xff", bytearray(b"ab"), memoryview(b"abc")[1:], memoryview(b"")],
    ids=lambda raw: f"{type(raw).__name__} {bytes(raw)!r}",
)
def test_what_is_like_bytes_arrives_as_bytes(raw):
    assert same(CODEC.decode(CODEC.encode({"raw": raw})), {"raw": bytes(raw)})


def test_a_memoryview_of_other_items_arrives_as_bytes():
    for view in (memoryview(bytes(range(8))).cast("I"), memoryview(bytes(range(4))).cast("B", (2, 2))):
        assert CODEC.decode(CODEC.encode([view])) == [bytes(view)]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_as_by_every_codec_with_its_place(case):
    bad, reason = REFUSED[case]
    if reason.startswith("integer"):
        reason = f"integer of {bad.bit_length()} bits is outside -2**32 .. 2**32-1"
    check_refused(CODEC, bad, reason)


@pytest.mark.parametrize("case", TOO_DEEP)
def test_too_deep(case):
    with pytest.raises(EncodeError, match=r"^cbor-board: value(\[.*\]){4}\.\.\..*: nested more than 64 deep$"):
        CODEC.encode(TOO_DEEP[case])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (2**32, "integer of 33 bits is outside -2**32 .. 2**32-1"),
        (-(2**32) - 1, "integer of 33 bits is outside"),
        (3.4028235677973366e38, "3.4028235677973366e+38 is beyond float32"),
        (-1e300, "-1e+300 is beyond float32"),
        *(REFUSED_BY_JSON[case] for case in ("nan", "inf", "-inf")),
    ],
    ids=str,
)
def test_refused_as_no_float32_or_32_bits_with_its_place(bad, reason):
    check_refused(CODEC, bad, reason)


def test_the_greatest_float_is_the_one_that_rounds_down():
    assert CODEC.encode(3.4028235677973362e38) == CODEC.encode(GREATEST)


def test_exact_names_the_place():
    with pytest.raises(EncodeError) as caught:
        EXACT.encode({"t": [21.5, 21.3]})
    assert str(caught.value) == ("cbor-board: value['t'][1]: 21.3 is no float32; the nearest one is 21.299999237060547")


def test_a_memoryview_that_has_gaps_or_was_released_is_refused():
    released = memoryview(b"a")
    released.release()
    with pytest.raises(EncodeError, match=r"value\['v'\]: memoryview that is not contiguous"):
        CODEC.encode({"v": memoryview(b"abcd")[::2]})
    with pytest.raises(EncodeError, match=r"value\['v'\]: memoryview can't be read: operation forbidden"):
        CODEC.encode({"v": released})


@LAW
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_refusal(data):
    value_or_refusal(data)


@LAW
@given(nested(scalars, 8), st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_damaged_encodings_are_a_value_or_a_refusal(value, position, damage):
    good = CODEC.encode(value)
    at = position % len(good)
    value_or_refusal(good[:at] + damage + good[at + len(damage) :])


@LAW
@given(nested(scalars, 8), st.binary(min_size=1, max_size=3))
def test_every_truncation_and_every_rest_is_refused(value, rest):
    good = CODEC.encode(value)
    for end in range(len(good)):
        assert isinstance(value_or_refusal(good[:end]), DecodeError)
    with pytest.raises(DecodeError, match=rf"^cbor-board: {len(rest)} bytes follow the value$"):
        CODEC.decode(good + rest)


def test_every_pair_of_bytes_is_a_value_or_a_refusal():
    for first in range(256):
        value_or_refusal(bytes([first]))
        for second in range(256):
            value_or_refusal(bytes([first, second]))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("f7", "undefined can't be carried"),
        ("f820", "simple value (head f8) is not of the model"),
        ("fc", "simple value (head fc)"),
        ("f93c00", "float of 16 bits, floats are float32"),
        ("fbc010666666666666", "float of 64 bits"),
        ("fa7fc00001", "nan can't be carried"),
        ("faff800000", "-inf can't be carried"),
        ("c101", "tag 1 can't be carried"),
        ("d9d9f701", "tag 55799 can't be carried"),
        ("5bffffffffffffffff", "number of 64 bits"),
        ("5f4101ff", "indefinite length"),
        ("1e", "head 1e is reserved"),
        ("5a0000000401", "a length of 4, but only 1 bytes follow"),
        ("ba0000000301", "a length of 3, but only 1 bytes follow"),
        ("a1f602", "keys must be text (head f6 is none)"),
        ("a1416102", "keys must be text (head 41"),
        ("a18002", "keys must be text (head 80"),
        ("62c328", "text is not UTF-8"),
        ("61ff", "text is not UTF-8"),
    ],
)
def test_refusals_say_what_is_wrong_and_at_which_byte(data, reason):
    for before in ("", "82f6", "a1616b"):
        with pytest.raises(DecodeError) as caught:
            CODEC.decode(bytes.fromhex(before + data))
        at = len(before) // 2
        assert str(caught.value).startswith(
            (f"cbor-board: byte {at}: {reason}", f"cbor-board: byte {at + 1}: {reason}")
        )


@pytest.mark.parametrize("head", ["9a", "ba", "7a", "5a", "9b00000000", "5b00000000"])
@pytest.mark.parametrize("length", ["ffffffff", "7fffffff", "0fffffff"])
def test_huge_lengths_that_are_not_there_cost_nothing(head, length):
    tracemalloc.start()
    try:
        for rest in ("", "01" * 20, head + length):
            with pytest.raises(DecodeError):
                CODEC.decode(bytes.fromhex(head + length + rest))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_64_deep_is_taken_and_65_is_refused():
    for deepest in ([], {}, [0]):
        assert CODEC.decode(cbor2.dumps(within(deepest, 63))) == within(deepest, 63)
        assert CODEC.decode(CODEC.encode(within(deepest, 63))) == within(deepest, 63)
        with pytest.raises(DecodeError, match=r"nested more than 64 deep$"):
            CODEC.decode(cbor2.dumps(within(deepest, 64)))


@pytest.mark.parametrize("opening", [b"\x81", b"\xa1\x61a", b"\x98\x01", b"\x82\x81", b"\xc1"])
@pytest.mark.parametrize("depth", [65, 2_000, 100_000])
def test_deep_nesting_is_refused(opening, depth):
    assert isinstance(value_or_refusal(opening * depth), DecodeError)
    assert isinstance(value_or_refusal(opening * depth + b"\0"), DecodeError)


def test_a_float_is_never_not_finite():
    for pattern in range(0x7F7FFFFE, 0x7F800003):
        got = value_or_refusal(b"\xfa" + struct.pack(">I", pattern))
        assert isinstance(got, DecodeError) == (pattern >= 0x7F800000)
        assert isinstance(got, DecodeError) or math.isfinite(got)
