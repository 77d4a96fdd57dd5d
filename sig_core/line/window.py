"""Go-back-N: the packets that are open in one direction, and what the other direction expects."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

__all__ = ["Expected", "Open", "Window"]

REPEATS = 3
HALF = 128  # of the sequence numbers: nearer ahead than this is new, else it came before


class Open(NamedTuple):
    """A packet that is not acknowledged. `seq` is counted without end here, mod 256 on the wire."""

    seq: int
    kind: int
    payload: bytes


class Window:
    """What was sent and not acknowledged, and what of it is to be sent again.

    Attributes:
        limit: packets that may be open, 0 .. 8.
        resent: how often everything open was sent again.
    """

    def __init__(self) -> None:
        self.limit = 0
        self.resent = 0
        self._open: deque[Open] = deque()
        self._base = 0  # seq of the first open packet
        self._sent = 0  # packets of the open ones that were sent since the last going back
        self._tried = 0  # packets of the open ones that were ever sent

    @property
    def room(self) -> int:
        """Packets that may be added now."""
        return self.limit - len(self._open)

    @property
    def is_open(self) -> bool:
        """Whether anything was sent and is not acknowledged."""
        return self._tried > 0

    @property
    def kinds(self) -> list[int]:
        """Of what is not acknowledged, in order."""
        return [packet.kind for packet in self._open]

    def is_first(self, packet: Open) -> bool:
        """Return whether this is the packet that the peer has to acknowledge first."""
        return packet.seq == self._base

    @property
    def has_next(self) -> bool:
        """Whether `next` would give a packet."""
        return self._sent < len(self._open) and self._sent < self.limit

    def add(self, kind: int, payload: bytes) -> None:
        """Append a packet; only where there is room."""
        self._open.append(Open(self._base + len(self._open), kind, payload))

    def next(self) -> tuple[Open, bool] | None:
        """Return the packet to send now, and whether it is new; None: there is none, or no credit."""
        if not self.has_next:
            return None
        packet = self._open[self._sent]
        self._sent += 1
        first = self._sent > self._tried
        self._tried = max(self._tried, self._sent)
        return packet, first

    def acknowledge(self, ack: int) -> int:
        """Take the number (mod 256) that the peer expects next; return how many packets that closes."""
        closed = (ack - self._base) % 256
        if closed > self._tried:
            return 0
        for _ in range(closed):
            self._open.popleft()
        self._base += closed
        self._tried -= closed
        self._sent = max(0, self._sent - closed)
        return closed

    def may_expect(self, ack: int) -> bool:
        """Return whether a peer of this session can expect the packet of this number (mod 256)."""
        return (ack - self._base) % 256 <= self._tried

    def covers(self, seq: int) -> bool:
        """Return whether `seq` (counted without end) is acknowledged."""
        return seq < self._base

    def go_back(self) -> None:
        """Let all open packets be sent again."""
        if self._sent:
            self.resent += 1
            self._sent = 0


class Expected:
    """The other direction: which packet comes next, and whether it is missing.

    Attributes:
        seq: its number mod 256.
        doubled: packets that came before and came again.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.doubled = 0
        self._missing = False  # one that is ahead of it came
        self._repeated = 0  # times that it was asked for again

    def is_next(self, seq: int) -> bool:
        """Return whether this is the packet that is expected."""
        return seq == self.seq

    def is_old(self, seq: int) -> bool:
        """Return whether a packet that is not the expected one came before; else it is ahead."""
        return (seq - self.seq) % 256 >= HALF

    def accept(self) -> None:
        """Note that the expected packet came."""
        self.seq = (self.seq + 1) % 256
        self._missing, self._repeated = False, 0

    def miss(self) -> bool:
        """Note that a packet ahead of it came; true if that is news, so that it is to be asked for."""
        news, self._missing = not self._missing, True
        return news

    def miss_again(self) -> bool:
        """Return whether to ask for it again, since the peer may not have understood; at most three times."""
        if not self._missing or self._repeated >= REPEATS:
            return False
        self._repeated += 1
        return True
