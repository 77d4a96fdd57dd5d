"""Boards whose sessions are broken, each in one way that an author of firmware might."""

from __future__ import annotations

from tests.support.strict_board import HELLO, PING, SYN, crc16
from tests.testing.board_mutants import caught_by
from tests.testing.reference_board import ReferenceBoard


@caught_by("test_hello", "HELLO, a second after the session was ended by FIN: it did not come")
class SaysHelloOnce(ReferenceBoard):
    def tick(self, now: float) -> float:
        return super().tick(now) if self.connected or self._hello_at == now else now + 1.0


@caught_by("test_hello", "HELLO says version 2; it is 1")
class OfAnotherVersion(ReferenceBoard):
    def _seal(self, kind: int, seq: int, payload: bytes, now: float) -> bytes:
        return super()._seal(kind, seq, b"\2" + payload[1:] if kind == HELLO else payload, now)


@caught_by("test_hello_is_the_answer", "HELLO as the answer to a packet that came while it was not connected")
class IsSilentWhenNotConnected(ReferenceBoard):
    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        if self.connected or kind == SYN:
            super()._packet(kind, credit, seq, ack, payload, now)


@caught_by("test_synack", r"keep-alive is 1 s in SYNACK, and was 7\.7 s in SYN")
class HasItsOwnKeepalive(ReferenceBoard):
    def _seal(self, kind: int, seq: int, payload: bytes, now: float) -> bytes:
        own = payload[:8] + b"\x0a" + payload[9:] if len(payload) == 12 else payload
        return super()._seal(kind, seq, own, now)


@caught_by("test_synack", "dialect is 1; that of boards is 0")
class SpeaksAnotherDialect(ReferenceBoard):
    def __init__(self) -> None:
        super().__init__(dialect=1)


@caught_by("test_crc_that_was_not_offered", "chose CRC-32, but SYN did not offer it")
class InsistsOnCrc32(ReferenceBoard):
    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        super()._syn(credit, ack, payload[:1] + bytes((payload[1] | 2,)) + payload[2:], now)


@caught_by("test_crc_that_was_agreed_on", "a packet with CRC-16, in a session with CRC-32 was taken")
class TakesBothCrcs(ReferenceBoard):
    def _whole(self, packet: bytes) -> bool:
        return super()._whole(packet) or crc16(packet[:-2]) == int.from_bytes(packet[-2:], "big")


@caught_by("test_syn_again", "SYNACK expects packet 0, not 1")
class BeginsAnewWithEachSyn(ReferenceBoard):
    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        self.sid = 0
        self.lives.clear()
        super()._syn(credit, ack, payload, now)


@caught_by("test_new_session", "the first packet of a new session is number [1-9]")
class GoesOnCounting(ReferenceBoard):
    def _forget(self) -> None:
        before = getattr(self, "_first", 0), getattr(self, "_expected", 0)
        super()._forget()
        self._first, self._expected = before


@caught_by("test_new_session", "the first packet of a new session: it did not come")
class RegistersOnce(ReferenceBoard):
    def register(self) -> None:
        if len(self.lives) < 2:
            super().register()


@caught_by("test_resume_of_another_session", "is answered by SYNACK; it is answered by HELLO")
class ResumesAnything(ReferenceBoard):
    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        super()._syn(credit, ack, payload[:1] + bytes((payload[1] & ~1,)) + payload[2:], now)


@caught_by("test_other_version", "SYN of version 2 is answered by SYNACK")
class TakesAnyVersion(ReferenceBoard):
    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        super()._syn(credit, ack, b"\1" + payload[1:], now)


@caught_by("test_sizes_of_syn", "SYNACK as the answer to SYN of 15 bytes: it did not come")
class WantsExactlyTwelveBytes(ReferenceBoard):
    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        if len(payload) == 12:
            super()._syn(credit, ack, payload, now)


@caught_by("test_fin", "for a session that FIN ended is answered by SYNACK")
class KeepsWhatFinEnded(ReferenceBoard):
    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        sid = self.sid
        super()._packet(kind, credit, seq, ack, payload, now)
        self.sid = self.sid or sid


@caught_by("test_host_away", "three keep-alives of 0.1 s in silence: it did not come")
class NeverMissesTheHost(ReferenceBoard):
    def tick(self, now: float) -> float:
        self._heard = now
        return super().tick(now)


@caught_by("test_host_away", "HELLO names session 0, and it has")
class ForgetsWhenTheHostIsAway(ReferenceBoard):
    def _away(self, now: float) -> None:
        super()._away(now)
        self.sid = 0


@caught_by("test_keepalive", "says HELLO while it is sent PING all the time")
class TakesPingForNothing(ReferenceBoard):
    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        heard = self._heard
        super()._packet(kind, credit, seq, ack, payload, now)
        if kind == PING:
            self._heard = heard


@caught_by("test_keepalive", "takes garbage for a sign of life")
class TakesGarbageForLife(ReferenceBoard):
    def receive(self, data: bytes, now: float) -> None:
        self._heard = now
        super().receive(data, now)


@caught_by("test_first_byte", "its first bytes are b'boot")
class PrintsOnItsConnection(ReferenceBoard):
    def reopened(self, now: float) -> None:
        super().reopened(now)
        self._boots = True

    def take(self, room: int, now: float) -> bytes:
        data = super().take(room, now)
        boots, self._boots = self._boots and bool(data), False
        return b"boot\r\n" + data if boots else data


@caught_by("test_first_byte", "HELLO on its second connection names session 0, it has")
class ForgetsWithTheConnection(ReferenceBoard):
    def reopened(self, now: float) -> None:
        super().reopened(now)
        self.sid = 0


@caught_by("test_reset", "HELLO after a reset names session [1-9][0-9]*; it has none")
class RemembersBeyondReset(ReferenceBoard):
    sid = 0

    def reset(self, now: float, *, say_hello: bool = True) -> None:
        sid = self.sid
        super().reset(now, say_hello=say_hello)
        self.sid = sid
