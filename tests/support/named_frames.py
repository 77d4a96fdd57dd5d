"""Frames with names for their parts, each for itself, for tests to read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

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


class NamedReader(FrameReader):
    """A FrameReader that gives named frames."""

    def feed(self, data: bytes) -> list[Frame]:  # type: ignore[override] # a list of what is a Frame of the other kind
        """Take bytes and give the frames that are complete."""
        return [frame for found in super().feed(data) for frame in _each(Frame(*found))]


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
