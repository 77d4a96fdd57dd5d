"""A host made by hand: it says what a check wants to say, and knows what a board may answer."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from sig_core.line.handshake import LineHello, Syn, SynAck, read_hello, read_synack
from sig_core.line.packets import (
    ACK,
    DAMAGED,
    DATA,
    FIN,
    HELLO,
    MAX_PAYLOAD,
    NAK,
    PART,
    PING,
    SYN,
    SYNACK,
    TEXT,
    Packet,
    seal,
)
from sig_core.line.timing import first_rto
from sig_core.protocol.board import BoardAnswer, asked, registered
from sig_core.testing.board_heard import Heard
from sig_core.testing.board_wire import KINDS, BoardWire
from sig_core.testing.checks import Suite
from sig_core.testing.ends import End
from sig_core.testing.waiting import within

__all__ = ["IN", "Host", "new_sid"]

IN = registered(0)
"""A message that every board takes, as often as it comes."""
CALL = 0.3  # seconds between two SYN
AGAIN = 0.5  # seconds, scaled, until a packet that is not acknowledged is sent again


def new_sid() -> int:
    """Return a number that no session had."""
    return random.randrange(1, 2**32)


class Host(BoardWire):
    """The host's end of a line. Of itself it only acknowledges what comes.

    Args:
        See `BoardWire`.

    Attributes:
        acks: acknowledge what comes.
        credit: in all packets that are sent.
        sid: of the session.
        terms: what the board said in SYNACK.
        seq: of the next packet of this side.
        expected: seq of the next one of the board.
        heard: what the board said in this session.
        numbered: the packets of the board's messages, in order of arrival, doubled ones too.
    """

    def __init__(self, end: End, suite: Suite) -> None:
        super().__init__(end, suite)
        self.acks = True
        self.credit = 15
        self.sid = 0
        self.terms: SynAck | None = None
        self._in_session = False
        self._forget()

    def _forget(self) -> None:
        self.seq = self.expected = 0
        self.heard = Heard()
        self.numbered: list[Packet] = []
        self._parts = b""

    # -- what comes, and what goes

    def sealed(self, kind: int, payload: bytes = b"", seq: int = 0) -> bytes:
        """Return a packet that acknowledges what came."""
        long_crc = self._reader.long_crc
        return seal(kind, self.credit, seq, self.expected, payload, long_crc=long_crc)

    def say(self, kind: int, payload: bytes = b"", seq: int = 0, ack: int | None = None) -> None:
        """Send a packet; `ack`: another one than is true."""
        number = self.expected if ack is None else ack
        self.write(seal(kind, self.credit, seq, number % 256, payload, long_crc=self._reader.long_crc))

    def take(self, packet: Packet) -> None:
        """Do with a packet what a host does."""
        if packet.kind in (DATA, PART):
            self._take_numbered(packet)
        elif packet.kind == PING and self.acks:
            self.say(ACK)
        elif packet.kind == HELLO and self._in_session:
            self.fail("says HELLO in the middle of a session: it was reset, or takes itself for not connected")

    def _take_numbered(self, packet: Packet) -> None:
        self.numbered.append(packet)
        ahead = (packet.seq - self.expected) % 256
        if not self.acks:
            return
        if ahead == 0:
            self.expected = (self.expected + 1) % 256
            self._parts += packet.payload
            if packet.kind == DATA:
                message, self._parts = self._parts, b""
                self.heard.take(message)
        self.say(NAK if 0 < ahead < 128 else ACK)

    # -- sessions

    def syn(self, **changes: object) -> Syn:
        """Return a SYN of this session: it is patient, and takes much."""
        rto = first_rto(self.end.traits.bitrate)
        base = Syn(
            sid=self.sid, mtu=MAX_PAYLOAD, window=8, keepalive=25.5, rto=rto, message=4096, long_crc=True, resume=False
        )
        return replace(base, **changes)  # type: ignore[arg-type]

    def call(self, syn: Syn, seconds: float | None = None) -> Packet:
        """Say SYN until SYNACK of that session comes."""
        patience = self._suite.timeout if seconds is None else seconds
        until = time.monotonic() + within(patience)
        while True:
            left = until - time.monotonic()
            self.say(SYN, syn.pack())
            try:
                answer = self.wait("SYNACK", lambda packet: _is_synack(packet, syn.sid), min(CALL, left), take=False)
            except AssertionError:
                if time.monotonic() >= until:
                    text = f"SYN was not answered by SYNACK of that session within {within(patience):g} s"
                    raise self.failure(f"{text}; {self._came()}") from None
                continue
            self._agree(answer)
            return answer

    def _agree(self, answer: Packet) -> None:
        self.terms = read_synack(answer.payload)
        if self.terms is None:
            told = answer.payload.hex(" ")
            self.fail(f"SYNACK can't be meant: {told} (version 1, mtu 16 .. 246, window 1 .. 8, keep-alive 1 .. 255)")
        self._reader.long_crc = self.terms.long_crc
        self._in_session = True

    def begin(self, seconds: float | None = None, **changes: object) -> SynAck:
        """Begin a session; `changes`: of what SYN says."""
        self._forget()
        self.sid = new_sid()
        self.call(self.syn(**changes), seconds)
        assert self.terms is not None
        return self.terms

    def apart(self) -> None:
        """End the session in order: from now on the board has none."""
        self.say(FIN)
        self._in_session = False
        self._reader.long_crc = False

    def hello(self, what: str, seconds: float | None = None) -> LineHello:
        """Wait for HELLO."""
        packet = self.wait(what, lambda packet: packet.kind == HELLO, seconds, take=False)
        hello = read_hello(packet.payload)
        if hello is None:
            raise self.failure(f"HELLO has {len(packet.payload)} bytes of payload, 5 are needed")
        return hello

    def settle(self) -> None:
        """Take its registration, and let it in."""
        if not self.heard.complete:
            if self.numbered and not self.expected:
                self.say(NAK)  # what came was not acknowledged, and would come again by and by
            self.wait("its registration, with all items", lambda packet: self.heard.complete)
        self.heard.is_in = True
        self.deliver(IN)

    # -- messages

    def deliver(self, message: bytes, *, before: bytes = b"", once: str = "", pieces: int = 0) -> None:
        """Send a message in one packet, again if need be, until it is acknowledged.

        Args:
            message: fits one packet.
            before: bytes that go before its packet.
            once: it must be taken at the first time; why.
            pieces: bytes that are sent at once; 0: all.
        """
        data = before + self.sealed(DATA, message, self.seq)
        until = time.monotonic() + within(self._suite.timeout)
        while True:
            for at in range(0, len(data), pieces or len(data)):
                self.write(data[at : at + (pieces or len(data))])
            if self._acknowledged(within(self._suite.timeout if once else AGAIN), once):
                self.seq = (self.seq + 1) % 256
                return
            if once or time.monotonic() >= until:
                self.fail(f"{once or 'a packet with the seq that it expects'} was not taken; {self._came()}")
            data = self.sealed(DATA, message, self.seq)

    def _acknowledged(self, seconds: float, once: str) -> bool:
        until, next_seq = time.monotonic() + seconds, (self.seq + 1) % 256
        while (packet := self.packet(max(0.0, until - time.monotonic()))) is not None:
            self.take(packet)
            if packet.kind in (TEXT, DAMAGED, SYNACK, HELLO):
                continue
            if packet.ack == next_seq:
                return True
            if packet.ack != self.seq:
                self.fail(f"expects packet {packet.ack}, where {next_seq} is the next one that it can expect")
            if packet.kind == NAK and not once:
                return False
        return False

    def request(self, ident: int, method: int | str, params: bytes = b"\xf6") -> BoardAnswer:
        """Make a request, and return its answer; `params`: encoded."""
        before = len(self.heard.answers_to(ident))
        self.deliver(asked(ident, method, params))
        if len(self.heard.answers_to(ident)) == before:
            self.wait(f"the answer to request {ident}", lambda packet: len(self.heard.answers_to(ident)) > before)
        return self.heard.answers_to(ident)[-1]

    def rest(self, what: str, naks: bool = True) -> None:
        """Look whether anything has moved: the board answers PING twice, and expects the same packet as before.

        Args:
            what: was to be dropped or ignored, for the failure.
            naks: it may ask for what is missing.
        """
        for _ in range(2):
            self.say(PING)
            self.wait(f"an answer to PING, behind {what}", lambda packet: self._unmoved(packet, what, naks))

    def unmoved(self, what: str, kind: int | None = None) -> None:
        """Wait for a packet of that kind, or of any; on the way, nothing may have moved."""
        self.wait(
            f"{'an answer' if kind is None else KINDS[kind]}, behind {what}",
            lambda packet: self._unmoved(packet, what, True) and kind in (None, packet.kind),
        )

    def _unmoved(self, packet: Packet, what: str, naks: bool) -> bool:
        if packet.kind in (TEXT, DAMAGED):
            return False
        if packet.kind == SYNACK:
            self.fail(f"{what} was answered by SYNACK")
        if packet.kind == NAK and not naks:
            self.fail(f"{what} was answered by NAK")
        if packet.kind not in (HELLO, SYN) and packet.ack != self.seq:
            self.fail(f"{what} was taken: it expects packet {packet.ack} now, and {self.seq} is still to come")
        return True


def _is_synack(packet: Packet, sid: int) -> bool:
    return packet.kind == SYNACK and packet.payload[2:6] == sid.to_bytes(4, "little")
