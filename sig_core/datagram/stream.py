"""One end of a packet link, without I/O: a reliable stream over packets (docs/packet-protocol.md)."""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto
from typing import Final

from sig_core.clock import NEVER
from sig_core.datagram.cookies import is_cookie_for
from sig_core.datagram.receiving import Receiving
from sig_core.datagram.sending import Sending
from sig_core.datagram.wire import ACK, OPEN, VERSION, Datagram, Wire, opening, tag_of
from sig_core.errors import LinkLost

__all__ = ["AGREED", "ASKED", "OTHER_VERSION", "PROVE", "UNKNOWN", "PacketStream", "Phase"]

ASKED, AGREED, UNKNOWN, OTHER_VERSION, PROVE = 0, 1, 2, 3, 4  # tags of OPEN
AGAIN, SELDOM = 0.1, 1.0  # seconds between OPENs: at first, and at last
SILENT: Final = 10.0  # seconds without a word while something is open
LINGER: Final = 2.0  # seconds that an end may take


class Phase(Enum):
    """Of a link."""

    DIALING = auto()
    OPEN = auto()
    ENDING = auto()  # this side has ended
    CLOSED = auto()


class PacketStream:
    """Feed it with `receive`, send what `packets` gives, call both again when `due` says.

    Args:
        wire: of the medium.
        epoch: of the link.
        now: monotonic seconds.
        dialing: this side asks; else it was asked, and agrees.

    Attributes:
        error: why the link broke; None while it lives, and after an end in order.
    """

    def __init__(self, wire: Wire, epoch: int, now: float, *, dialing: bool) -> None:
        self.epoch = epoch
        self.error: LinkLost | None = None
        self.phase = Phase.DIALING if dialing else Phase.OPEN
        self._wire = wire
        self._dialing = dialing
        self._tag = tag_of(epoch)
        self._sending = Sending(wire.room)
        self._receiving = Receiving(wire.room)
        self._heard, self._idle = now, True
        self._ask_at, self._pause = now, AGAIN
        self._answer_open = not dialing
        self._until = NEVER  # an end may take
        self._strays = 0

    # -- in

    def receive(self, packet: Datagram, now: float) -> None:
        """Take a packet of the peer."""
        if packet.kind == OPEN:
            self._take_open(packet, now)
        elif packet.tag != self._tag or self.phase is Phase.DIALING:
            self._strays += 1
        else:
            self._heard = now
            if packet.kind == ACK:
                self._take_ack(packet.rest, now)
            else:
                self._receiving.take(packet.kind, packet.number, packet.rest[2:])

    def _take_open(self, packet: Datagram, now: float) -> None:
        if packet.tag == ASKED and not self._dialing and packet.epoch == self.epoch:
            self._answer_open = True
        elif packet.tag == AGREED and self._dialing and packet.epoch == self.epoch:
            self._heard = now
            if self.phase is Phase.DIALING:
                self.phase = Phase.OPEN
        elif packet.tag == PROVE and self.phase is Phase.DIALING and is_cookie_for(self.epoch, packet.epoch):
            self.epoch, self._tag, self._ask_at = packet.epoch, tag_of(packet.epoch), now
        elif packet.tag == UNKNOWN and self._dialing and packet.epoch == self._tag:
            self._be_forgotten()
        elif packet.tag == OTHER_VERSION and self.phase is Phase.DIALING:
            self.lose(f"the peer does not know version {VERSION} of packet links")
        else:
            self._strays += 1

    def _be_forgotten(self) -> None:
        if self.phase is Phase.ENDING:  # it has ended first, and is gone
            self.phase = Phase.CLOSED
        elif self.phase is Phase.OPEN:
            self.lose("the peer knows no such link: it was started anew")

    def _take_ack(self, rest: bytes, now: float) -> None:
        expected, credit, bits = int.from_bytes(rest[:2], "little"), rest[2], int.from_bytes(rest[3:35], "little")
        came = [(expected + 1 + place) % (1 << 16) for place in range(bits.bit_length()) if bits >> place & 1]
        self._sending.acknowledge(expected, credit, came, now)

    # -- the stream

    def write(self, data: bytes) -> None:
        """Append to what goes out."""
        self._sending.write(data)

    @property
    def queued(self) -> int:
        """Bytes that were written and not sent."""
        return self._sending.queued

    @property
    def has_data(self) -> bool:
        """Whether `read` would give something."""
        return self._receiving.has_data

    def read(self) -> bytes:
        """Return what came, b"" if nothing did."""
        return self._receiving.read()

    @property
    def ended(self) -> bool:
        """Whether the peer has ended its stream, and all of it was read."""
        return self._receiving.ended and not self._receiving.has_data

    def finish(self, now: float) -> None:
        """End in order: what was written still goes out, within 2 s, if the peer has not ended before."""
        if self.phase is Phase.DIALING or (self.phase is Phase.OPEN and self._receiving.ended):
            self.phase = Phase.CLOSED  # a peer that has ended is gone as soon as that is acknowledged
        elif self.phase is Phase.OPEN:
            self.phase, self._until = Phase.ENDING, now + LINGER
            self._sending.finish()

    def lose(self, why: str) -> None:
        """Break."""
        if self.phase is not Phase.CLOSED:
            self.phase, self.error = Phase.CLOSED, LinkLost(why)

    # -- out

    def packets(self, now: float) -> list[bytes]:
        """Return what is to be sent now."""
        if self.phase is Phase.DIALING:
            return self._ask(now)
        self._look_at_the_time(now)
        if self.phase is Phase.CLOSED:
            return [] if self.error is not None else self._ack()  # the last one: the peer may wait for it
        found = [opening(self._wire, AGREED, self.epoch)] if self._answer_open else []
        self._answer_open = False
        for kind, number, body in self._sending.packets(now):
            found.append(self._wire.seal(kind, self._tag, number.to_bytes(2, "little") + body))
        return found + self._ack()

    def _ack(self) -> list[bytes]:
        if not self._receiving.wants_ack:
            return []
        expected, credit, came = self._receiving.ack(self._wire.map_room)
        return [self._wire.seal(ACK, self._tag, expected.to_bytes(2, "little") + bytes((credit,)) + came)]

    def _ask(self, now: float) -> list[bytes]:
        if now < self._ask_at:
            return []
        self._ask_at, self._pause = now + self._pause, min(SELDOM, 2 * self._pause)
        return [opening(self._wire, ASKED, self.epoch)]

    def _look_at_the_time(self, now: float) -> None:
        if self._sending.is_idle:
            self._idle = True
            if self.phase is Phase.ENDING:
                self.phase = Phase.CLOSED
        elif self._idle:
            self._idle, self._heard = False, now  # only from now on an answer can be expected
        elif now - self._heard >= SILENT:
            self.lose(f"nothing was heard for {SILENT:g} s while packets were open")
        if self.phase is Phase.ENDING and now >= self._until:
            self.phase = Phase.CLOSED

    @property
    def due(self) -> float:
        """When `packets` may give more, if nothing comes."""
        if self.phase is Phase.DIALING:
            return self._ask_at
        if self.phase is Phase.CLOSED:
            return NEVER
        return min(self._sending.due, self._until, NEVER if self._idle else self._heard + SILENT)

    def counts(self) -> Counter[str]:
        """Return what went wrong on the way, in packets."""
        sending, receiving = self._sending, self._receiving
        return Counter(again=sending.again, repeated=receiving.repeated, refused=receiving.refused, strays=self._strays)
