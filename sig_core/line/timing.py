"""How long to wait for an acknowledgement: from the speed of the line, then from what was measured on it."""

from __future__ import annotations

from typing import Final

from sig_core.line.packets import MAX_PAYLOAD, wire_size

__all__ = ["RetransmitTimer", "first_rto", "window_for"]

UNKNOWN: Final = 0.1  # seconds, for a line whose speed nobody knows
ADAPTER: Final = 0.016  # seconds that some USB adapters hold bytes back, each way
MAX_WINDOW: Final = 8  # packets
BITS: Final = 10  # of a byte on the line, with start and stop bit
FLOOR: Final = 0.01  # seconds
CEILING: Final = 1.0  # seconds that doubling leads to, unless it began above


def first_rto(bitrate: int | None) -> float:
    """Return the seconds that suit a line of so many bits per second before anything was measured."""
    if bitrate is None:
        return UNKNOWN
    return max(UNKNOWN, 2 * wire_size(MAX_PAYLOAD) * BITS / bitrate + 2 * ADAPTER + FLOOR)


def window_for(bitrate: int | None, mtu: int) -> int:
    """Return the packets of `mtu` bytes of payload, 2 .. 8, that may be open on a line of so many bits per second.

    More of them would wait for each other so long, where both ends send, that their acknowledgements come too late.
    """
    if bitrate is None:
        return MAX_WINDOW
    packet = wire_size(mtu) * BITS / bitrate
    return max(2, min(MAX_WINDOW, int((first_rto(bitrate) - 2 * ADAPTER) / packet)))


class RetransmitTimer:
    """The retransmit time of one direction, after Jacobson and Karels (1988) and Karn and Partridge (1987).

    Args:
        rto: seconds, until something was measured.
        packet: seconds that the longest packet takes on the line; what is measured is never trusted below two of these.

    Attributes:
        rto: seconds to wait now.
    """

    def __init__(self, rto: float, packet: float = 0.0) -> None:
        self.rto = self._steady = rto
        self._floor = FLOOR + 2 * packet
        self._ceiling = max(CEILING, rto)
        self._mean = self._deviation = 0.0

    def measured(self, seconds: float) -> None:
        """Take a round trip of a packet that was sent once."""
        if not self._mean:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        self._steady = min(self._ceiling, max(self._floor, self._mean + 4 * self._deviation))

    def doubled(self) -> None:
        """Wait longer: nothing came."""
        self.rto = min(self._ceiling, 2 * self.rto)

    def answered(self) -> None:
        """Be as before: something was acknowledged."""
        self.rto = self._steady
