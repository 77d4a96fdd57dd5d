"""Runs: consecutive event frames of one route, most often of one length, which is what makes them fast to cut."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import chain, repeat
from typing import Final

from sig_core.protocol.wire import EVENT, FRAME, HEADER

__all__ = ["FEW", "alike", "split_events"]

FEW: Final = 16  # frames of one header in a row from which on more of them are looked for at once
_u16 = struct.Struct("<H")


def alike(data: bytes, pos: int, header: bytes, step: int, streak: int) -> int:
    """Tell how many frames from `pos` on begin with `header`, each `step` bytes behind the one before.

    All their first bytes are compared in one step, then all their second bytes, and so on: 10 ns a frame where one by
    one takes 200. No more than 8 times the frames that were found before are looked at, so that a guess costs little.

    Args:
        streak: how many frames before `pos` had this header, at least FEW.
    """
    many = min((len(data) - pos) // step, 8 * streak)
    for column in range(HEADER):
        found = data[pos + column : pos + many * step : step]
        wanted = header[column : column + 1]
        if found != wanted * many:
            many = len(found) - len(found.lstrip(wanted))
    return many


def split_events(run: bytes) -> Iterable[tuple[bytes | None, bytes]]:
    """Cut consecutive event frames, as a `FrameReader` gave them, into (additions or None, data)."""
    found: list[tuple[bytes | None, bytes]] = []
    parts: list[Iterable[tuple[bytes | None, bytes]]] = [found]
    pos, end, header, step, head, streak = 0, len(run), b"", 0, 0, 0
    while pos < end:
        start = pos + HEADER
        if run[pos:start] != header:
            header = run[pos:start]
            length, head, _ = FRAME.unpack(header)
            step, streak = 4 + length, 0
        elif streak < FEW or head != EVENT:
            streak += 1
        else:
            many = alike(run, pos, header, step, streak)
            data = struct.iter_unpack(f"{HEADER}x{step - HEADER}s", memoryview(run)[pos : pos + many * step])
            found = []
            parts += (zip(repeat(None), chain.from_iterable(data)), found)
            streak += many
            pos += many * step
            continue
        pos += step
        if head == EVENT:
            found.append((None, run[start:pos]))
        else:
            cut = start + 2 + _u16.unpack_from(run, start)[0]
            found.append((run[start + 2 : cut], run[cut:pos]))
    return chain.from_iterable(parts) if len(parts) > 1 else found
