"""The buffer that links are read into: one for all reads of a thread, small while idle, larger under load."""

from __future__ import annotations

from collections.abc import Callable

from sig_core.contract import HasCounts, PollableLink

__all__ = ["LARGE", "LARGEST", "SMALL", "ReceiveBuffer"]

# Bytes. From 128 KiB on the C library maps memory anew for each object: dozens of page faults a read.
SMALL, LARGE, LARGEST = 16 * 1024, 64 * 1024, 120 * 1024


class ReceiveBuffer:
    """Reused, so that a read allocates no more than it returns; but a huge frame is read into bytes of its own.

    Args:
        most: bytes of one read, SMALL to LARGE; a huge frame is read in pieces of up to LARGEST.

    Attributes:
        full: the last read brought as much as it could, so that more is likely to be there.
        last: bytes of the last `read`.
        rescued: what an interrupted `read_counted` had read; who takes it empties this.
    """

    __slots__ = ("_most", "_view", "full", "last", "rescued")

    def __init__(self, most: int = LARGE) -> None:
        self._most = most
        self._view = memoryview(bytearray(SMALL))
        self.full = False
        self.last = 0
        self.rescued = b""

    def read(self, link: PollableLink, missing: int) -> bytes:
        """Read a pollable link: 1 byte or more, b"" at its end.

        Args:
            missing: bytes until the end of the frame that is likely to come, if that one is huge; else 0.

        Raises:
            BlockingIOError: nothing is there now.
            Exception: whatever the link raises.
        """
        # This is `HasRecv`, asked by name: links are many, and a protocol takes longer to ask.
        recv: Callable[[int], bytes] | None = getattr(link, "recv", None) if missing else None
        if recv is not None:
            size = min(missing, LARGEST)
            data = recv(size)
            self.last = len(data)
            self.full = len(data) == size
            return data
        view = self._view
        count = self.last = link.recv_into(view)
        self.full = count == len(view)
        if self.full and count < self._most:
            self._view = memoryview(bytearray(2 * count))
        return bytes(view[:count])

    def read_counted(self, link: HasCounts) -> bytes:
        """Read as `read` does; where an interrupt comes behind the read itself, the bytes are in `rescued`."""
        view = self._view
        counts: list[int] = []
        try:
            link.recv_counted(view, counts)
            count = counts[0]
            self.full = count == len(view)
            if self.full and count < self._most:
                self._view = memoryview(bytearray(2 * count))
            return bytes(view[:count])
        except BaseException:
            if counts:
                self.rescued = bytes(view[: counts[0]])
            raise
