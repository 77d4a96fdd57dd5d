"""Frames with names for their parts, each for itself, for tests to read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from sig_core.protocol import wire
from sig_core.protocol.frames import FrameReader

__all__ = ["Frame", "NamedReader", "split_reply", "split_request"]

RUNS = (wire.REQUEST, wire.REPLY)


class Frame(NamedTuple):
    """See `sig_core.protocol.frames.Frame`; but requests and replies come one by one, without their headers."""

    type: int
    route: int
    events: int
    body: bytes


class NamedReader:
    """A FrameReader that gives named frames."""

    def __init__(self, max_frame: int, flags: int = 0) -> None:
        self.reader = FrameReader(max_frame)
        self.reader.flags = flags

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and give the frames that are complete."""
        return [frame for found in self.reader.feed(data) for frame in _each(Frame(*found))]


def _each(frame: Frame) -> Iterator[Frame]:
    if frame.type not in RUNS:
        yield frame
        return
    run = frame.body
    while run:
        end = 4 + int.from_bytes(run[:4], "little")
        yield frame._replace(events=1, body=run[wire.HEADER : end])
        run = run[end:]


def split_request(body: bytes) -> tuple[int, str, bytes]:
    """Cut a request's body into (id, method, params)."""
    ident, size = struct.unpack_from("<IB", body)
    return ident, body[5 : 5 + size].decode(), body[5 + size :]


def split_reply(body: bytes) -> tuple[int, bytes]:
    """Cut a reply's body into (id, value)."""
    return int.from_bytes(body[:4], "little"), body[4:]
