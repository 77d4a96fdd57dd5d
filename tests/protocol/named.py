"""Frames with names for their parts, for tests to read."""

from __future__ import annotations

from typing import NamedTuple

from sig_core.protocol.frames import FrameReader

__all__ = ["Frame", "NamedReader"]


class Frame(NamedTuple):
    """See `sig_core.protocol.frames.Frame`."""

    type: int
    route: int
    events: int
    body: bytes


class NamedReader(FrameReader):
    """A FrameReader that gives named frames."""

    def feed(self, data: bytes) -> list[Frame]:  # type: ignore[override] # a list of what is a Frame of the other kind
        """Take bytes and give the frames that are complete."""
        return [Frame(*frame) for frame in super().feed(data)]
