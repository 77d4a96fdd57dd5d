"""Cutting a byte stream into frames, with neighbours of one type and route kept together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from sig_core.errors import RemoteProtocolError
from sig_core.protocol.runs import FEW, alike
from sig_core.protocol.wire import CONFIRM, CONTROL, DURABLE, ERROR, EVENT, FRAME, HEADER, INFO, LAST, REPLY, REQUEST

__all__ = ["Frame", "FrameReader"]

LEAST: Final = {EVENT: 5, REQUEST: 11, REPLY: 9}  # `length` of what comes in runs, by type
WITH_ID: Final = {EVENT | CONFIRM: 4, EVENT | LAST: 4, EVENT | DURABLE: 12}  # bytes before all else, by head
NO_LENGTH: Final = 2**32  # no `length` is so great
SMALL: Final = 1024  # bytes; a piece below it is copied to its neighbours: kept alone it would cost more than it holds
BIG: Final = 16_384  # bytes; a frame from here on is put together alone: what came behind it is not copied with it
HUGE: Final = 32_768  # bytes; a frame from here on is read alone: a read costs less than a copy of what came behind


Frame: TypeAlias = tuple[int, int, int, bytes]
"""(type, route, count, body): a run of events, requests or replies of one route (`body`: whole frames), or one frame of
another type (`body`: after the header); of an event with CONFIRM, LAST or DURABLE the type has its flags. A plain
tuple: a named one costs 0.3 us more, a third of what is done here."""


class FrameReader:
    """Turns received bytes into frames. Only the length of an incomplete frame is believed, and only up to a limit.

    Args:
        max_frame: greatest `length` that is accepted, bytes.

    Attributes:
        on_hold: called with the bytes that are held of a big frame, as they become more, and with 0 once it is
            complete; None: nobody wants to know.
        flags: of events, beside INFO, that the peer may send: both sides have agreed on them.
        fault: the breach that stands behind the frames given last; None while there is none.
        read_hint: bytes until the end of a huge frame, an incomplete one or one like the last; 0: none is in sight.
    """

    __slots__ = ("_have", "_late", "_need", "_parts", "fault", "flags", "max_frame", "on_hold", "read_hint")

    def __init__(self, max_frame: int) -> None:
        self.max_frame = max_frame
        self.on_hold: Callable[[int], None] | None = None
        self.flags = 0
        self.fault: RemoteProtocolError | None = None
        self._parts: list[bytes | bytearray | memoryview] = []  # of the incomplete frame: joined once it is complete
        self._have = 0
        self._need = 4
        self._late = b""  # from a frame on that was too long
        self.read_hint = 0

    @property
    def waiting(self) -> int:
        """Bytes of an incomplete frame that are held."""
        return self._have

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes as they came and return the frames that are complete.

        Raises:
            RemoteProtocolError: a frame breaks the rules of docs/protocol.md, section 3. If others came before it in
                `data`, those are given, and `fault` is set instead: what a peer has said in order counts, however the
                stream was cut into reads.
        """
        if self.fault is not None:
            raise self.fault
        if not self._parts and len(data) >= HEADER:  # most often one frame comes alone
            length = int.from_bytes(data[:4], "little")
            if 4 + length == len(data) and 5 <= length <= self.max_frame:
                self.read_hint = len(data) if len(data) >= HUGE else 0
                return [self._alone(data)]
        before = (self._parts, len(self._parts), self._have, self._need) if self._parts else ([], 0, 0, 4)
        frames: list[Frame] = []
        try:
            start = self.read_hint = 0
            if self._parts:
                if len(data) < self._need - self._have:
                    self._append(data)
                    return frames
                data, start = self._complete(data, frames)
            rest = self._cut(data, start, frames)
            if rest < len(data):
                self._keep(data, rest)
        except RemoteProtocolError as error:
            if not frames:
                raise
            self.fault = error
        except BaseException:  # an interrupt: `data` may be fed again
            self._restore(*before)
            raise
        return frames

    def raise_limit(self, max_frame: int) -> list[Frame]:
        """Take longer frames from now on; return those behind the frames given last that were too long before.

        Args:
            max_frame: see the class.

        Raises:
            RemoteProtocolError: see `feed`.
        """
        self.max_frame = max_frame
        late, self._late = self._late, b""
        if not late:
            return []
        self.fault = None
        return self.feed(late)

    def _cut(self, data: bytes, pos: int, frames: list[Frame]) -> int:
        """Append the complete frames of `data` from `pos` on and return where the incomplete one begins."""
        size, unpack, limit = len(data), FRAME.unpack_from, self.max_frame
        run_kind, run_route, run_start, count, header, step, streak = 0, 0, 0, 0, b"", 0, 0
        try:
            while size - pos >= HEADER:
                if data[pos : pos + HEADER] == header:  # of the type, the route and the length of the last one
                    if pos + step > size:
                        break
                    more = 1 if streak < FEW else alike(data, pos, step, streak)
                    streak += more
                    count += more
                    pos += more * step
                    continue
                length, head, route = unpack(data, pos)
                if not 5 <= length <= limit:
                    self._late = data[pos:]
                    raise self._bad_length(length)
                end = pos + 4 + length
                if end > size:
                    break
                kind = head if length >= LEAST.get(head, NO_LENGTH) else self._check(data, pos, length, head, route)
                if count and (kind != run_kind or route != run_route):
                    frames.append((run_kind, run_route, count, data[run_start:pos]))
                    count = 0
                if kind in LEAST:
                    if not count:
                        run_kind, run_route, run_start = kind, route, pos
                    count += 1
                    header = data[pos : pos + HEADER] if head == kind else b""  # additions are looked at one by one
                    step, streak = 4 + length, 1
                else:
                    header = b""
                    frames.append((kind, route, 1, data[pos + HEADER : end]))
                pos = end
        finally:  # what came before a breach as well
            if count:
                frames.append((run_kind, run_route, count, data[run_start:pos]))
        return pos

    def _complete(self, data: bytes, frames: list[Frame]) -> tuple[bytes, int]:
        """Join what came of a frame with its rest; return the bytes that are to be cut yet, and where these begin."""
        missing, big = self._need - self._have, self._need >= BIG
        whole = b"".join((*self._parts, memoryview(data)[:missing] if big else data))
        self._parts, self._have = [], 0
        if not big:
            return whole, 0
        if self.on_hold is not None:
            self.on_hold(0)
        if self._need >= HUGE and len(data) == missing:
            self.read_hint = self._need
        frames.append(self._alone(whole))
        return data, missing

    def _append(self, data: bytes) -> None:
        self._have += len(data)
        if self.on_hold is not None and self._need >= BIG:
            self.on_hold(self._have)
        if self._need >= HUGE:
            self.read_hint = self._need - self._have
        if len(data) >= SMALL:
            self._parts.append(data)
            return
        last = self._parts[-1]
        if not isinstance(last, bytearray):
            last = bytearray()
            self._parts.append(last)
        last += data

    def _restore(self, parts: list[bytes | bytearray | memoryview], count: int, have: int, need: int) -> None:
        """Be as before an interrupted `feed`, which only added to the parts, or to the last one."""
        del parts[count:]
        last = parts[-1] if parts else None
        if isinstance(last, bytearray):
            del last[have - sum(map(len, parts[:-1])) :]
        self._parts, self._have, self._need = parts, have, need

    def _keep(self, data: bytes, start: int) -> None:
        have = len(data) - start
        length = int.from_bytes(data[start : start + 4], "little") if have >= 4 else 0
        if have >= 4 and not 5 <= length <= self.max_frame:
            self._late = data[start:]  # and nothing of it is kept here: it is fed once more
            raise self._bad_length(length)
        self._have = have
        self._parts.append(data[start:] if have < BIG else memoryview(data)[start:])
        self._need = 4
        if have >= 4:
            self._need = 4 + length
            if self._need >= HUGE:
                self.read_hint = self._need - self._have
            if self.on_hold is not None and self._need >= BIG:
                self.on_hold(self._have)

    def _bad_length(self, length: int) -> RemoteProtocolError:
        if length < 5:
            return RemoteProtocolError(f"frame of length {length}, the least is 5")
        return RemoteProtocolError(f"frame of length {length}, at most {self.max_frame} are taken")

    def _alone(self, data: bytes) -> Frame:
        """Return the frame that these bytes are, whose length is known to be right."""
        length, head, route = FRAME.unpack_from(data)
        kind = head if length >= LEAST.get(head, NO_LENGTH) else self._check(data, 0, length, head, route)
        return kind, route, 1, data if kind in LEAST else data[HEADER:]

    def _check(self, data: bytes, pos: int, length: int, head: int, route: int) -> int:
        """See `_check`; who knows further types looks at them first."""
        return _check(data, pos, length, head, route, self)


def _check(data: bytes, pos: int, length: int, head: int, route: int, reader: FrameReader) -> int:
    """Return the type of the frame that stands at `pos`, as whole as its length says, if nothing is wrong with it."""
    kind = head & 0x0F
    if head & ~INFO in WITH_ID and head & reader.flags:
        return _check_with_id(data, pos, length, head)
    if length < LEAST.get(head, 0):
        raise RemoteProtocolError(f"frame of type {kind} and length {length}, the least there is {LEAST[head]}")
    if head == EVENT | INFO:
        size = int.from_bytes(data[pos + HEADER : pos + HEADER + 2], "little")
        if length < 7 + size:
            raise RemoteProtocolError(f"event with INFO: additions of {size} bytes in a frame of length {length}")
    elif kind > ERROR:
        raise RemoteProtocolError(f"frame of type {kind}, which is unknown or not agreed on")
    elif head & 0xF0:
        raise RemoteProtocolError(f"frame of type {kind} with flags 0x{head & 0xF0:02x}, which are reserved there")
    elif kind == CONTROL and route:
        raise RemoteProtocolError(f"control frame with route {route}, which must be 0")
    return kind


def _check_with_id(data: bytes, pos: int, length: int, head: int) -> int:
    """Return the head of an event with CONFIRM, LAST or DURABLE, if nothing is wrong with it: who reads on asks."""
    size, first = 0, WITH_ID[head & ~INFO]
    if head & INFO and length >= 7 + first:
        start = pos + HEADER + first
        size = 2 + int.from_bytes(data[start : start + 2], "little")
    if length < 5 + first + (size or 2 * bool(head & INFO)):
        flags = f"0x{head & 0xF0:02x}"
        raise RemoteProtocolError(f"event with flags {flags}: its id and additions in a frame of length {length}")
    return head
