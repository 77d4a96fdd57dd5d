"""Packers and splitters of the binary dialect: exact bytes, and each the inverse of the other."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import RemoteProtocolError
from sig_core.protocol import wire
from sig_core.protocol.frames import FrameReader
from sig_core.protocol.runs import split_events, split_numbered, split_requests
from tests.support.named_frames import Frame, NamedReader, split_reply, split_request

U32 = st.integers(0, 2**32 - 1)
METHOD = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=63)
LAW = settings(derandomize=True, deadline=None)


def the_frame(data: bytes) -> Frame:
    (frame,) = NamedReader(2**32 - 1).feed(data)
    return frame


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        (wire.KEEP_ALIVE, "05000000 00 00000000"),
        (wire.PREFACE, "f5 53 49 47 0d 0a 00 01"),
        (wire.control_frame(b"{}"), "07000000 00 00000000 7b7d"),
        (wire.event_frame(2, b"21"), "07000000 01 02000000 3231"),
        (wire.event_frame(2, b"21", b""), "09000000 11 02000000 0000 3231"),
        (wire.event_frame(2, b"21", b"{}"), "0b000000 11 02000000 0200 7b7d 3231"),
        (wire.request_frame(1, 0x04030201, wire.request_tail("m", b"1")), "0c000000 02 01000000 01020304 01 6d 31"),
        (wire.reply_frame(1, 7, b"1"), "0a000000 03 01000000 07000000 31"),
        (wire.error_frame(1, 7, -2, b"{}"), "0d000000 04 01000000 07000000 feff 7b7d"),
    ],
)
def test_exact_bytes(frame: bytes, wanted: str) -> None:
    assert frame == bytes.fromhex(wanted)


@LAW
@given(st.binary(max_size=200))
def test_control(message: bytes) -> None:
    assert the_frame(wire.control_frame(message)) == Frame(wire.CONTROL, 0, 1, message)


@LAW
@given(U32, U32, METHOD, st.binary(max_size=50))
def test_requests(route: int, ident: int, method: str, params: bytes) -> None:
    frame = the_frame(wire.request_frame(route, ident, wire.request_tail(method, params)))
    assert (frame.type, frame.route) == (wire.REQUEST, route)
    assert split_request(frame.body) == (ident, method, params)
    assert list(split_requests(wire.request_frame(route, ident, wire.request_tail(method, params)), 1)) == [
        (ident, method, wire.request_tail(method, params))
    ]


@LAW
@given(U32, U32, st.binary(max_size=50))
def test_replies(route: int, ident: int, value: bytes) -> None:
    frame = the_frame(wire.reply_frame(route, ident, value))
    assert (frame.type, frame.route) == (wire.REPLY, route)
    assert split_reply(frame.body) == (ident, value)


@LAW
@given(U32, U32, st.integers(-(2**15), -1), st.binary(max_size=50))
def test_error_replies(route: int, ident: int, status: int, detail: bytes) -> None:
    frame = the_frame(wire.error_frame(route, ident, status, detail))
    assert (frame.type, frame.route) == (wire.ERROR, route)
    assert wire.split_error(frame.body) == (ident, status, detail)


@pytest.mark.parametrize("size", [1, 127, 128, 254, 255])
def test_a_method_has_1_to_255_bytes(size: int) -> None:
    tail = wire.request_tail("m" * size, b"1")
    assert wire.method_of(tail) == ("m" * size, tail[:-1])
    assert wire.params_of(tail) == b"1"


def test_additions_have_at_most_65535_bytes() -> None:
    assert list(split_events(wire.event_frame(1, b"1", b"a" * 65_535))) == [(b"a" * 65_535, b"1")]
    with pytest.raises(struct.error):
        wire.event_frame(1, b"1", b"a" * 65_536)


@pytest.mark.parametrize("body", ["", "01", "01000000", "0100000001", "0100000000", "010000000031", "01000000026d"])
def test_a_request_without_its_fields_is_a_breach(body: str) -> None:
    run = frame_of(wire.REQUEST, bytes.fromhex(body))
    with pytest.raises(RemoteProtocolError, match=r"request|type 2 and length"):
        [list(split_requests(data, count)) for _, _, count, data in FrameReader(100).feed(run)]


@pytest.mark.parametrize("method", ["ff", "80", "c0af", "eda080", "f4908080", "e282"])
def test_a_method_that_is_not_utf8_is_a_breach(method: str) -> None:
    raw = bytes.fromhex(method)
    with pytest.raises(RemoteProtocolError, match="UTF-8"):
        wire.method_of(bytes([len(raw)]) + raw + b"1")


@pytest.mark.parametrize("size", range(4))
def test_a_reply_without_its_id_is_a_breach(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"type 3 and length {5 + size}, the least there is 9"):
        FrameReader(100).feed(frame_of(wire.REPLY, bytes(size)))


@pytest.mark.parametrize("size", range(6))
def test_an_error_reply_without_its_fields_is_a_breach(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"body of {size} bytes"):
        wire.split_error(bytes(size))


@pytest.mark.parametrize("status", [0, 1, 32_767])
def test_an_error_reply_is_negative(status: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"status {status} "):
        wire.split_error(struct.pack("<Ih", 1, status))


@LAW
@given(st.binary(max_size=20))
def test_splitters_of_any_body_give_a_value_or_a_breach(body: bytes) -> None:
    def reply(body: bytes) -> tuple[int, bytes]:
        ((_, _, count, run),) = FrameReader(100).feed(frame_of(wire.REPLY, body))
        return next(iter(split_numbered(run, count)))

    def request(body: bytes) -> tuple[int, str, bytes]:
        ((_, _, count, run),) = FrameReader(100).feed(frame_of(wire.REQUEST, body))
        return next(iter(split_requests(run, count)))

    for split in (request, reply, wire.split_error):
        try:
            ident, *_ = split(body)  # type: ignore[operator]
        except RemoteProtocolError:
            continue
        assert ident == int.from_bytes(body[:4], "little")


def frame_of(head: int, body: bytes) -> bytes:
    return wire.FRAME.pack(wire.AFTER_LENGTH + len(body), head, 1) + body
