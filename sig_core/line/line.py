"""What both ends of a line do while they are connected: send, acknowledge, repeat, notice silence."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from sig_core.clock import NEVER
from sig_core.errors import SigError
from sig_core.line.backoff import Backoff
from sig_core.line.fragments import Fragmenter, Reassembler
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
    seal,
    wire_size,
)
from sig_core.line.timing import BITS, RetransmitTimer, first_rto, window_for
from sig_core.line.upper_layer import Terms, UpperLayer
from sig_core.line.window import Expected, Window

__all__ = ["FULL_CREDIT", "Line"]

FULL_CREDIT: Final = 15
TRIES: Final = 12  # without an acknowledgement: then the peer is not there
SILENCES: Final = 3  # times the keep-alive


class Line:
    """One end of a line. Feed it with `receive`, send what `take` gives, call `tick` when it says.

    `now` is monotonic seconds, given with each call. See `HostLine` and `LineResponder`.

    Attributes:
        up: connected.
        credit: packets that the peer may send now, 0 .. 15; change it by `allow`.
        damaged, ignored: packets that were none, and packets and messages that had no place here.
        bytes_in: that came, good or bad.
    """

    def __init__(self, above: UpperLayer, terms: Terms, now: float) -> None:
        self.above = above
        self.terms = terms
        self.up = False
        self.damaged = self.ignored = self.bytes_in = 0
        self._mtu = terms.mtu
        self._limit = 1  # packets open at most, as agreed on
        self._peer_credit = 0
        self._keepalive = terms.keepalive
        self._reader = PacketReader()
        self._heard = self._spoke = now
        self._acking = self._naking = self._pinging = False
        self._was_resent = self._was_doubled = 0  # in the sessions before
        self.window, self.expected = Window(), Expected()
        self._reset(now)

    def _reset(self, now: float) -> None:
        """Begin a session: numbers from 0, nothing open, nobody held."""
        self.credit = FULL_CREDIT
        self._was_resent += self.window.resent
        self._was_doubled += self.expected.doubled
        self.window, self.expected = Window(), Expected()
        self._splitter, self._joiner = Fragmenter(), Reassembler(self.terms.message)
        self._tries = 0
        self._naks, self._answers = Backoff(), Backoff()  # what we ask for, and what we are asked for
        self._since = now  # of the wait for the first open packet
        self._timed: tuple[int, float] | None = None  # seq and time of the packet whose round trip is measured
        self._timer = RetransmitTimer(first_rto(self.terms.bitrate))

    def counts(self) -> dict[str, int]:
        """Return what went wrong: packets damaged, goings back, packets that came twice."""
        return {
            "damaged": self.damaged,
            "resent": self._was_resent + self.window.resent,
            "doubled": self._was_doubled + self.expected.doubled,
        }

    # -- in

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes as they came; messages and all else that follows goes to `above`."""
        self.bytes_in += len(data)
        for packet in self._reader.feed(data):
            self._take(packet, now)

    def _take(self, packet: Packet, now: float) -> None:
        kind = packet.kind
        if kind == DAMAGED:
            self._damage(packet, now)
        elif kind == TEXT:
            self.above.printed(packet.payload.decode())
        elif kind in (SYN, SYNACK, HELLO):
            self._greeted(packet, now)
        elif not self.up:
            self._stranger(packet, now)
        elif kind in (DATA, PART):
            self._note(packet, now)
            self._take_data(packet, now)
        else:
            self._take_control(packet, now)

    def _take_control(self, packet: Packet, now: float) -> None:
        if packet.payload or packet.kind not in (ACK, NAK, PING, FIN):
            self.ignored += 1
            return
        self._note(packet, now)
        if packet.kind == NAK:
            self._take_nak(now)
        elif packet.kind == PING:
            self._acking = True
        elif packet.kind == FIN:
            self._finished(now)

    def _note(self, packet: Packet, now: float) -> None:
        """Take what every packet carries: a sign of life, an acknowledgement, credit."""
        self._heard = now
        self._peer_credit = packet.credit
        if self.window.acknowledge(packet.ack):
            self._tries, self._since = 0, now
            self._answers.relax()
            if self._timed is not None and self.window.covers(self._timed[0]):
                self._timer.measured(now - self._timed[1])
                self._timed = None
            self._timer.answered()
        self.window.limit = min(self._limit, packet.credit)

    def _take_data(self, packet: Packet, now: float) -> None:
        if self.expected.is_next(packet.seq):
            self.expected.accept()
            self._naks.relax()
            self._naking, self._acking = False, True
            message = self._joiner.take(packet.kind, packet.payload)
            if message is not None:
                self.above.message(message, now)
            elif packet.kind == DATA:
                self.ignored += 1  # it was longer than we said
        elif self.expected.is_old(packet.seq):
            self.expected.doubled += 1
            self._acking = True
        elif self.expected.miss():
            self._naks.want()
            self._ask(now)

    def _take_nak(self, now: float) -> None:
        """Send again what the peer misses. Its NAK may be the answer to what became of ours, so say that again too."""
        self._answers.want()
        if self.expected.miss_again():
            self._naks.want()
        else:
            self._acking = True
        self._ask(now)

    def _ask(self, now: float) -> float:
        """Say NAK, and answer that of the peer, if it is time; return the time when it will be."""
        if self._answers.take(now):
            self.window.go_back()
        if self._naks.take(now):
            self._naking = True
        return min(self._answers.due, self._naks.due)

    def _damage(self, packet: Packet, now: float) -> None:
        self.damaged += 1
        if self.up:
            self._naks.want()
            self._ask(now)

    # -- out

    @property
    def has_output(self) -> bool:
        """Whether `take` would give something."""
        if not self.up:
            return self._calling
        if self._acking or self._naking or self._pinging or self._calling or self.window.has_next:
            return True
        return self.window.room > 0 and (bool(self._splitter) or self.above.has_message)

    def take(self, room: int, now: float) -> bytes:
        """Take what is to be sent now: about `room` bytes, at least one packet if there is one; else b""."""
        out: list[bytes] = []
        greeting = self._greeting(now)
        if greeting:
            out.append(greeting)
        if self.up:
            if self._naking:
                self._naking = False
                out.append(self._seal(NAK))
            self._fill(out, room, now)
            if self._pinging:
                self._pinging = False
                out.append(self._seal(PING))
            elif self._acking:
                out.append(self._seal(ACK))
        if out:
            self._spoke = now
        return b"".join(out)

    def _fill(self, out: list[bytes], room: int, now: float) -> None:
        """Append packets of messages: those that are due again, then new ones."""
        while room > 0:
            if not self.window.has_next and not self._pull():
                return
            found = self.window.next()
            if found is None:
                return
            packet, first = found
            if self.window.is_first(packet):
                self._since = now
            if not first:
                self._timed = None  # whose acknowledgement the next one is, nobody can tell
            elif self._timed is None:
                self._timed = packet.seq, now
            out.append(self._seal(packet.kind, packet.seq % 256, packet.payload))
            room -= len(out[-1])

    def _pull(self) -> bool:
        """Move the next packet into the window; false: there is none, or no room."""
        if self.window.room <= 0:
            return False
        if not self._splitter:
            message = self.above.next_message(self._mtu)
            if message is None:
                return False
            self._splitter.split(message, self._mtu)
        self.window.add(*self._splitter.next())
        return True

    def _seal(self, kind: int, seq: int = 0, payload: bytes = b"") -> bytes:
        self._acking = False  # every packet acknowledges
        return seal(kind, self.credit, seq, self.expected.seq, payload, long_crc=self._reader.long_crc)

    def allow(self, credit: int) -> None:
        """Let the peer send so many packets beyond those that came, 0 .. 15."""
        if credit != self.credit:
            self.credit = credit
            self._acking = self.up

    # -- time

    def tick(self, now: float) -> float:
        """Do what is due; return the time (not the seconds left) at which the next call is needed."""
        if not self.up:
            return self._tick_apart(now)
        if now - self._heard >= SILENCES * self._keepalive:
            self._drop(now)
            return self._tick_apart(now)
        due = self._heard + SILENCES * self._keepalive
        if self.window.limit == 0 and self._has_more:
            due = min(due, self._ping_each(self._timer.rto, now))
        elif self.window.is_open:
            due = min(due, self._repeat(now))
        return min(due, self._ask(now), self._tick_on(now))

    def _tick_on(self, now: float) -> float:
        return self._tick_up(now) if self.up else self._tick_apart(now)

    @property
    def _has_more(self) -> bool:
        """Whether anything waits to be sent or acknowledged."""
        return bool(self.window.kinds or self._splitter or self.above.has_message)

    def _ping_each(self, seconds: float, now: float) -> float:
        if now - self._spoke >= seconds:
            self._pinging = True
            self._spoke = now
        return self._spoke + seconds

    def _repeat(self, now: float) -> float:
        if now - self._since >= self._timer.rto:
            self._tries += 1
            if self._tries > TRIES:
                self._drop(now)
                return now
            self._timer.doubled()
            self.window.go_back()
            self._since = now
        return self._since + self._timer.rto

    # -- connecting and its end

    def _agree(self, mtu: int, window: int, long_crc: bool, packet: Packet, now: float) -> None:
        """Be connected on these terms; `packet` is the one that said so."""
        self._mtu = min(self.terms.mtu, mtu)
        self._limit = min(self.terms.window, window, window_for(self.terms.bitrate, self._mtu))
        self._reader.long_crc = long_crc
        self.up = True
        self._tries = 0
        self._naking = self._pinging = False
        self._note(packet, now)
        self.window.go_back()
        self._since = now

    def _time_packets(self, rto: float) -> None:
        bitrate = self.terms.bitrate
        packet = wire_size(self._mtu) * BITS / bitrate if bitrate else 0.0
        self._timer = RetransmitTimer(rto, packet)
        self._naks, self._answers = Backoff(packet), Backoff(packet)

    def _drop(self, now: float) -> None:
        """Be no longer connected; the session may go on."""
        self.up = False
        self._timed = None
        self._acking = self._naking = self._pinging = False
        self.above.disconnected()

    def _end(self, error: SigError, now: float) -> None:
        """Be no longer connected, and begin anew."""
        self.up = False
        doubtful = self.window.kinds.count(DATA) + bool(self._splitter)  # messages that are not acknowledged as a whole
        self._reset(now)
        self._reader.long_crc = False
        self.above.ended(error, doubtful)

    # -- what the two ends do differently

    @property
    @abstractmethod
    def _calling(self) -> bool:
        """Whether SYN, SYNACK or HELLO is to be sent now."""

    @abstractmethod
    def _greeting(self, now: float) -> bytes:
        """Return the SYN, SYNACK or HELLO that is to be sent now; b"": none."""

    @abstractmethod
    def _greeted(self, packet: Packet, now: float) -> None:
        """Take SYN, SYNACK or HELLO."""

    @abstractmethod
    def _stranger(self, packet: Packet, now: float) -> None:
        """Take another packet while not connected."""

    @abstractmethod
    def _finished(self, now: float) -> None:
        """The peer ended the session in order."""

    @abstractmethod
    def _tick_apart(self, now: float) -> float:
        """`tick` while not connected."""

    def _tick_up(self, now: float) -> float:
        """`tick` of this end while connected."""
        return NEVER
