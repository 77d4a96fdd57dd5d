"""Cutting a stream of which frames acknowledge the other direction, and that may go on over another link."""

from __future__ import annotations

import math
from collections.abc import Callable

from sig_core.errors import RemoteProtocolError
from sig_core.protocol.frames import Frame, FrameReader
from sig_core.protocol.wire import ACK, HEADER, PREFACE, offset_in

__all__ = ["AckedFrameReader"]

ACK_LENGTH = 13  # `length` of an ack frame


class AckedFrameReader(FrameReader):
    """A `FrameReader` that takes the ack frames out, and knows how far it has come.

    Args:
        max_frame: see `FrameReader`.
        acknowledged: called with the offset in each ack frame; it raises RemoteProtocolError if that can't be.
        due: called when `received` has come to `ack_at`.

    Attributes:
        ack_at: offset from which on the peer is to be told how far the stream has come.
        received: offset of the end of the last frame that is complete, from the beginning of the stream; no ack frame,
            and nothing that opened a further link, counts.
    """

    __slots__ = ("_acknowledged", "_acks", "_due", "ack_at", "received")

    def __init__(self, max_frame: int, acknowledged: Callable[[int], None], due: Callable[[], None]) -> None:
        super().__init__(max_frame)
        self.received = len(PREFACE)  # which comes here before all else, and is not fed
        self.ack_at = math.inf
        self._due = due
        self._acknowledged = acknowledged
        self._acks = False  # there is one in what is cut just now

    def take_over(self, other: FrameReader, fed: int) -> None:
        """Go on where another reader stands.

        Args:
            other: is not used any more.
            fed: bytes that came altogether.
        """
        self.on_hold, self.fault, self.read_hint = other.on_hold, other.fault, other.read_hint
        self._parts, self._have, self._need, self._late = other._parts, other._have, other._need, other._late
        self.received = fed - self._have

    def feed(self, data: bytes) -> list[Frame]:
        """See `FrameReader.feed`."""
        before = self._have
        frames = super().feed(data)
        taken = len(data) + before - self._have
        if self._acks:
            self._acks = False
            frames, acks = (
                [frame for frame in frames if frame[0] != ACK],
                [frame for frame in frames if frame[0] == ACK],
            )
            taken -= len(acks) * (HEADER + 8)
            self._take(acks)
        self.received += taken
        if self.received >= self.ack_at:
            self._due()
        return frames

    def _take(self, acks: list[Frame]) -> None:
        try:
            for _, _, _, body in acks:
                self._acknowledged(offset_in(body))
        except RemoteProtocolError as error:
            self.fault = error  # what came before it counts

    def raise_limit(self, max_frame: int) -> list[Frame]:
        """See `FrameReader.raise_limit`."""
        self.received -= len(self._late)  # it is fed once more
        return super().raise_limit(max_frame)

    def cut(self) -> None:
        """Forget the part of a frame that came: its link was cut, and it comes again as a whole."""
        self._parts, self._have, self._need, self.read_hint = [], 0, 4, 0

    def _check(self, data: bytes, pos: int, length: int, head: int, route: int) -> int:
        if head == ACK and length == ACK_LENGTH and not route:
            self._acks = True
            return ACK
        return super()._check(data, pos, length, head, route)
