"""Errors of values that a codec does not carry name what they are about."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import DecodeError, EncodeError
from sig_core.plugins import default_plugins
from sig_core.routing.transcode import EVENT_OF, REQUEST_TO, decode, encode


class Clumsy:
    name = "clumsy"
    extras: frozenset[str] = frozenset()

    def encode(self, value: object) -> bytes:
        raise KeyError("no idea {0}")

    def decode(self, data: bytes) -> object:
        raise IndexError("no idea")


def test_our_codecs_say_where_and_we_say_whose() -> None:
    json = default_plugins().codecs.get("json")
    with pytest.raises(EncodeError) as caught:
        encode(json, {"a": [b"x"]}, EVENT_OF, "e", "{s}")
    assert str(caught.value).startswith("event 'e' of sender '{s}': json: value['a'][0]: bytes can't be carried")
    with pytest.raises(EncodeError, match=r"^json: value: object can't be carried"):
        encode(json, object())


def test_whatever_a_codec_raises_is_an_encode_or_decode_error() -> None:
    with pytest.raises(EncodeError, match=r"^request 'x' to sender 5: clumsy: can't encode int: 'no") as caught:
        encode(Clumsy(), 1, REQUEST_TO, "x", 5)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(DecodeError, match=r"^clumsy: 1 bytes are no value of it"):
        decode(Clumsy(), b"x")


class Panic(BaseException):
    """What compiled code raises where it has a fault: it is no Exception."""


class Panicking(Clumsy):
    def encode(self, value: object) -> bytes:
        raise Panic("index out of range")

    decode = encode


def test_a_panic_of_a_compiled_codec_is_one_too() -> None:
    with pytest.raises(EncodeError, match=r"^clumsy: can't encode int: index out of range"):
        encode(Panicking(), 1)
    with pytest.raises(DecodeError, match=r"^clumsy: 1 bytes are no value of it: index"):
        decode(Panicking(), b"x")


@pytest.mark.parametrize("way", [encode, decode])
def test_an_interrupt_in_a_codec_is_passed_on(way: Any) -> None:
    class Interrupted(Clumsy):
        def encode(self, value: object) -> bytes:
            raise KeyboardInterrupt

        decode = encode

    with pytest.raises(KeyboardInterrupt):
        way(Interrupted(), b"x")
