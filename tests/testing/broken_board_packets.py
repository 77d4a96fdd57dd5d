"""Boards whose order or framing is broken, each in one way that an author of firmware might."""

from __future__ import annotations

from tests.support.strict_board import NAK, PART, PING, crc16
from tests.testing.board_mutants import Fragile, caught_by
from tests.testing.reference_board import KNOWN, ReferenceBoard


@caught_by("test_damaged", "with a bit changed in its payload was taken: it expects packet")
class TakesAnyCrc(ReferenceBoard):
    def _whole(self, packet: bytes) -> bool:
        return True


@caught_by("test_damaged", "with a CRC without the final XOR was taken")
class TakesCrcsWithoutXor(ReferenceBoard):
    def _whole(self, packet: bytes) -> bool:
        return super()._whole(packet) or crc16(packet[:-2]) ^ 0xFFFF == int.from_bytes(packet[-2:], "big")


@caught_by("test_damaged", "NAK, behind a packet with a bit changed in its payload: it did not come")
class AsksForNothing(ReferenceBoard):
    def _candidate(self, chunk: bytes, now: float) -> None:
        super()._candidate(chunk, now)
        self._nak = False


@caught_by("test_doubled", "a request that came in a doubled packet was answered [2-9] times")
class ActsTwice(ReferenceBoard):
    def _data(self, kind: int, seq: int, payload: bytes, now: float) -> None:
        if (seq - self._expected) % 256 >= 128:
            self.got.append(payload)
        super()._data(kind, seq, payload, now)


@caught_by("test_ahead", "a packet that is 1 ahead of the expected one was taken")
class TakesWhatIsAhead(ReferenceBoard):
    def _data(self, kind: int, seq: int, payload: bytes, now: float) -> None:
        if (seq - self._expected) % 256 < 128:
            self._expected = seq
        super()._data(kind, seq, payload, now)


@caught_by("test_nak", "its first packet again, as the answer to NAK")
class WaitsForItsClock(ReferenceBoard):
    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        super()._packet(PING if kind == NAK else kind, credit, seq, ack, payload, now)


@caught_by("test_repeats", "its first packet again, not acknowledged for 0.1 s")
class SaysItOnce(ReferenceBoard):
    def tick(self, now: float) -> float:
        self._sent_at = now
        return super().tick(now)


@caught_by("test_window_and_credit", "packets open; window 1 and credit 15 of the host")
class IgnoresTheWindow(ReferenceBoard):
    @property
    def _room(self) -> int:
        return min(self.window, self._host_credit)


@caught_by("test_window_and_credit", "packets open; window 8 and credit 1 of the host")
class IgnoresCredit(ReferenceBoard):
    @property
    def _room(self) -> int:
        return min(self.window, self._host_window)


@caught_by("test_no_credit", "PING of a board that has something to send and no credit: it did not come")
class NeverAsksForCredit(ReferenceBoard):
    def tick(self, now: float) -> float:
        due = super().tick(now)
        self._ping = False
        return max(due, now + 0.01)


@caught_by("test_impossible_acks", "after an ack of 100, which it never sent")
class TakesAnyAck(ReferenceBoard):
    def _note(self, credit: int, ack: int, now: float) -> None:
        self._host_credit = credit
        closed = (ack - self._first) % 256
        del self._open[:closed]
        self._first = ack
        self._next, self._ever = max(0, self._next - closed), max(0, self._ever - closed)


@caught_by("test_numbers_wrap", "the answers to all requests: it did not come true")
class CountsTo255(ReferenceBoard):
    def _data(self, kind: int, seq: int, payload: bytes, now: float) -> None:
        super()._data(kind, seq, payload, now)
        self._expected %= 255


@caught_by("test_mtu", "sent [0-9]+ bytes of payload, the mtu of SYN is 16")
class IgnoresTheMtu(ReferenceBoard):
    name = "a board with a long name"

    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        super()._syn(credit, ack, payload, now)
        self._host_mtu = 246


@caught_by("test_mtu", "sent a message in parts to a host that takes none")
class SendsPartsToAll(ReferenceBoard):
    name = "a board with a long name"


@caught_by("test_text_between_packets", "a packet behind the text b'ready.*was not taken")
class LosesThePacketBehindText(ReferenceBoard):
    lost = False

    def _candidate(self, chunk: bytes, now: float) -> None:
        lost, self.lost = self.lost, chunk.isascii() and chunk[:1] >= b" "
        if not lost:
            super()._candidate(chunk, now)


@caught_by("test_zeros", "a row of zeros was answered by NAK")
class AsksForNothingAtAll(ReferenceBoard):
    def receive(self, data: bytes, now: float) -> None:
        super().receive(data, now)
        if bytes(4) in data and self.connected:  # neighbours have two between them
            self._nak = True


@caught_by("test_endless", "says HELLO in the middle of a session|a packet behind 2000 bytes")
class OverrunsItsBuffer(Fragile):
    size = 0

    def receive(self, data: bytes, now: float) -> None:
        self.size = 0 if b"\0" in data[:1] else self.size + len(data.split(b"\0")[0])
        super().receive(data, now)
        if self.size > 1000:
            self.crash(now)
            self.size = 0


@caught_by("test_stumps", "says HELLO in the middle of a session|a packet behind the stump")
class ReadsBeyondTheEnd(Fragile):
    def _candidate(self, chunk: bytes, now: float) -> None:
        super()._candidate(chunk, now)
        if len(chunk) < 5:
            self.crash(now)


@caught_by("test_unknown_kinds", "a packet of kind 10 with 0 bytes was answered by NAK")
class AsksForUnknownKinds(ReferenceBoard):
    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        super()._packet(kind, credit, seq, ack, payload, now)
        if kind not in KNOWN and kind > PART:
            self._nak = True


@caught_by("test_pieces", "a packet that came byte by byte was not taken")
class ReadsWholePacketsOnly(ReferenceBoard):
    def receive(self, data: bytes, now: float) -> None:
        self._in.clear()
        super().receive(data, now)


@caught_by("test_parts_of_another_session", "joined a part of the session before")
class KeepsParts(ReferenceBoard):
    def _forget(self) -> None:
        parts = getattr(self, "_parts", b"")
        super()._forget()
        self._parts = parts


@caught_by("test_longest_packet", "the answers to all requests: it did not come true")
class SaysMoreThanItTakes(ReferenceBoard):
    def _candidate(self, chunk: bytes, now: float) -> None:
        if len(chunk) < self.mtu:
            super()._candidate(chunk, now)
