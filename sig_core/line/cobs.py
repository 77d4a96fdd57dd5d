"""Consistent overhead byte stuffing (Cheshire and Baker, 1999): bytes without a zero, so that zero can end a packet."""

from __future__ import annotations

__all__ = ["stuff", "unstuff"]

LONGEST = 254  # bytes without a zero that one code byte can stand for


def stuff(data: bytes) -> bytes:
    """Return `data` without zero bytes: one byte longer, and one more for each whole 254 bytes without a zero."""
    out = bytearray()
    *blocks, last = data.split(b"\0")
    for block in blocks:
        _append(out, block, ended=True)
    _append(out, last, ended=False)
    return bytes(out)


def _append(out: bytearray, block: bytes, *, ended: bool) -> None:
    """Append what stands before a zero (`ended`), or before the end."""
    whole = 0
    while len(block) - whole >= LONGEST:
        out.append(255)
        out += block[whole : whole + LONGEST]
        whole += LONGEST
    if ended or not whole or whole < len(block):
        out.append(len(block) - whole + 1)
        out += block[whole:]


def unstuff(data: bytes) -> bytes | None:
    """Return what `stuff` was given; None: a code byte points beyond the end. `data` has no zero bytes."""
    out = bytearray()
    at, size = 0, len(data)
    while at < size:
        code = data[at]
        after = at + code
        if after > size:
            return None
        out += data[at + 1 : after]
        at = after
        if code < 255 and at < size:
            out.append(0)
    return bytes(out)
