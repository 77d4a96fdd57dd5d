"""A stream over packets that are lost, doubled and late: what `io/adapters/datagram_stream` is, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sig_core.clock import NEVER
from sig_core.datagram.stream import ASKED, UNKNOWN, PacketStream, Phase
from sig_core.datagram.wire import OPEN, Datagram, Wire, opening
from tests.simulation.medium import Holder

if TYPE_CHECKING:
    from tests.simulation.network import Network
    from tests.simulation.world import World

__all__ = ["Air", "PacketEnd"]

MTU = 300  # bytes
HIGH_WATER = 4096  # bytes that are written and not sent, at which no more is taken
LEAST = 1e-6  # seconds that time goes on between two looks, as it does anywhere but here
SIGNS_OF_LIFE = 18  # bytes: keep-alives are always on their way


class PacketEnd:
    """To its holder it is an `End`.

    Args:
        clock: returns the seconds of whoever has it.
        throw: sends a packet.
        epoch: of the link that it dials; 0: it is dialled.
    """

    holder: Holder

    def __init__(self, world: World, clock: Callable[[], float], throw: Callable[[bytes], object], epoch: int) -> None:
        self.reading = True
        self.closed = self.dead = False
        self._world = world
        self._clock = clock
        self._throw = throw
        self._wire = Wire(MTU)
        self._stream: PacketStream | None = None
        self._due = NEVER
        self._blocked = self._told = False
        if epoch:
            self._stream = PacketStream(self._wire, epoch, clock(), dialing=True)

    @property
    def is_busy(self) -> bool:
        """Whether something waits for an acknowledgement."""
        stream = self._stream
        if self.dead or stream is None or stream.phase is not Phase.OPEN:
            return False
        return stream.queued > SIGNS_OF_LIFE or len(stream._sending._open) > 1

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        if self.dead:
            return True
        return self.closed and (self._stream is None or self._stream.phase in (Phase.CLOSED, Phase.DIALING))

    # -- the end of a stream

    def send(self, data: bytes) -> int:
        """See `End`."""
        stream = self._stream
        if stream is None or stream.phase is Phase.DIALING:
            self._blocked = True
            return 0
        room = HIGH_WATER - stream.queued
        self._blocked = room < len(data)
        if room <= 0:
            return 0
        stream.write(data[:room])
        self.pump()
        return min(room, len(data))

    def set_reading(self, on: bool) -> None:
        """See `End`."""
        if on is not self.reading:
            self.reading = on
            if on:
                self._world.soon(self.pump)

    def close(self) -> None:
        """End in order; what was sent still arrives."""
        if not self.closed:
            self.closed = True
            if self._stream is not None:
                self._stream.finish(self._clock())
            self.pump()

    def die(self, notice: float | None) -> None:
        """The process dies."""
        self.closed = self.dead = True

    # -- packets

    def take(self, data: bytes) -> None:
        """A packet comes."""
        packet = self._wire.open(data)
        if packet is not None and not self.dead:
            for answer in self._take(packet):
                self._throw(answer)
            self.pump()

    def _take(self, packet: Datagram) -> list[bytes]:
        stream, now = self._stream, self._clock()
        asks = packet.kind == OPEN and packet.tag == ASKED
        if stream is None and asks:
            self._stream = PacketStream(self._wire, packet.epoch, now, dialing=False)
        elif stream is None and packet.kind != OPEN:
            return [opening(self._wire, UNKNOWN, packet.tag)]
        elif stream is not None and asks and packet.epoch != stream.epoch and stream.phase is not Phase.DIALING:
            stream.lose("the peer has begun anew")
        elif stream is not None:
            stream.receive(packet, now)
        return []

    def pump(self) -> None:
        """Hand over what came, and send what is due."""
        stream = self._stream
        if stream is None or self.dead:
            return
        while self.reading and not self.closed and stream.has_data:
            self.holder.receive(stream.read())
        now = self._clock()
        for packet in stream.packets(now):
            self._throw(packet)
        due = max(self._world.now + stream.due - now, self._world.now + LEAST)
        if due < NEVER and due != self._due:
            self._due = due
            self._world.at(due, lambda: self._tick(due))
        if self._blocked and stream.phase is Phase.OPEN and stream.queued < HIGH_WATER:
            self._blocked = False
            self._world.soon(self._tell_writable)
        ended = stream.ended or stream.phase is Phase.CLOSED
        if ended and not (self.closed or self._told or stream.has_data):
            self._told = True
            self._world.soon(self._tell_end)

    def _tick(self, due: float) -> None:
        if due == self._due:
            self._due = NEVER
            self.pump()

    def _tell_writable(self) -> None:
        if not self.closed:
            self.holder.writable()

    def _tell_end(self) -> None:
        if not self.closed:
            self.holder.at_end()


class Air:
    """Between a client's address and the server's: packets are lost, doubled, late, and out of order.

    Args:
        loss: of packets, how many are lost; half as many come twice.

    Attributes:
        is_deaf: nothing arrives.
        near, far: the ends that there are.
    """

    def __init__(self, network: Network, loss: float) -> None:
        self.loss = loss
        self.is_deaf = False
        self.near: PacketEnd | None = None
        self.far: PacketEnd | None = None
        self._network = network
        self._world = network.world

    @property
    def is_torn(self) -> bool:
        """Whether one of the ends does not know that the other has gone."""
        near, far = self.near, self.far
        return (near is not None and not near.closed) is not (far is not None and not far.closed)

    def dial(self, clock: Callable[[], float]) -> PacketEnd:
        """Return the end of a new link."""
        self.near = end = PacketEnd(self._world, clock, self._to_server, self._network.world.number())
        self._world.soon(end.pump)
        return end

    def be_deaf(self, seconds: float) -> None:
        """Let nothing through for a while."""
        self.is_deaf = True
        self._world.after(seconds, self._hear)

    def _hear(self) -> None:
        self.is_deaf = False

    def _to_server(self, packet: bytes) -> None:
        for delay in self._flights():
            self._world.after(delay, lambda: self._at_server(packet))

    def _to_client(self, packet: bytes) -> None:
        for delay in self._flights():
            self._world.after(delay, lambda: self._at_client(packet))

    def _flights(self) -> list[float]:
        random = self._world.random
        if self.is_deaf or random() < self.loss:
            return []
        count = 2 if random() < self.loss / 2 else 1
        return [self._network.delay * (0.5 + 2 * random()) for _ in range(count)]

    def _at_server(self, packet: bytes) -> None:
        server = self._network.server
        if not server.is_up:
            return
        if server.is_stopped_still:
            self._world.after(0.05, lambda: self._at_server(packet))
            return
        if self.far is None or self.far.is_over:
            self.far = PacketEnd(self._world, server.now, self._to_client, 0)
            server.accept(self.far)
        self.far.take(packet)

    def _at_client(self, packet: bytes) -> None:
        if self.near is not None:
            self.near.take(packet)
