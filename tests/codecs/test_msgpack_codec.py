"""What is particular to MessagePack; the plain msgpack package is the measure."""

from __future__ import annotations

import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_codecs.msgpack_codec import MsgpackCodec
from sig_core.errors import DecodeError
from tests.codecs.codec_values import LAW, extra_scalars, nested, same, within

CODEC = MsgpackCodec()


@LAW
@given(nested(extra_scalars))
def test_the_bytes_are_those_of_the_msgpack_package(value):
    assert CODEC.encode(value) == msgpack.Packer().pack(value)


@LAW
@given(nested(extra_scalars))
def test_the_objects_are_those_of_the_msgpack_package(value):
    data = msgpack.packb(value)
    assert same(CODEC.decode(data), msgpack.unpackb(data))


@pytest.mark.parametrize("size", [31, 32, 255, 256, 65535, 65536])
def test_every_length_of_head_agrees(size):
    for value in ("x" * size, b"x" * size, [1] * size, {str(key): None for key in range(size)}):
        assert CODEC.encode(value) == msgpack.packb(value)
        assert CODEC.decode(msgpack.packb(value)) == value


@LAW
@given(nested(st.one_of(extra_scalars.filter(lambda item: type(item) is not float), st.floats(width=32)), 12))
def test_what_other_writers_choose_is_read_alike(value):
    data = msgpack.packb(value, use_single_float=True)
    assert same(CODEC.decode(data), msgpack.unpackb(data))


@LAW
@given(st.binary(max_size=40))
def test_nothing_is_taken_that_the_msgpack_package_refuses(data):
    try:
        value = CODEC.decode(data)
    except DecodeError:
        return
    assert same(value, msgpack.unpackb(data))


@pytest.mark.parametrize("data", [b"\xcd\x00\x05", b"\xd3" + bytes(7) + b"\x05", b"\xcf" + bytes(7) + b"\x05"])
def test_integers_in_longer_forms_are_read(data):
    assert same(CODEC.decode(data), 5)


BLOB = b"\xc4\x01x"  # makes the fast decoder give up


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xd4\x01a", "extension type 1 of 1 bytes"),
        (b"\xc7\x00\x05", "extension type 5 of 0 bytes"),
        (b"\xd8\x7f" + bytes(16), "extension type 127 of 16 bytes"),
        (b"\xd6\xff" + bytes(4), "Timestamp can't be carried"),
        (b"\xd7\xff" + bytes(8), "Timestamp can't be carried"),
        (b"\xd4\xffa", "timestamp|Unpack failed"),
        (b"\x81\x01\x02", "int is not allowed for map key"),
        (b"\x81\xc0\x02", "NoneType is not allowed for map key"),
        (b"\x81\x90\x02", "list is not allowed for map key"),
        (b"\x81\xc4\x01a\x02", "key of type bytes, keys must be str"),
        (b"\x82\xa1a\x01\xcb" + bytes(8) + b"\x02", "float is not allowed for map key"),
    ],
    ids=lambda case: repr(case)[:30],
)
def test_extensions_and_keys_that_are_no_text_are_refused(data, reason):
    for whole in (data, b"\x92" + BLOB + data, b"\x91" * 7 + data, b"\x81\xa1k" + data):
        with pytest.raises(DecodeError, match=reason):
            CODEC.decode(whole)


@pytest.mark.parametrize("data", [b"\xa1\xff", b"\xa3\xed\xa0\x80", b"\x81\xa1\xff\x01", b"\xc1"])
def test_bad_text_and_the_unused_byte_are_refused(data):
    for whole in (data, b"\x92" + BLOB + data, b"\x91" * 7 + data):
        with pytest.raises(DecodeError):
            CODEC.decode(whole)


@pytest.mark.parametrize("head", [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"])
def test_huge_lengths_that_are_not_there_cost_nothing(head):
    tracemalloc.start()
    try:
        for data in (head + b"\xff" * 4, b"\x92" + BLOB + head + b"\x7f\xff\xff\xff" + b"\x01" * 20):
            with pytest.raises(DecodeError):
                CODEC.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_lists_inside_each_other_can_not_promise_the_same_bytes_again_and_again():
    """The msgpack package allocates each list by its promised length, up to the size of the whole message."""
    size = 100_000
    data = (b"\xdd" + size.to_bytes(4, "big")) * 200
    data += b"\xc0" * (size - len(data))
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            CODEC.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_64_deep_is_taken_and_65_is_refused():
    assert CODEC.decode(msgpack.packb(within([], 63))) == within([], 63)
    with pytest.raises(DecodeError, match="nested more than 64 deep"):
        CODEC.decode(msgpack.packb(within([], 64)))


@pytest.mark.parametrize("value", [within(b"x" * 300, 3), [b"", "", None] * 30, within({"a": [b"b"]}, 20)], ids=str)
def test_what_the_fast_decoder_does_not_know_is_decoded_all_the_same(value):
    assert same(CODEC.decode(CODEC.encode(value)), value)
