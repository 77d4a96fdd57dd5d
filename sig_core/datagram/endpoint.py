"""One end of a link of packets, from before it opens until after its end, without I/O."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sig_core.clock import NEVER
from sig_core.datagram.cookies import LEAST_EPOCH
from sig_core.datagram.reception import Reception, asks_for_another
from sig_core.datagram.stream import PacketStream, Phase
from sig_core.datagram.wire import Wire

__all__ = ["HIGH_WATER", "Endpoint"]

HIGH_WATER: Final = 256 * 1024  # bytes that are written and not sent, at which a sender waits


class Endpoint:
    """It dials, or it is dialled: until then nothing comes. Feed it with `take`, send what that and `packets` give.

    Args:
        mtu: bytes that the medium carries in one packet.
        high_water: bytes that are written and not sent, from which on who writes is held.

    Attributes:
        stream: the link; None: nobody has dialled yet.
        closing: `finish` was called, or `cut`.
        failed: why the medium broke; None: it did not.
    """

    def __init__(self, mtu: int, high_water: int = HIGH_WATER) -> None:
        self.stream: PacketStream | None = None
        self.closing = False
        self.failed: Exception | None = None
        self._wire = Wire(mtu)
        self._reception = Reception(self._wire)
        self._high_water = high_water

    def dial(self, chance: int, now: float) -> None:
        """Ask the other side for a link.

        Args:
            chance: a random number, 0 .. 2**32-1.
            now: monotonic seconds, as everywhere here.
        """
        self.stream = PacketStream(self._wire, chance | LEAST_EPOCH, now, dialing=True)

    def be_dialled(self, epoch: int, now: float) -> None:
        """Be open: the other side has asked, and proved what it has to."""
        self.stream = PacketStream(self._wire, epoch, now, dialing=False)

    # -- packets

    def take(self, data: bytes, now: float) -> bytes:
        """Take a packet; return the one that answers it at once, b"": none does."""
        packet, stream = self._wire.open(data), self.stream
        if packet is None:
            return b""
        if stream is None:
            answer = self._reception.answer(packet, None, now)
            if answer is None:
                self.be_dialled(packet.epoch, now)
            return answer or b""
        if stream.phase is not Phase.DIALING and asks_for_another(packet, stream.epoch):
            stream.lose("the peer has begun anew")
        else:
            stream.receive(packet, now)
        return b""

    def packets(self, now: float) -> list[bytes]:
        """Return what is to be sent now."""
        return [] if self.stream is None else self.stream.packets(now)

    @property
    def due(self) -> float:
        """When `packets` may give more, if nothing comes."""
        return NEVER if self.stream is None else self.stream.due

    def counts(self) -> Counter[str]:
        """Return what went wrong on the way, in packets."""
        counts = Counter(damaged=self._wire.damaged)
        if self.stream is not None:
            counts.update(self.stream.counts())
        return counts

    # -- the stream

    @property
    def is_dialing(self) -> bool:
        """Whether it has asked, and was not answered yet."""
        return self.stream is not None and self.stream.phase is Phase.DIALING and not self.is_over

    @property
    def is_open(self) -> bool:
        """Whether bytes go both ways."""
        return self.stream is not None and self.stream.phase is Phase.OPEN

    @property
    def room(self) -> int:
        """How many bytes may be written before who writes is held; 0: none, or it is not open."""
        stream = self.stream
        return max(0, self._high_water - stream.queued) if stream is not None and self.is_open else 0

    def write(self, data: bytes) -> None:
        """Append to what goes out, of an end that is open."""
        assert self.stream is not None
        self.stream.write(data)

    @property
    def has_data(self) -> bool:
        """Whether `read` would give something."""
        return self.stream is not None and self.stream.has_data

    def read(self) -> bytes:
        """Return what came, b"" if nothing did."""
        return b"" if self.stream is None else self.stream.read()

    @property
    def ended(self) -> bool:
        """Whether the peer has ended its stream, and all of it was read."""
        return self.stream is not None and self.stream.ended

    # -- the end

    def finish(self, now: float) -> None:
        """End in order; what was written still goes out, if the peer takes it soon."""
        self.closing = True
        if self.stream is not None:
            self.stream.finish(now)

    def cut(self, why: str) -> None:
        """End at once."""
        self.closing = True
        if self.stream is not None:
            self.stream.lose(why)

    def fail(self, error: Exception) -> None:
        """End: the medium broke."""
        self.failed = self.failed or error
        if self.stream is not None:
            self.stream.lose(str(error))

    @property
    def error(self) -> Exception | None:
        """Why it broke; None while it lives, and after an end in order."""
        return self.failed or (self.stream.error if self.stream is not None else None)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be written any more."""
        closed = self.stream is not None and self.stream.phase is Phase.CLOSED
        return self.closing or self.failed is not None or closed

    @property
    def is_done(self) -> bool:
        """Whether it is over, and nothing is left to be sent."""
        return self.is_over and (self.stream is None or self.stream.phase in (Phase.CLOSED, Phase.DIALING))
