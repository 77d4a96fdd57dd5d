"""The heads of CBOR items, as boards write and read them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_core.errors import RemoteProtocolError
from sig_core.protocol.items import ItemReader, array_head, integer_item, name_item, text_item

LAW = settings(derandomize=True, deadline=None, max_examples=300)
CODEC = CborBoardCodec()
INTEGERS = st.integers(-(2**32), 2**32 - 1) | st.sampled_from([0, 23, 24, 255, 256, 65535, 65536, -24, -25, -256, -257])
NAMES = st.text(min_size=1, max_size=60) | INTEGERS


def array_of(*items: bytes) -> ItemReader:
    return ItemReader(array_head(len(items)) + b"".join(items))


@LAW
@given(INTEGERS, st.text(max_size=300))
def test_they_are_those_of_the_codec(number: int, text: str) -> None:
    assert integer_item(number) == CODEC.encode(number)
    assert text_item(text) == CODEC.encode(text)
    assert array_head(1) + integer_item(number) == CODEC.encode([number])


@LAW
@given(st.lists(NAMES, max_size=40))
def test_what_is_written_is_read(names: list[Any]) -> None:
    reader = array_of(*map(name_item, names))
    assert reader.count == len(names)
    assert [reader.name() for _ in names] == names
    reader.end()


@pytest.mark.parametrize(("name", "text"), [(2**32, "4294967296"), (-(2**32) - 1, "-4294967297"), (1.5, "1.5")])
def test_a_name_that_a_board_does_not_know_is_text(name: Any, text: str) -> None:
    assert array_of(name_item(name)).name() == text


@pytest.mark.parametrize(
    "data",
    ["", "01", "a0", "60", "f6", "9f", "1b0000000000000001", "98", "99ff", "9aff", "9c"],
)
def test_what_is_no_array(data: str) -> None:
    with pytest.raises(RemoteProtocolError):
        ItemReader(bytes.fromhex(data))


@pytest.mark.parametrize(("number", "low", "high"), [(5, 6, 10), (11, 6, 10), (-1, 0, 10), (-(2**32), -(2**31), 0)])
def test_an_integer_out_of_range(number: int, low: int, high: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"{number} is not in {low} .. {high}"):
        array_of(integer_item(number)).integer(low, high)


@pytest.mark.parametrize("item", ["f6", "6161", "80", "a0", "f5", "fa00000000", "40", "", "18", "1900", "1c", "1f"])
def test_no_integer(item: str) -> None:
    with pytest.raises(RemoteProtocolError):
        array_of(bytes.fromhex(item)).integer(0, 2**32 - 1)


LONG = "790100" + "61" * 256


@pytest.mark.parametrize("item", ["60", "62c328", "63eda080", "6461", "7901", "7f6161ff", "f5", "80", "f6", "", LONG])
def test_no_name(item: str) -> None:
    with pytest.raises(RemoteProtocolError):
        array_of(bytes.fromhex(item)).name()


def test_a_name_of_255_bytes() -> None:
    assert array_of(text_item("é" * 127 + "x")).name() == "é" * 127 + "x"


def test_null() -> None:
    reader = array_of(b"\xf6", b"\xf6", text_item("m"))
    assert (reader.name_or_null(), reader.method_or_null(), reader.method_or_null()) == (None, None, "m")
    with pytest.raises(RemoteProtocolError):
        array_of(integer_item(3)).method()


def test_what_follows() -> None:
    reader = array_of(integer_item(1), b"\x01\x02")
    assert reader.integer(0, 5) == 1
    assert reader.rest() == b"\x01\x02"
    with pytest.raises(RemoteProtocolError, match="2 bytes follow"):
        reader.end()


@LAW
@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        ItemReader(data).integer(0, 9)
    with suppress(RemoteProtocolError):
        ItemReader(data).method_or_null()
    with suppress(RemoteProtocolError):
        ItemReader(data).end()
