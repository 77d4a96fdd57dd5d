"""A serial line: two ports that anybody may open and close, and a wire that loses and damages bytes."""

from __future__ import annotations

from sig_core.contract import LinkTraits
from tests.simulation.medium import End, Holder
from tests.simulation.world import World

__all__ = ["SerialEnd", "SerialLine"]

BITRATE = 115_200
DELAY = 0.001  # seconds


class SerialEnd(End):
    """An open port: what is sent leaves at the speed of the line, whether anybody is there or not."""

    __slots__ = ("_free", "_line")

    def __init__(self, line: SerialLine) -> None:
        super().__init__(line.world, DELAY, 0)
        self._line = line
        self._free = 0.0  # when the byte sent last has left

    def send(self, data: bytes) -> int:
        """Send all of it."""
        line = self._line
        self._free = max(self._free, line.world.now) + len(data) * 10 / BITRATE
        came = line.harm(data)
        if came:
            line.world.at(self._free + DELAY, lambda: line.deliver(self, came))
        return len(data)

    def arrive(self, data: bytes) -> None:
        """Bytes come."""
        if not self.closed:
            self.holder.receive(data)

    def arrive_end(self) -> None:
        """The port is gone, as that of an adapter that is pulled out."""
        if not self.closed:
            self.holder.at_end()

    def set_reading(self, on: bool) -> None:
        """See `End`: a port has a buffer that is never full here."""

    def close(self) -> None:
        """Close the port."""
        self.closed = True

    def die(self, notice: float | None) -> None:
        """The holder's process dies."""
        self.closed = True


class SerialLine:
    """A line between a server and a device.

    Args:
        noise: of pieces that are sent, how many are lost or damaged.

    Attributes:
        traits: see `Link`.
        is_plugged: it is.
        far, near: open ports, at the server and at the device; None: nobody has opened it.
    """

    traits = LinkTraits(packets=False, reliable=False, bitrate=BITRATE)

    def __init__(self, world: World, noise: float) -> None:
        self.world = world
        self.noise = noise
        self.is_plugged = True
        self.far: SerialEnd | None = None
        self.near: SerialEnd | None = None

    def open_far(self) -> SerialEnd:
        """Open the port at the server."""
        self.far = SerialEnd(self)
        return self.far

    def open_near(self, holder: Holder) -> SerialEnd:
        """Open the port at the device."""
        self.near = SerialEnd(self)
        self.near.holder = holder
        return self.near

    def harm(self, data: bytes) -> bytes:
        """Return what is left of bytes on their way."""
        random = self.world.random
        if not self.is_plugged:
            return b""
        if random() >= self.noise:
            return data
        at = int(random() * len(data))
        if random() < 0.5:
            return data[:at] + data[at + 1 :]  # a byte is lost
        return data[:at] + bytes((data[at] ^ 1 << int(random() * 8),)) + data[at + 1 :]

    def deliver(self, source: SerialEnd, data: bytes) -> None:
        """Bytes have come to the other end of the wire."""
        target = self.near if source is self.far else self.far
        if target is not None and self.is_plugged:
            target.arrive(data)

    def unplug(self) -> None:
        """Pull it out: the ports at both ends are gone."""
        self.is_plugged = False
        for end in (self.near, self.far):
            if end is not None:
                end.arrive_end()
