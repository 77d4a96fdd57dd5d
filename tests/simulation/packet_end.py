"""A stream over packets that are lost, doubled and late: what `io/adapters/datagram_stream` is, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sig_core.clock import NEVER
from sig_core.datagram.cookies import Cookies
from sig_core.datagram.endpoint import Endpoint
from sig_core.datagram.reception import Reception, asks_for_another
from sig_core.datagram.wire import Wire
from tests.simulation.medium import Holder

if TYPE_CHECKING:
    from tests.simulation.network import Network
    from tests.simulation.world import World

__all__ = ["Air", "PacketEnd"]

MTU = 300  # bytes
HIGH_WATER = 4096  # bytes that are written and not sent, at which no more is taken
LEAST = 1e-6  # seconds that time goes on between two looks, as it does anywhere but here
SIGNS_OF_LIFE = 44  # bytes: keep-alives, and acks of these, are always on their way


class PacketEnd:
    """To its holder it is an `End`.

    Args:
        clock: returns the seconds of whoever has it.
        throw: sends a packet.

    Attributes:
        packets: what it is to the other end.
        dead: its process has died.
    """

    holder: Holder

    def __init__(self, world: World, clock: Callable[[], float], throw: Callable[[bytes], object]) -> None:
        self.reading = True
        self.closed = self.dead = False
        self.packets = Endpoint(MTU, HIGH_WATER)
        self._world = world
        self._clock = clock
        self._throw = throw
        self._due = NEVER
        self._blocked = self._told = False

    @property
    def is_busy(self) -> bool:
        """Whether something waits for an acknowledgement."""
        stream = self.packets.stream
        if self.dead or stream is None or not self.packets.is_open:
            return False
        return stream.queued > SIGNS_OF_LIFE or len(stream._sending._open) > 2

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.dead or (self.closed and self.packets.is_done)

    # -- the end of a stream

    def send(self, data: bytes) -> int:
        """See `End`."""
        room = self.packets.room
        self._blocked = room < len(data)
        if not room:
            return 0
        self.packets.write(data[:room])
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
            self.packets.finish(self._clock())
            self.pump()

    def die(self, notice: float | None) -> None:
        """The process dies."""
        self.closed = self.dead = True

    # -- packets

    def take(self, data: bytes) -> None:
        """A packet comes."""
        if not self.dead:
            answer = self.packets.take(data, self._clock())
            if answer:
                self._throw(answer)
            self.pump()

    def pump(self) -> None:
        """Hand over what came, and send what is due."""
        packets = self.packets
        if self.dead:
            return
        while self.reading and not self.closed and packets.has_data:
            self.holder.receive(packets.read())
        now = self._clock()
        for packet in packets.packets(now):
            self._throw(packet)
        due = max(self._world.now + packets.due - now, self._world.now + LEAST)
        if due < NEVER and due != self._due:
            self._due = due
            self._world.at(due, lambda: self._tick(due))
        if self._blocked and packets.room:
            self._blocked = False
            self._world.soon(self._tell_writable)
        if (packets.ended or packets.is_over) and not (self.closed or self._told or packets.has_data):
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
        lies: whoever sends here can write any address as its own, so that the server wants a proof.

    Attributes:
        is_deaf: nothing arrives.
        near, far: the ends that there are.
    """

    def __init__(self, network: Network, loss: float, *, lies: bool) -> None:
        self.loss = loss
        self._lies = lies
        self._wire = Wire(MTU)
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
        self.near = end = PacketEnd(self._world, clock, self._to_server)
        end.packets.dial(int(self._world.random() * 2**32), clock())
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
        if self._lies:
            self._receive(packet)
        else:
            if self.far is None or self.far.is_over:
                self.far = self._accept()
            self.far.take(packet)

    def _accept(self) -> PacketEnd:
        server = self._network.server
        end = PacketEnd(self._world, server.now, self._to_client)
        server.accept(end)
        return end

    def _receive(self, data: bytes) -> None:
        """Take a packet as a server does whose medium has many peers: it keeps nothing of who proved nothing."""
        packet, far, server = self._wire.open(data), self.far, self._network.server
        stream = None if far is None or far.is_over else far.packets.stream
        if packet is None:
            return
        if far is not None and stream is not None and not asks_for_another(packet, stream.epoch):
            far.take(data)
            return
        reception = Reception(self._wire, Cookies(b"secret %d" % server.generation))
        answer = reception.answer(packet, "client", server.now(), None if stream is None else stream.epoch)
        if answer:
            self._to_client(answer)
        elif answer is None:
            if far is not None and stream is not None:
                far.packets.cut("the peer has begun anew")
                far.pump()
            self.far = self._accept()
            self.far.packets.be_dialled(packet.epoch, server.now())
            self.far.pump()

    def _at_client(self, packet: bytes) -> None:
        if self.near is not None:
            self.near.take(packet)
