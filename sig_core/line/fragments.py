"""Messages longer than a packet: cut into parts on one side, joined on the other."""

from __future__ import annotations

from collections import deque

from sig_core.line.packets import DATA, PART

__all__ = ["Fragmenter", "Reassembler"]


class Fragmenter:
    """The packets of one message that are still to be sent."""

    def __init__(self) -> None:
        self._parts: deque[tuple[int, bytes]] = deque()

    def __bool__(self) -> bool:
        return bool(self._parts)

    def split(self, message: bytes, mtu: int) -> None:
        """Cut a message into packets of at most `mtu` bytes; only where none are left of the one before."""
        cuts = range(0, max(1, len(message)), mtu)
        self._parts.extend((PART, message[cut : cut + mtu]) for cut in cuts)
        self._parts[-1] = DATA, self._parts[-1][1]

    def next(self) -> tuple[int, bytes]:
        """Take kind and payload of the next packet."""
        return self._parts.popleft()


class Reassembler:
    """Puts the parts of a message together again, up to a limit.

    Args:
        longest: bytes of the longest message; a longer one is dropped as a whole.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts = bytearray()
        self._dropping = False

    def take(self, kind: int, payload: bytes) -> bytes | None:
        """Take the next packet; return the message that it completes. None after DATA: the message was too long."""
        if kind == DATA and not self._parts and not self._dropping:
            return payload
        if len(self._parts) + len(payload) > self._longest:
            self._dropping = True
            self._parts.clear()
        elif not self._dropping:
            self._parts += payload
        if kind != DATA:
            return None
        message, whole = bytes(self._parts), not self._dropping
        self._parts.clear()
        self._dropping = False
        return message if whole else None
