"""What links are read into: one buffer for all reads of a thread, small while it is idle, larger under load."""

from __future__ import annotations

__all__ = ["LARGE", "SMALL", "ReceiveBuffer"]

# Bytes. From 128 KiB on the C library maps memory anew for each object: dozens of page faults a read.
SMALL, LARGE = 16 * 1024, 64 * 1024


class ReceiveBuffer:
    """Reused, so that a read allocates no more than it brings.

    Attributes:
        view: to read into; another one after `taken`.
    """

    __slots__ = ("view",)

    def __init__(self) -> None:
        self.view = memoryview(bytearray(SMALL))

    def taken(self, count: int) -> bytes:
        """Give the first `count` bytes, which were just read; a buffer that was full grows for the next read."""
        view = self.view
        if count == len(view) < LARGE:
            self.view = memoryview(bytearray(2 * count))
        return bytes(view[:count])
