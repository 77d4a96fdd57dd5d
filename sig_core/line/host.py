"""The host's end of a line: asks for a session, keeps it while the board is away, notices that it was reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sig_core.clock import NEVER
from sig_core.errors import LinkClosed, LinkLost, SigError
from sig_core.line.handshake import VERSION, Syn, SynAck, read_hello, read_synack
from sig_core.line.line import Line
from sig_core.line.packets import FIN, HELLO, SYN, SYNACK, Packet, seal
from sig_core.line.timing import first_rto
from sig_core.line.upper_layer import Terms, UpperLayer

__all__ = ["HostLine"]

CALL: Final = 0.3  # seconds between two SYN
LATER: Final = 3.0  # seconds of calling in vain, after which ...
SELDOM: Final = 1.0  # ... so many lie between them
OTHER_VERSION: Final = 5.0  # seconds until a board of another version is called again
GARBAGE: Final = 100  # bytes that are no packet, and none that is, after LATER: somebody should know


class HostLine(Line):
    """Calls boards. It outlives the links below it: `attach` and `detach` say when there is one.

    Args:
        new_sid: gives a random number, 1 .. 2**32-1.

    Attributes:
        sid: of the session that it has, or asks for.
        has_session: the board took it up.
        away_since: when the board was last there, if there is a session and the board is not; else None.
    """

    def __init__(self, above: UpperLayer, terms: Terms, new_sid: Callable[[], int], now: float) -> None:
        super().__init__(above, terms, now)
        self.sid = new_sid()
        self.has_session = False
        self.away_since: float | None = None
        self._new_sid = new_sid
        self._attached = False
        self._next_call = NEVER
        self._calling_since = now
        self._call_now = False
        self._called = now  # the last time
        self._other_until = -NEVER  # a board of another version is not called before
        self._fin = b""  # that is to go out before anything else
        self._garbage = 0
        self._complained = False

    # -- the link below

    def attach(self, now: float) -> None:
        """There is a link: call."""
        self._reader = type(self._reader)()
        self._attached, self._complained = True, False
        self._call(now)

    def detach(self, now: float) -> None:
        """The link is gone; the session waits for the next one."""
        self._attached = self._call_now = False
        self._next_call = NEVER
        if self.up:
            self._drop(now)

    def hang_up(self, now: float) -> None:
        """End the session in order, and call for another one."""
        if not self.has_session:
            return
        if self._attached:
            self._fin = seal(FIN, 0, 0, self.expected.seq, long_crc=self._reader.long_crc)
        self._lose(LinkClosed("this side ended the session"), now)
        self._call(now)

    def finish(self, now: float) -> None:
        """End the session in order, and call no more."""
        self.hang_up(now)
        self._attached = self._call_now = False
        self._next_call = NEVER

    def _call(self, now: float) -> None:
        """Ask for the session, now and until it is answered."""
        self._calling_since = now
        self._garbage = 0
        self._call_now = self._attached
        self._next_call = now + CALL if self._attached else NEVER

    def _greeting(self, now: float) -> bytes:
        if self._fin:
            fin, self._fin = self._fin, b""
            return fin
        if not self._call_now:
            return b""
        self._call_now, self._called = False, now
        terms = self.terms
        syn = Syn(
            sid=self.sid,
            mtu=terms.mtu,
            window=terms.window,
            keepalive=terms.keepalive,
            rto=first_rto(terms.bitrate),
            message=terms.message,
            long_crc=True,
            resume=self.has_session,
        )
        return seal(SYN, self.credit, 0, self.expected.seq, syn.pack())

    @property
    def _calling(self) -> bool:
        return self._call_now or bool(self._fin)

    # -- what comes

    def _greeted(self, packet: Packet, now: float) -> None:
        if packet.kind == SYNACK:
            synack = read_synack(packet.payload)
            if synack is None or synack.sid != self.sid or not self._attached:
                self.ignored += 1
            elif self.has_session and not self.window.may_expect(packet.ack):
                # It lost its memory, and a SYN that was on its way reached it before its HELLO reached us.
                self._lose(LinkLost("the board was reset"), now)
                self._call(now)
            elif self.up:
                self.ignored += 1
            else:
                self._connect(synack, packet, now)
        elif packet.kind == HELLO:
            self._hello(packet, now)
        else:
            self.ignored += 1
            self._complain("at the other end of the line is a server too; one of them has to connect instead")

    def _connect(self, synack: SynAck, packet: Packet, now: float) -> None:
        fresh = not self.has_session
        self.has_session, self.away_since = True, None
        self._call_now, self._next_call = False, NEVER
        self._agree(synack.mtu, synack.window, synack.long_crc, packet, now)
        if fresh:
            self._time_packets(first_rto(self.terms.bitrate))
        self.above.connected(synack, fresh, now)

    def _hello(self, packet: Packet, now: float) -> None:
        hello = read_hello(packet.payload)
        if hello is None:
            self.ignored += 1
            return
        if self.has_session and hello.sid != self.sid:
            self._lose(LinkLost("the board was reset"), now)
        elif self.up:
            self._drop(now)
        elif not self.has_session and hello.sid != self.sid:
            self.sid = self._new_sid()  # the answer to an earlier SYN may be on its way, from before a reset
        self._call(now)
        if hello.version != VERSION:
            self._complain(f"the board speaks version {hello.version} of the link, this server {VERSION}")
            if self._called >= self._other_until:
                self._other_until = now + OTHER_VERSION
            self._call_now, self._next_call = False, self._other_until

    def _stranger(self, packet: Packet, now: float) -> None:
        self.ignored += 1  # a board that is connected to a session which we do not have: SYN will tell it

    def _finished(self, now: float) -> None:
        self._lose(LinkClosed("the board ended the session"), now)
        self._call(now)

    def _damage(self, packet: Packet, now: float) -> None:
        super()._damage(packet, now)
        self._garbage += len(packet.payload)

    # -- the session

    def _drop(self, now: float) -> None:
        super()._drop(now)
        if self.has_session and self.away_since is None:
            self.away_since = now
        self._call(now)

    def _lose(self, error: SigError, now: float) -> None:
        self.has_session, self.away_since = False, None
        self.sid = self._new_sid()
        self._end(error, now)

    # -- time

    def _tick_apart(self, now: float) -> float:
        due = NEVER
        if self.away_since is not None:
            due = self.away_since + self.terms.resume
            if now >= due:
                waited = self.terms.resume
                self._lose(LinkLost(f"the board did not come back within {waited:g} s"), now)
                self._call(now)
                due = NEVER
        if self._attached and now >= self._next_call:
            self._call_now = True
            self._next_call = now + (CALL if now - self._calling_since < LATER else SELDOM)
            if self._garbage >= GARBAGE and now - self._calling_since >= LATER:
                speed = f" ({self.terms.bitrate} baud here)" if self.terms.bitrate else ""
                self._complain(f"only garbage comes, {self._garbage} bytes of it: wrong baud rate{speed}?")
        return min(due, self._next_call)

    def _tick_up(self, now: float) -> float:
        return self._ping_each(self._keepalive, now)

    def _complain(self, text: str) -> None:
        if not self._complained:
            self._complained = True
            self.above.warned(text)
