"""The first byte of a link names its dialect; this version serves one of them."""

from __future__ import annotations

from sig_core.errors import HandshakeError
from sig_core.protocol.wire import PREFACE

__all__ = ["check_dialect", "complaint_for"]

_OTHERS = {
    b"{": "the plain JSON dialect",
    b" ": "the plain JSON dialect",
    b"\t": "the plain JSON dialect",
    b"\r": "the plain JSON dialect",
    b"\n": "the plain JSON dialect",
    b"\x00": "the board link",
    b"\x16": "TLS",
}
_PLAIN = "the plain JSON dialect"


def check_dialect(head: bytes) -> None:
    """Raise HandshakeError unless the first byte is that of the binary dialect."""
    first = head[:1]
    if first == PREFACE[:1]:
        return
    dialect = _OTHERS.get(first)
    if dialect:
        raise HandshakeError(f"the peer speaks {dialect}, which this server does not serve")
    raise HandshakeError(f"first byte 0x{first.hex()} is that of no dialect")


def complaint_for(head: bytes, text: str) -> bytes:
    """Give the last words for a peer of another dialect, in it where that is possible; b"" where not."""
    if _OTHERS.get(head[:1]) != _PLAIN:
        return b""
    safe = text.replace("\\", "").replace('"', "'")
    return b'{"id": null, "status": -7, "exception": "' + safe.encode("ascii", "replace") + b'"}\n'
