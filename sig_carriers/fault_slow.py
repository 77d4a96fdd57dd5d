"""`slow+`: a link that moves so many bits per second, and takes its time."""

from __future__ import annotations

from dataclasses import replace

from sig_carriers.fault_link import FaultLink
from sig_core.address import Address
from sig_core.contract import Link

__all__ = ["Slow", "SlowCourse", "slow"]

BITS = 10  # of a byte, with start and stop bit
ROOM = 1 << 20  # bytes that may be on their way
TURN = 0.02  # seconds of which the bytes arrive together
AHEAD = 0.25  # seconds of which the bytes may wait for the medium
RATES = (10.0, 1e12)  # bits per second
LONGEST = 86_400.0  # seconds


class Slow:
    """Wraps a link: `slow+tcp://127.0.0.1:3000?rate=9600&delay=20ms`. Nothing is lost.

    It acts in both directions, each for itself, at the end where it is written.

    Options:
        rate: bits per second, 10 .. 1e12, ten of them for a byte as on a serial line: 9600 moves 960 bytes per second.
        delay: seconds that everything is on its way, 0 .. 86,400; up to 1 MiB of it at one time.
    """

    options = frozenset({"rate", "delay"})

    def check(self, address: Address) -> None:
        """Raise ConfigError for a value that is out of its range."""
        _rate(address)
        _delay(address)

    def __call__(self, link: Link, address: Address, /) -> FaultLink:
        """Return the slow link."""
        rate, delay = _rate(address), _delay(address)
        traits = link.traits
        if rate:
            traits = replace(traits, bitrate=int(min(rate, traits.bitrate or rate)))
        out, into = (SlowCourse(rate, delay, packets=traits.packets) for _ in range(2))
        return FaultLink(
            link,
            out,
            into,
            traits,
            late=bool(rate or delay),
            told=lambda: f"slow: {out.seen:,} bytes sent, {into.seen:,} received",
        )


class SlowCourse:
    """What becomes of one direction; see `Course`.

    Args:
        rate: bits per second; 0: as many as you like.
        delay: seconds.
        packets: whether what passes is packets, which are not cut.

    Attributes:
        seen: bytes.
    """

    def __init__(self, rate: float, delay: float, *, packets: bool) -> None:
        self.seen = 0
        self.room = int(min(ROOM, rate / BITS * (AHEAD + delay))) if rate else ROOM
        self._byte = BITS / rate if rate else 0.0  # seconds
        self._delay = delay
        self._piece = max(1, int(rate / BITS * TURN)) if rate and not packets else 0
        self._free = 0.0  # when the medium will have moved all before

    def send_off(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """See `Course`."""
        self.seen += len(data)
        step = self._piece or len(data) or 1
        pieces = [data[at : at + step] for at in range(0, len(data), step)] or [data]
        return [(self._arrival(piece, now), piece) for piece in pieces]

    def _arrival(self, piece: bytes, now: float) -> float:
        self._free = max(now, self._free) + len(piece) * self._byte
        return self._free + self._delay


def _rate(address: Address) -> float:
    return address.number("rate", 0.0, *RATES)


def _delay(address: Address) -> float:
    return address.seconds("delay", 0.0, 0.0, LONGEST)


slow = Slow()
