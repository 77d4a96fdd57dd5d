"""Reading and writing cbor-board, item by item."""

from __future__ import annotations

import ctypes as c
import itertools
import math
import struct

import cbor2
import pytest

from tests.boards.c.board import In, Out
from tests.boards.c.library import Writer


def read(library: c.CDLL, encoded: bytes) -> In:
    memory = c.create_string_buffer(encoded, len(encoded))
    reader = library.sigb_reader_of(c.cast(memory, c.c_char_p), len(encoded))
    reader.memory = memory  # which must live as long
    return In(library, c.pointer(reader))


def write(library: c.CDLL, room: int = 64) -> tuple[Out, Writer, c.Array[c.c_char]]:
    memory = c.create_string_buffer(room)
    writer = Writer(c.addressof(memory), room, 0)
    return Out(library, c.pointer(writer)), writer, memory


INTEGERS = [
    0, 1, 23, 24, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1,
    -1, -24, -25, -256, -257, -(2**31), -(2**32),
]  # fmt: skip


@pytest.mark.parametrize("number", INTEGERS)
def test_integers(library: c.CDLL, number: int) -> None:
    encoded = cbor2.dumps(number)
    signed, unsigned = read(library, encoded), read(library, encoded)
    fits = -(2**31) <= number < 2**31
    assert (signed.int(), signed.failed) == ((number, False) if fits else (0, True))
    fits_unsigned = 0 <= number < 2**32
    assert (unsigned.uint(), unsigned.failed) == ((number, False) if fits_unsigned else (0, True))
    out, writer, memory = write(library)
    if fits:
        out.int(number)
        assert memory.raw[: writer.size] == encoded
    if fits_unsigned:
        writer.size = 0
        out.uint(number)
        assert memory.raw[: writer.size] == encoded
    assert read(library, encoded).float() == struct.unpack("f", struct.pack("f", number))[0]


def test_integers_in_heads_that_are_longer_than_they_must_be(library: c.CDLL) -> None:
    for encoded in (b"\x18\x05", b"\x19\x00\x05", b"\x1a\x00\x00\x00\x05"):
        assert read(library, encoded).int() == 5


def test_everything_in_a_list(library: c.CDLL) -> None:
    out, writer, memory = write(library)
    out.list(9)
    out.null()
    out.bool(True)
    out.bool(False)
    out.text("Grüße".encode())
    out.bytes(b"\0\1", 2)
    out.float(21.5)
    out.int(-7)
    out.list(0)
    out.map(1)
    out.text(b"k")
    out.uint(4_000_000_000)
    encoded = memory.raw[: writer.size]
    assert cbor2.loads(encoded) == [None, True, False, "Grüße", b"\0\1", 21.5, -7, [], {"k": 4_000_000_000}]
    assert library.sigb_is_item(encoded, len(encoded))
    value = read(library, encoded)
    assert value.list() == 9
    value.null()
    assert (value.bool(), value.bool(), value.text(), value.bytes(), value.float(), value.int()) == (
        True, False, "Grüße", b"\0\1", 21.5, -7,
    )  # fmt: skip
    assert (value.list(), value.map(), value.text(), value.uint(), value.failed) == (0, 1, "k", 4_000_000_000, False)


TYPES = {"null": None, "bool": True, "int": 5, "text": "t", "bytes": b"b", "list": [1], "map": {"a": 1}}


@pytest.mark.parametrize(("wanted", "given"), [*itertools.permutations(TYPES, 2)])
def test_another_type_fails_for_good(library: c.CDLL, wanted: str, given: str) -> None:
    value = read(library, cbor2.dumps(TYPES[given]) + cbor2.dumps(TYPES[wanted]))
    assert not getattr(value, wanted)() and value.failed
    assert not getattr(value, wanted)() and value.failed


def test_nothing_is_read_beyond_the_end(library: c.CDLL) -> None:
    whole = cbor2.dumps([1000, "text", {"key": b"bytes"}, [70000]]) + struct.pack(">Bf", 0xFA, 1.5)
    for size in range(len(whole)):
        value = read(library, whole[:size])
        for _ in range(12):
            value.skip()
        assert value.failed
        assert not library.sigb_is_item(whole[:size], size) or size == len(whole) - 5


def test_peek_leaves_it_there(library: c.CDLL) -> None:
    types = [(b"\x05", 0), (b"\x24", 1), (b"\x41a", 2), (b"\x61a", 3), (b"\x80", 4), (b"\xa0", 5), (b"\xf4", 7),
             (b"\xfa\0\0\0\0", 8), (b"\xf6", 9), (b"\xf7", 10), (b"\xfb", 10), (b"", 10)]  # fmt: skip
    for encoded, kind in types:
        value = read(library, encoded)
        assert library.sigb_peek(value.reader) == library.sigb_peek(value.reader) == kind
        assert not value.failed


def test_a_writer_counts_what_it_has_no_room_for(library: c.CDLL) -> None:
    out, writer, memory = write(library, 8)
    out.text(b"longer than that")
    assert (writer.size, memory.raw) == (17, b"\x70longer ")
    for _ in range(5000):
        out.text(b"longer than that")
    assert writer.size == 65535


@pytest.mark.parametrize("depth", [1, 65, 66])
def test_depth(library: c.CDLL, depth: int) -> None:
    for nest in (b"\x81", b"\xa1\x61k"):
        encoded = nest * depth + b"\0"
        assert library.sigb_is_item(encoded, len(encoded)) == (depth <= 65)


def test_strings_that_claim_more_than_there_is(library: c.CDLL) -> None:
    value = read(library, b"\x7a\xff\xff\xff\xffabc")
    assert value.text() == "" and value.failed
    value = read(library, b"\x9a\x00\x01\x00\x00abc")
    assert value.list() == 0 and value.failed


def test_utf8_as_the_standard_has_it(library: c.CDLL) -> None:
    seconds = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    for first in range(256):
        for second in seconds:
            for rest in (b"", b"\x80", b"\x80\xbf", b"\x80a"):
                text = bytes((first, second)) + rest
                encoded = bytes((0x60 + len(text),)) + text
                try:
                    text.decode()
                    right = True
                except UnicodeDecodeError:
                    right = False
                assert library.sigb_is_item(encoded, len(encoded)) == right, text.hex()


def test_keys_of_every_map_are_text(library: c.CDLL) -> None:
    for encoded, right in (
        (b"\xa1\x61a\x01", True), (b"\xa1\x01\x01", False), (b"\xa2\x61a\xa1\x41b\x01\x61c\x02", False),
        (b"\x82\xa1\x61a\x80\xa1\x80\x01", False), (b"\xa2\x61a\x01\x61b\x02", True), (b"\xa1\x61a", False),
    ):  # fmt: skip
        assert library.sigb_is_item(encoded, len(encoded)) == right, encoded.hex()


@pytest.mark.parametrize("number", [0.0, -0.0, 1.5, 3.4028234663852886e38, 1.401298464324817e-45])
def test_floats(library: c.CDLL, number: float) -> None:
    out, writer, memory = write(library)
    out.float(number)
    assert memory.raw[: writer.size] == struct.pack(">Bf", 0xFA, number)
    assert read(library, memory.raw[:5]).float() == number


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_floats_that_are_no_numbers(library: c.CDLL, number: float) -> None:
    out, writer, memory = write(library)
    out.float(number)
    assert not library.sigb_is_item(memory.raw[: writer.size], writer.size)
    value = read(library, memory.raw[: writer.size])
    assert value.float() == 0 and value.failed
