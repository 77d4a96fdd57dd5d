"""SYN, SYNACK and HELLO: how two ends of a line come to terms (docs/board-protocol.md, sections 1 and 2)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final

from sig_core.line.packets import MAX_PAYLOAD

__all__ = ["BINARY", "BOARD", "VERSION", "LineHello", "Syn", "SynAck", "read_hello", "read_syn", "read_synack"]

VERSION: Final = 1
BOARD: Final = 0  # dialects
BINARY: Final = 1

RESUME: Final = 1  # flags
LONG_CRC: Final = 2

_TERMS = struct.Struct("<BBIBBBBH")
_HELLO = struct.Struct("<BI")

MIN_PAYLOAD, MAX_WINDOW = 16, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Syn:
    """What the host asks for.

    Attributes:
        sid: of the session, 1 .. 2**32-1.
        mtu: bytes of payload that it takes, 16 .. 246.
        window: packets that it may have open, 1 .. 8.
        keepalive: seconds, 0.1 .. 25.5.
        rto: seconds, 0.01 .. 2.55.
        message: bytes of the longest message that it takes in parts; 0: none.
        long_crc: it knows CRC-32.
        resume: the session exists already.
    """

    sid: int
    mtu: int
    window: int
    keepalive: float
    rto: float
    message: int
    long_crc: bool
    resume: bool
    version: int = VERSION

    def pack(self) -> bytes:
        """Return the payload of SYN; times are rounded up to what it can say."""
        flags = (RESUME if self.resume else 0) | (LONG_CRC if self.long_crc else 0)
        keepalive, rto = _units(self.keepalive, 10), _units(self.rto, 100)
        return _TERMS.pack(self.version, flags, self.sid, self.mtu, self.window, keepalive, rto, self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SynAck:
    """What the other end answers; fields as in `Syn`. `dialect`: 0 the board's, 1 the binary one of programs."""

    sid: int
    mtu: int
    window: int
    keepalive: float
    dialect: int
    message: int
    long_crc: bool
    version: int = VERSION

    def pack(self) -> bytes:
        """Return the payload of SYNACK."""
        flags, keepalive = LONG_CRC if self.long_crc else 0, _units(self.keepalive, 10)
        return _TERMS.pack(self.version, flags, self.sid, self.mtu, self.window, keepalive, self.dialect, self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineHello:
    """What a board says of itself. `sid`: of the session that it has; 0: none."""

    sid: int
    version: int = VERSION

    def pack(self) -> bytes:
        """Return the payload of HELLO."""
        return _HELLO.pack(self.version, self.sid)


def read_syn(payload: bytes) -> Syn | None:
    """Read a SYN; None: it is to be ignored. Of another version only `version` is to be believed."""
    if len(payload) < _TERMS.size:
        return None
    version, flags, sid, mtu, window, keepalive, rto, message = _TERMS.unpack_from(payload)
    if version == VERSION and (not _sane(sid, mtu, window, keepalive) or not rto):
        return None
    return Syn(
        sid=sid,
        mtu=mtu,
        window=window,
        keepalive=keepalive / 10,
        rto=rto / 100,
        message=message,
        long_crc=bool(flags & LONG_CRC),
        resume=bool(flags & RESUME),
        version=version,
    )


def read_synack(payload: bytes) -> SynAck | None:
    """Read a SYNACK; None: it is to be ignored."""
    if len(payload) < _TERMS.size:
        return None
    version, flags, sid, mtu, window, keepalive, dialect, message = _TERMS.unpack_from(payload)
    if not _sane(sid, mtu, window, keepalive) or dialect not in (BOARD, BINARY) or version != VERSION:
        return None
    return SynAck(
        sid=sid,
        mtu=mtu,
        window=window,
        keepalive=keepalive / 10,
        dialect=dialect,
        message=message,
        long_crc=bool(flags & LONG_CRC),
    )


def read_hello(payload: bytes) -> LineHello | None:
    """Read a HELLO; None: it is to be ignored."""
    if len(payload) < _HELLO.size:
        return None
    version, sid = _HELLO.unpack_from(payload)
    return LineHello(sid=sid, version=version)


def _units(seconds: float, each: int) -> int:
    """Return the least number of units, `each` a second, that is not shorter; of 0.56 s these are 56, not 57."""
    return min(255, math.ceil(round(seconds * each, 6)))


def _sane(sid: int, mtu: int, window: int, keepalive: int) -> bool:
    return sid > 0 and MIN_PAYLOAD <= mtu <= MAX_PAYLOAD and 1 <= window <= MAX_WINDOW and keepalive > 0
