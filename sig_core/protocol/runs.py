"""Runs: consecutive frames of one type and route, most often of one length, which is what makes them fast to cut."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Final

from sig_core.protocol.wire import EVENT, HEADER, method_of

__all__ = [
    *("FEW", "alike", "cut_run", "frames_of", "last_frame", "longest_frame", "split_events", "split_numbered"),
    "split_requests",
]

FEW: Final = 16  # frames of one header in a row from which on more of them are looked for at once
MANY: Final = FEW * HEADER  # bytes: a run that is not longer has at most FEW frames
WITH_ID: Final = HEADER + 4  # bytes: the header, and the id of a request or reply
SOME: Final = 5  # requests or replies from which on it is worth to look whether they are alike
_u16 = struct.Struct("<H")
_u32 = struct.Struct("<I")


def alike(data: bytes, pos: int, step: int, streak: int) -> int:
    """Return how many frames from `pos` on have one header, each `step` bytes behind the one before, as that says.

    All their first bytes are compared in one step, then all their second bytes, and so on: 10 ns a frame where one by
    one takes 200. No more than 8 times the frames that were found before are looked at, so that a guess costs little.

    Args:
        streak: how many frames before `pos` had this header, most likely; at least FEW.
    """
    many = min((len(data) - pos) // step, 8 * streak)
    for column in range(HEADER):
        found = data[pos + column : pos + many * step : step]
        wanted = found[:1]
        if found != wanted * many:
            many = len(found) - len(found.lstrip(wanted))
    return many


def split_events(run: bytes) -> Iterable[tuple[bytes | None, bytes]]:
    """Cut consecutive event frames, as a `FrameReader` gave them, into (additions or None, data)."""
    end = len(run)
    if end > MANY and (step := _one_step(run)):
        return zip(repeat(None), _payloads(run, step))
    found: list[tuple[bytes | None, bytes]] = []
    parts: list[Iterable[tuple[bytes | None, bytes]]] = [found]
    pos, last, streak, length_at = 0, 0, 0, _u32.unpack_from
    while pos < end:
        (length,) = length_at(run, pos)
        start = pos + HEADER
        if length != last:
            last, streak = length, 0
        elif streak < FEW or run[pos + 4] != EVENT:
            streak += 1
        else:
            many = alike(run, pos, 4 + length, streak)
            frames = run[pos : pos + many * (4 + length)]
            found = []
            parts += (zip(repeat(None), _payloads(frames, 4 + length)), found)
            streak += many
            pos += len(frames)
            continue
        head = run[pos + 4]
        pos += 4 + length
        if head == EVENT:
            found.append((None, run[start:pos]))
        else:
            cut = start + 2 + _u16.unpack_from(run, start)[0]
            found.append((run[start + 2 : cut], run[cut:pos]))
    return chain.from_iterable(parts) if len(parts) > 1 else found


def longest_frame(run: bytes) -> int:
    """Return the `length` of the longest of consecutive event frames."""
    if len(run) > MANY and (step := _one_step(run)):
        return step - 4
    longest, pos, end, length_at = 0, 0, len(run), _u32.unpack_from
    while pos < end:
        (length,) = length_at(run, pos)
        longest = max(longest, length)
        pos += 4 + length
    return longest


def last_frame(run: bytes) -> bytes:
    """Return the last of consecutive event frames, with its header."""
    pos, start, end, length_at = 0, 0, len(run), _u32.unpack_from
    while pos < end:
        start, pos = pos, pos + 4 + length_at(run, pos)[0]
    return run[start:]


def cut_run(run: bytes, count: int) -> tuple[bytes, bytes]:
    """Return the first frames of a run, so many, and the rest."""
    end = 0
    for _ in range(count):
        end += 4 + int.from_bytes(run[end : end + 4], "little")
    return run[:end], run[end:]


def frames_of(run: bytes) -> Iterator[bytes]:
    """Cut consecutive event frames, each with its header."""
    pos = 0
    while pos < len(run):
        start, pos = pos, pos + 4 + _u32.unpack_from(run, pos)[0]
        yield run[start:pos]


def _one_step(run: bytes) -> int:
    """Return how long each frame is if all are events without additions and equally long, and more than FEW; else 0."""
    end, step = len(run), 4 + _u32.unpack_from(run)[0]
    equal = end > FEW * step and not end % step and run[4] == EVENT and alike(run, 0, step, end) == end // step
    return step if equal else 0


def _payloads(frames: bytes, step: int) -> Iterator[bytes]:
    """Cut frames of `step` bytes each, one by one as they are asked for.

    From bytes, never from a memoryview: what is given here is kept by the traceback of a listener that raises, and when
    that is garbage in a cycle, CPython before 3.12.7 clears the view while `iter_unpack` still reads it, and crashes.
    """
    return chain.from_iterable(struct.iter_unpack(f"{HEADER}x{step - HEADER}s", frames))


def split_numbered(run: bytes, count: int) -> Iterable[tuple[int, bytes]]:
    """Cut `count` consecutive requests, or replies, as a `FrameReader` gave them, into (id, what follows it)."""
    if count == 1:
        return ((_u32.unpack_from(run, HEADER)[0], run[WITH_ID:]),)
    step = len(run) // count
    if count >= SOME and step * count == len(run) and alike(run, 0, step, count) == count:
        return struct.iter_unpack(f"<{HEADER}xI{step - WITH_ID}s", run)
    found, pos, number_at = [], 0, _u32.unpack_from
    for _ in range(count):
        start = pos + WITH_ID
        (ident,) = number_at(run, pos + HEADER)
        pos += 4 + number_at(run, pos)[0]
        found.append((ident, run[start:pos]))
    return found


def split_requests(run: bytes, count: int) -> Iterable[tuple[int, str, bytes]]:
    """Cut consecutive requests into (id, method, tail); the method is one object as long as it is the same.

    Raises:
        RemoteProtocolError: one has no method; those before it have been given.
    """
    if count > 1:
        return _requests(run, count)
    tail = run[WITH_ID:]
    return ((_u32.unpack_from(run, HEADER)[0], method_of(tail)[0], tail),)


def _requests(run: bytes, count: int) -> Iterator[tuple[int, str, bytes]]:
    method, head = "", b""
    for ident, tail in split_numbered(run, count):
        if not head or not tail.startswith(head):
            method, head = method_of(tail)
        yield ident, method, tail
