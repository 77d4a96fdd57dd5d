"""The other end of a line, for programs: it answers as a board does, and carries the binary dialect as a stream."""

from __future__ import annotations

from typing import Final

from sig_core.clock import NEVER
from sig_core.errors import LinkClosed, LinkLost
from sig_core.line.handshake import BINARY, VERSION, LineHello, Syn, SynAck, read_syn
from sig_core.line.line import Line
from sig_core.line.packets import FIN, HELLO, SYN, SYNACK, Packet, seal
from sig_core.line.timing import first_rto
from sig_core.line.upper_layer import Terms, UpperLayer

__all__ = ["LineResponder"]

HELLO_EACH: Final = 1.0  # seconds, while not connected


class LineResponder(Line):
    """Answers a host. A session that the host gives up is over; it is never taken up a second time.

    Attributes:
        sid: of its session; 0: none.
    """

    def __init__(self, above: UpperLayer, terms: Terms, now: float) -> None:
        super().__init__(above, terms, now)
        self.sid = 0
        self._hello_now = True
        self._synack_now = False
        self._last_words = self._over = False
        self._next_hello = now + HELLO_EACH

    def finish(self) -> None:
        """End the session in order: FIN goes out, and nothing any more."""
        self._last_words, self.up, self.sid, self._over = self.up, False, 0, True
        self._hello_now = self._synack_now = False
        self._next_hello = NEVER

    @property
    def _calling(self) -> bool:
        return self._hello_now or self._synack_now or self._last_words

    def _greeting(self, now: float) -> bytes:
        if self._last_words:
            self._last_words = False
            return seal(FIN, 0, 0, self.expected.seq, long_crc=self._reader.long_crc)
        if self._synack_now:
            self._synack_now = self._hello_now = False
            synack = SynAck(
                sid=self.sid,
                mtu=self.terms.mtu,
                window=self.terms.window,
                keepalive=self._keepalive,
                dialect=BINARY,
                message=0,
                long_crc=self._reader.long_crc,
            )
            return seal(SYNACK, self.credit, 0, self.expected.seq, synack.pack())
        if self._hello_now:
            self._hello_now = False
            return seal(HELLO, self.credit, 0, self.expected.seq, LineHello(sid=self.sid).pack())
        return b""

    def _greeted(self, packet: Packet, now: float) -> None:
        if self._over:
            return
        syn = read_syn(packet.payload) if packet.kind == SYN else None
        if syn is None:
            self.ignored += 1
        elif syn.version != VERSION or (syn.sid != self.sid and syn.resume):
            self._hello_now = True
        else:
            self._answer(syn, packet, now)

    def _answer(self, syn: Syn, packet: Packet, now: float) -> None:
        fresh, again = syn.sid != self.sid, self.up
        if fresh:
            if self.sid:
                self._end(LinkLost("the host began a new session"), now)
            self._reset(now)
            self.sid = syn.sid
        self._keepalive = syn.keepalive
        self._synack_now = True
        self._agree(syn.mtu, syn.window, syn.long_crc, packet, now)
        if fresh:
            self._time_packets(max(syn.rto, first_rto(self.terms.bitrate)))
        if fresh or not again:
            self.above.connected(syn, fresh, now)

    def _stranger(self, packet: Packet, now: float) -> None:
        self._hello_now = not self._over

    def _finished(self, now: float) -> None:
        self.sid = 0
        self._end(LinkClosed("the host ended the session"), now)

    def _tick_apart(self, now: float) -> float:
        if now >= self._next_hello:
            self._hello_now = True
            self._next_hello = now + HELLO_EACH
        return self._next_hello
