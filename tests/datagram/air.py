"""Two ends of a packet link and the air between: it loses, doubles, damages and delays packets, by seed and clock."""

from __future__ import annotations

import heapq
import itertools
import random

from sig_core.datagram.stream import PacketStream
from sig_core.datagram.wire import Wire


class End:
    """One end: a stream, its wire, and what it has read."""

    def __init__(self, mtu: int, epoch: int, *, dialing: bool) -> None:
        self.wire = Wire(mtu)
        self.stream = PacketStream(self.wire, epoch, 0.0, dialing=dialing)
        self.read = bytearray()
        self.reads = True
        self.sent = 0


class Air:
    """Carries packets between two ends.

    Args:
        mtu: bytes of a packet.
        loss, double, damage: probabilities, for each packet.
        delay, jitter: seconds.
    """

    def __init__(
        self,
        mtu: int = 1200,
        *,
        seed: int = 0,
        loss: float = 0.0,
        double: float = 0.0,
        damage: float = 0.0,
        delay: float = 0.001,
        jitter: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.a, self.b = End(mtu, 77, dialing=True), End(mtu, 77, dialing=False)
        self.broken = False
        self._chance = random.Random(seed)
        self._faults = (loss, double, damage)
        self._delay, self._jitter = delay, jitter
        self._flying: list[tuple[float, int, End, bytes]] = []
        self._count = itertools.count()

    def _throw(self, target: End, packet: bytes) -> None:
        loss, double, damage = self._faults
        for _ in range(1 + (self._chance.random() < double)):
            if self.broken or self._chance.random() < loss:
                continue
            if self._chance.random() < damage:
                at = self._chance.randrange(len(packet))
                packet = packet[:at] + bytes((packet[at] ^ 1 << self._chance.randrange(8),)) + packet[at + 1 :]
            arrival = self.now + self._delay + self._chance.random() * self._jitter
            heapq.heappush(self._flying, (arrival, next(self._count), target, packet))

    def _turn(self) -> None:
        for end, other in ((self.a, self.b), (self.b, self.a)):
            if end.reads:
                end.read += end.stream.read()
            for packet in end.stream.packets(self.now):
                end.sent += 1
                self._throw(other, packet)

    def run(self, seconds: float) -> None:
        """Let time pass, until nothing is left to happen."""
        until = self.now + seconds
        self._turn()
        while True:
            arrival = self._flying[0][0] if self._flying else float("inf")
            when = max(self.now, min(arrival, self.a.stream.due, self.b.stream.due))
            if when > until:
                break
            self.now = when
            while self._flying and self._flying[0][0] <= self.now:
                _, _, target, data = heapq.heappop(self._flying)
                packet = target.wire.open(data)
                if packet is not None:
                    target.stream.receive(packet, self.now)
            self._turn()
        self.now = until
