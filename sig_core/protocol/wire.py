"""The bytes of the binary dialect: preface and frames (docs/protocol.md, sections 2 and 3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from sig_core.errors import RemoteProtocolError, because

__all__ = [
    "ACK",
    "CONFIRM",
    "CONTROL",
    "DURABLE",
    "ERROR",
    "EVENT",
    "FRAME",
    "HEADER",
    "INFO",
    "KEEP_ALIVE",
    "LAST",
    "MAX_HELLO",
    "PREFACE",
    "REPLY",
    "REQUEST",
    "VERSION",
    "ack_frame",
    "control_frame",
    "cut_ident",
    "cut_position",
    "durable_frame",
    "error_frame",
    "event_frame",
    "flagged_frame",
    "method_of",
    "offset_in",
    "params_of",
    "reply_frame",
    "reply_frames",
    "request_frame",
    "request_frames",
    "request_tail",
    "split_error",
]

VERSION: Final = 1
PREFACE: Final = b"\xf5SIG\r\n\x00" + bytes([VERSION])
MAX_HELLO: Final = 65_536  # bytes of JSON

CONTROL: Final = 0
EVENT: Final = 1
REQUEST: Final = 2
REPLY: Final = 3
ERROR: Final = 4
ACK: Final = 5  # where `resume` is agreed
INFO: Final = 0x10  # flag: additions stand before the data of an event
CONFIRM: Final = 0x20  # flag: an event that is answered when it is routed; its id stands first
LAST: Final = 0x40  # flag: an event that is told because it is the last one; its id stands first
DURABLE: Final = 0x80  # flag: an event that was kept for a durable listener; its id and position stand first

HEADER: Final = 9  # bytes: u32 length, u8 head, u32 route
AFTER_LENGTH: Final = 5  # of these, what `length` counts

FRAME: Final = struct.Struct("<IBI")
_WITH_ID: Final = struct.Struct("<IBII")
_ERROR: Final = struct.Struct("<IBIIh")
_u16 = struct.Struct("<H")
_u32 = struct.Struct("<I")
_id_status = struct.Struct("<Ih")
_ACK: Final = struct.Struct("<IBIQ")
_DURABLE: Final = struct.Struct("<IBIIQ")
_id_position = struct.Struct("<IQ")

KEEP_ALIVE: Final = FRAME.pack(AFTER_LENGTH, CONTROL, 0)


def control_frame(message: bytes) -> bytes:
    """Frame an encoded control message."""
    return FRAME.pack(AFTER_LENGTH + len(message), CONTROL, 0) + message


def ack_frame(offset: int) -> bytes:
    """Frame what was taken of a stream, bytes."""
    return _ACK.pack(AFTER_LENGTH + 8, ACK, 0, offset)


def offset_in(body: bytes) -> int:
    """Return the offset in the body of an ack frame."""
    return int.from_bytes(body, "little")


def event_frame(route: int, data: bytes, additions: bytes | None = None) -> bytes:
    """Frame an event. `additions`: an encoded map of 0 to 65,535 bytes that travels beside the data."""
    if additions is None:
        return FRAME.pack(AFTER_LENGTH + len(data), EVENT, route) + data
    size = AFTER_LENGTH + 2 + len(additions) + len(data)
    return FRAME.pack(size, EVENT | INFO, route) + _u16.pack(len(additions)) + additions + data


def flagged_frame(event: bytes, flag: int, ident: int) -> bytes:
    """Return the frame of an event with a flag and an id more.

    Args:
        event: as `event_frame` gives it.
        flag: CONFIRM or LAST.
        ident: u32.
    """
    length, head, route = FRAME.unpack_from(event)
    return _WITH_ID.pack(length + 4, head | flag, route, ident) + event[HEADER:]


def cut_ident(head: int, route: int, body: bytes) -> tuple[int, bytes]:
    """Return (id, the frame of the event without flag and id) of what `flagged_frame` made.

    Args:
        head: of the frame.
        route: of it.
        body: what stands behind the header.
    """
    event = FRAME.pack(AFTER_LENGTH + len(body) - 4, head & ~(CONFIRM | LAST), route) + body[4:]
    return _u32.unpack_from(body)[0], event


def durable_frame(event: bytes, ident: int, position: int) -> bytes:
    """Return the frame of an event that was kept for a durable listener.

    Args:
        event: as `event_frame` gives it, on a route of that listener's own.
        ident: u32, of the listener.
        position: u64, of the event among those that were kept for it.
    """
    length, head, route = FRAME.unpack_from(event)
    return _DURABLE.pack(length + 12, head | DURABLE, route, ident, position) + event[HEADER:]


def cut_position(head: int, route: int, body: bytes) -> tuple[int, int, bytes]:
    """Return (id, position, the frame of the event) of what `durable_frame` made; args: see `cut_ident`."""
    ident, position = _id_position.unpack_from(body)
    event = FRAME.pack(AFTER_LENGTH + len(body) - 12, head & ~DURABLE, route) + body[12:]
    return ident, position, event


def request_tail(method: str, params: bytes) -> bytes:
    """Return what of a request stays the same on its way. `method`: 1 to 255 bytes of UTF-8."""
    return _method(method) + params


@lru_cache(maxsize=1000)
def _method(method: str) -> bytes:
    data = method.encode()
    return bytes((len(data),)) + data


def request_frame(route: int, ident: int, tail: bytes) -> bytes:
    """Frame a request. `ident`: u32; `tail`: as `request_tail` gives it."""
    return _WITH_ID.pack(AFTER_LENGTH + 4 + len(tail), REQUEST, route, ident) + tail


def request_frames(route: int, tails: Mapping[int, bytes]) -> list[bytes]:
    """Frame requests: the tail of each under its id."""
    frames = []
    for ident, tail in tails.items():  # no comprehension: in Python 3.11 that is a call of its own
        frames.append(_WITH_ID.pack(AFTER_LENGTH + 4 + len(tail), REQUEST, route, ident) + tail)
    return frames


def reply_frame(route: int, ident: int, value: bytes) -> bytes:
    """Frame the value that a request brought."""
    return _WITH_ID.pack(AFTER_LENGTH + 4 + len(value), REPLY, route, ident) + value


def reply_frames(route: int, values: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Frame what requests brought: (id, value) of each."""
    frames = []
    for ident, value in values:
        frames.append(_WITH_ID.pack(AFTER_LENGTH + 4 + len(value), REPLY, route, ident) + value)
    return frames


def error_frame(route: int, ident: int, status: int, detail: bytes) -> bytes:
    """Frame the failure of a request. `status`: negative; `detail`: an encoded {"type", "text"}."""
    return _ERROR.pack(AFTER_LENGTH + 6 + len(detail), ERROR, route, ident, status) + detail


def method_of(tail: bytes) -> tuple[str, bytes]:
    """Return the method of a request, and its bytes with their count before them, which is how the tail begins."""
    head = tail[: 1 + tail[0]] if tail else b""
    return _text(head), head


@lru_cache(maxsize=1000)
def _text(head: bytes) -> str:
    if len(head) < 2 or len(head) <= head[0]:
        raise RemoteProtocolError("request: there is no method behind its id")
    try:
        return head[1:].decode()
    except UnicodeDecodeError as error:
        raise because(RemoteProtocolError("request: its method is not UTF-8"), error)


def params_of(tail: bytes) -> bytes:
    """Return the encoded params of a request whose method is known to be there."""
    return tail[1 + tail[0] :]


def split_error(body: bytes) -> tuple[int, int, bytes]:
    """Cut an error reply's body into (id, status, detail)."""
    if len(body) < 6:
        raise RemoteProtocolError(f"error reply: body of {len(body)} bytes has no id and status")
    ident, status = _id_status.unpack_from(body)
    if status >= 0:
        raise RemoteProtocolError(f"error reply: status {status} is not negative")
    return ident, status, body[6:]
