"""The line to a board, as packets: every wait has a limit, and what fails says what came instead."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NoReturn

from sig_core.line.packets import (
    ACK,
    DAMAGED,
    DATA,
    FIN,
    HELLO,
    NAK,
    PART,
    PING,
    SYN,
    SYNACK,
    TEXT,
    Packet,
    PacketReader,
)
from sig_core.testing.checks import Suite
from sig_core.testing.ends import End
from sig_core.testing.waiting import within

__all__ = ["KINDS", "BoardWire"]

KINDS = {
    SYN: "SYN", SYNACK: "SYNACK", DATA: "DATA", ACK: "ACK", NAK: "NAK", PING: "PING", HELLO: "HELLO", FIN: "FIN",
    PART: "PART",
}  # fmt: skip
LOOK = 0.1  # seconds of one look at the line
LAST = 6  # packets that a failure tells


class BoardWire:
    """Sends bytes as they are, and gives the packets that come.

    Args:
        end: of the link to the board.
        suite: whose time limits hold, and whose name is in failures.

    Attributes:
        end: see there.
    """

    def __init__(self, end: End, suite: Suite) -> None:
        self.end = end
        self._suite = suite
        self._reader = PacketReader()
        self._coming: Iterator[Packet] = iter(())  # what was read; opened one by one, since SYNACK may change the CRC
        self._last: deque[Packet] = deque(maxlen=LAST)

    def take(self, packet: Packet) -> None:
        """Do with a packet what a host does."""

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.end.send(data)

    def packet(self, seconds: float) -> Packet | None:
        """Return the next packet; None: none comes within so many seconds, which are not scaled."""
        until = time.monotonic() + seconds
        while (packet := next(self._coming, None)) is None:
            left = until - time.monotonic()
            if left <= 0:
                return None
            try:
                self._coming = self._reader.feed(self.end.receive(min(left, LOOK)) or b"")
            except EOFError:
                self.fail("closes its link in the middle of a check")
        if packet.kind not in (TEXT, DAMAGED):
            self._last.append(packet)
        return packet

    def wait(
        self, what: str, true: Callable[[Packet], object], seconds: float | None = None, *, take: bool = True
    ) -> Packet:
        """Return the next packet for which that holds.

        Args:
            what: is waited for, for the failure.
            true: says whether it is this one.
            seconds: how long to wait, not scaled, since later the board's clock brings it; None: the suite's
                `timeout`, scaled.
            take: do with the packets on the way what a host does.
        """
        patience = within(self._suite.timeout) if seconds is None else seconds
        until = time.monotonic() + patience
        while (packet := self.packet(max(0.0, until - time.monotonic()))) is not None:
            if take:
                self.take(packet)
            if true(packet):
                return packet
        raise self.failure(f"{what}: it did not come within {patience:g} s; {self._came()}")

    def failure(self, text: str) -> AssertionError:
        """Return what to raise for a breach."""
        return AssertionError(f"{self._suite.who}: {text}")

    def fail(self, text: str) -> NoReturn:
        """Raise for a breach."""
        raise self.failure(text)

    def _came(self) -> str:
        told = ", ".join(f"{KINDS.get(packet.kind, packet.kind)} (ack {packet.ack})" for packet in self._last)
        return f"what came last: {told}" if told else "nothing came that is a packet"
