"""The messages of the board dialect against their vectors."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_core.errors import CodecError, RemoteProtocolError
from sig_core.protocol import board
from sig_core.protocol.board import (
    BoardAnswer,
    BoardRequest,
    EventItem,
    Fire,
    ListenItem,
    Register,
    RequestItem,
    read_from_board,
)
from sig_core.routing.transcode import decode

CODEC = CborBoardCodec()
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "board_messages.json").read_text(encoding="utf-8"))
LAW = settings(derandomize=True, deadline=None, max_examples=300)


def named(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def as_array(message: board.FromBoard) -> list[Any]:
    """What a message was made of."""
    match message:
        case Register(name, items):
            return [0, 0, name, items]
        case EventItem(event):
            return [0, 1, event]
        case RequestItem(method):
            return [0, 2, method]
        case ListenItem(sender, event, is_latest):
            return [0, 5 if is_latest else 3, sender, event]
        case Fire(event, value):
            return [1, event, CODEC.decode(value)]
        case BoardRequest(ident, sender, method, value):
            return [2, ident, sender, method, CODEC.decode(value)]
        case BoardAnswer(ident, status, value):
            return [3, ident, status, CODEC.decode(value)]


@pytest.mark.parametrize("entry", VECTORS["values"], ids=named)
def test_values(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["bytes"])
    assert CODEC.encode(entry["value"]) == data
    assert CODEC.decode(data) == entry.get("decoded", entry["value"])


@pytest.mark.parametrize("entry", VECTORS["refused_values"], ids=named)
def test_refused_values(entry: dict[str, Any]) -> None:
    with pytest.raises(CodecError):
        CODEC.encode(entry["value"])


@pytest.mark.parametrize("entry", VECTORS["refused_bytes"], ids=named)
def test_refused_bytes(entry: dict[str, Any]) -> None:
    with pytest.raises(CodecError):
        CODEC.decode(bytes.fromhex(entry["bytes"]))


@pytest.mark.parametrize("entry", VECTORS["from_board"], ids=named)
def test_from_board(entry: dict[str, Any]) -> None:
    data = bytes.fromhex(entry["bytes"])
    assert as_array(read_from_board(data)) == entry["message"]
    assert CODEC.encode(entry["message"]) == data


@pytest.mark.parametrize("entry", VECTORS["bad_from_board"], ids=named)
def test_bad_from_board(entry: dict[str, Any]) -> None:
    """The values in a message are looked at by the session, so it is here done by hand."""
    with pytest.raises((RemoteProtocolError, CodecError)):
        message = read_from_board(bytes.fromhex(entry["bytes"]))
        if isinstance(message, Fire | BoardRequest | BoardAnswer):
            decode(CODEC, message.value)


def made(message: list[Any]) -> bytes:
    """Write a message of the host."""
    match message:
        case [0, status]:
            return board.registered(status)
        case [0, status, text]:
            return board.registered(status, text)
        case [1, number, value, *names]:
            return board.heard(number, CODEC.encode(value), names)
        case [2, ident, method, value]:
            return board.asked(ident, method, CODEC.encode(value))
        case [3, ident, status, value]:
            return board.answered(ident, status, CODEC.encode(value))
        case [4, number, count]:
            return board.gave_way(number, count)
    raise AssertionError(message)


@pytest.mark.parametrize("entry", VECTORS["from_host"], ids=named)
def test_from_host(entry: dict[str, Any]) -> None:
    assert made(entry["message"]) == bytes.fromhex(entry["bytes"])


@LAW
@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_breach(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        read_from_board(data)


GOOD = [bytes.fromhex(entry["bytes"]) for entry in VECTORS["from_board"]]


@LAW
@given(st.sampled_from(GOOD), st.integers(0, 400), st.integers(0, 255), st.booleans())
def test_a_changed_or_cut_message_is_a_message_or_a_breach(data: bytes, place: int, byte: int, cut: bool) -> None:
    place %= len(data)
    changed = data[:place] + (b"" if cut else bytes((byte,)) + data[place + 1 :])
    with suppress(RemoteProtocolError, CodecError):
        message = read_from_board(changed)
        if isinstance(message, Fire | BoardRequest | BoardAnswer):
            decode(CODEC, message.value)


def test_numbers_at_their_ends() -> None:
    assert as_array(read_from_board(CODEC.encode([0, 0, "x", 255]))) == [0, 0, "x", 255]
    assert as_array(read_from_board(CODEC.encode([3, 255, -32768, "x"]))) == [3, 255, -32768, "x"]
    for bad in ([0, 0, "x", 256], [1, 256, 0], [2, 256, "s", "m", 0], [3, 0, 1, 0], [2, 0, "s", 5, 0], [0, 2, 5]):
        with pytest.raises(RemoteProtocolError):
            read_from_board(CODEC.encode(bad))
