"""Runs: consecutive event frames of one route, most often of one length, which is what makes them fast to cut."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import chain, repeat
from typing import Final

from sig_core.protocol.wire import AFTER_LENGTH, EVENT, HEADER

__all__ = ["FEW", "alike", "split_events"]

FEW: Final = 16  # frames of one header in a row from which on more of them are looked for at once
_u16 = struct.Struct("<H")
_u32 = struct.Struct("<I")


def alike(data: bytes, pos: int, step: int, streak: int) -> int:
    """Tell how many frames from `pos` on have one header, each `step` bytes behind the one before, as that says.

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
    found: list[tuple[bytes | None, bytes]] = []
    parts: list[Iterable[tuple[bytes | None, bytes]]] = [found]
    pos, end, last, streak, length_at = 0, len(run), 0, 0, _u32.unpack_from
    while pos < end:
        (length,) = length_at(run, pos)
        start = pos + HEADER
        if length != last:
            last, streak = length, 0
        elif streak < FEW or run[pos + 4] != EVENT:
            streak += 1
        else:
            many = alike(run, pos, 4 + length, streak)
            frames = memoryview(run)[pos : pos + many * (4 + length)]
            data = chain.from_iterable(struct.iter_unpack(f"{HEADER}x{length - AFTER_LENGTH}s", frames))
            found = []
            parts += (zip(repeat(None), data), found)
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
