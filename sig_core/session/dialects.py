"""The first byte of a link names its dialect."""

from __future__ import annotations

from enum import Enum

from sig_core.errors import HandshakeError
from sig_core.protocol.wire import PREFACE

__all__ = ["Dialect", "check_binary", "dialect_of", "refusal_for"]


class Dialect(Enum):
    """The protocol that a peer speaks; the value names it in words."""

    BINARY = "the binary dialect"
    PLAIN = "the plain JSON dialect"
    BOARD = "the board link"
    TLS = "TLS"


_BY_FIRST = dict.fromkeys(b"{ \t\r\n", Dialect.PLAIN) | {
    PREFACE[0]: Dialect.BINARY,
    0x00: Dialect.BOARD,
    0x16: Dialect.TLS,
}


def dialect_of(data: bytes) -> Dialect | None:
    """Return the dialect whose first byte this is; None: it is that of none."""
    return _BY_FIRST.get(data[0])


def check_binary(head: bytes) -> None:
    """Raise HandshakeError unless the first byte is that of the binary dialect."""
    dialect = dialect_of(head)
    if dialect is Dialect.BINARY:
        return
    if dialect is not None:
        raise HandshakeError(f"the peer speaks {dialect.value}, which is not served at this address")
    raise HandshakeError(f"first byte 0x{head[:1].hex()} is that of no dialect")


def refusal_for(head: bytes, text: str) -> bytes:
    """Return a refusal in the dialect that the peer speaks, where that is possible; else b"".

    Args:
        head: the first bytes of the peer.
        text: why it is refused.
    """
    if not head or dialect_of(head) is not Dialect.PLAIN:
        return b""
    safe = text.replace("\\", "").replace('"', "'")
    return b'{"id": null, "status": -7, "exception": "' + safe.encode("ascii", "replace") + b'"}\n'
