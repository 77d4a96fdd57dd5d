"""What is particular to JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from sig_codecs.json_codec import JsonCodec
from sig_core.errors import DecodeError, EncodeError
from tests.codecs.codec_values import LAW, nested, same, scalars, within

CODEC = JsonCodec()


def test_it_writes_compact_text_in_order():
    assert CODEC.encode({"n": 5, "a": [1.5, None, True, "é"]}) == '{"n":5,"a":[1.5,null,true,"é"]}'.encode()


@LAW
@given(nested(scalars))
def test_other_readers_and_writers_agree(value):
    assert json.loads(CODEC.encode(value)) == json.loads(json.dumps(value))
    assert same(CODEC.decode(json.dumps(value).encode()), CODEC.decode(CODEC.encode(value)))


@pytest.mark.parametrize("depth", [0, 1, 5, 6, 64])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("18446744073709551616", "integer of 65 bits is outside"),
        ("-9223372036854775809", "integer of 64 bits is outside"),
        ("1" * 400, "integer of 1326 bits is outside"),
        ("1" * 5000, "out of range"),
        ("1e400", "out of range"),
        ("-1e400", "out of range"),
        ("NaN", "malformed"),
        ("Infinity", "malformed"),
        ("nul", "truncated|malformed"),
        ("'a'", "malformed"),
        ('"\\ud800"', "truncated|surrogate|malformed|escape"),
        ('{"\\ud800": 1}', "truncated|surrogate|malformed|escape"),
        ('"\x01"', "malformed"),
        ("[1,]", "malformed"),
        ("{1: 2}", "malformed"),
        ("01", "malformed"),
        ("/**/1", "malformed"),
        ("\ufeff1", "malformed"),
    ],
    ids=lambda case: repr(case)[:24],
)
def test_refused_at_any_depth(text, reason, depth):
    with pytest.raises(DecodeError, match=reason):
        CODEC.decode(("[" * depth + text + "]" * depth).encode())


@pytest.mark.parametrize("data", [b'"\xff"', b'{"\xff":1}', b'["\xed\xa0\x80"]', b"\xff\xfe1\x00"])
def test_text_that_is_not_utf8_is_refused(data):
    with pytest.raises(DecodeError):
        CODEC.decode(data)


def test_the_place_of_an_integer_that_came_too_big_is_named():
    with pytest.raises(DecodeError, match=r"^json: value\['a'\]\[1\]: integer of 65 bits"):
        CODEC.decode(b'{"a":[1,18446744073709551616]}')


def test_white_space_is_no_rest():
    assert CODEC.decode(b' \r\n\t{"a" : 1 } \n') == {"a": 1}


def test_the_last_of_equal_names_counts():
    assert CODEC.decode(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


@pytest.mark.parametrize("text", [b"1.0", b"1e0", b"10E-1"])
def test_a_number_with_point_or_exponent_is_a_float(text):
    assert same(CODEC.decode(text), 1.0)


def test_64_deep_is_taken_and_65_is_refused():
    assert CODEC.decode(b"[" * 64 + b"]" * 64) == json.loads("[" * 64 + "]" * 64)
    with pytest.raises(DecodeError, match="nested more than 64 deep"):
        CODEC.decode(b"[" * 65 + b"]" * 65)


def test_null_is_none_and_never_nan():
    assert CODEC.encode([None, "null"]) == b'[null,"null"]'
    with pytest.raises(EncodeError, match=r"value\[1\]: nan can't be carried"):
        CODEC.encode([None, float("nan")])


def test_numbers_whose_sum_overflows_are_carried():
    values = [1.7e308] * 40 + [-1.7e308]
    assert CODEC.decode(CODEC.encode(values)) == values


def test_a_deep_value_of_the_sender_is_the_same_at_the_receiver():
    value = within({"n": 2**64 - 1, "f": -0.0}, 63)
    assert same(CODEC.decode(CODEC.encode(value)), value)
