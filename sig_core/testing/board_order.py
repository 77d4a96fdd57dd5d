"""Checks of order and repetition: each packet once, whatever comes twice, damaged, too early or not at all."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator

from sig_core.line.cobs import stuff
from sig_core.line.packets import ACK, DATA, NAK, PART, PING
from sig_core.protocol.board import asked
from sig_core.testing.board_heard import Heard
from sig_core.testing.board_host import IN, Host
from sig_core.testing.board_suite import BoardSuite

__all__ = ["OrderChecks"]

SLOW = 2.5  # seconds of a retransmit time that is not what brings a packet again
QUICK = 0.1  # and of one that is
MANY = 300  # messages: more than there are numbers
WINDOWS = ((1, 15), (8, 15), (8, 1), (8, 2))  # of the host, and its credit
SMALLEST = 16  # bytes of mtu


class OrderChecks(BoardSuite):
    """Section 3 of the protocol."""

    def test_damaged(self) -> None:
        """B20: A packet whose CRC is wrong is not taken, in whatever way it is; NAK asks for it. Mend: CRC-16 with
        initial value FFFF and final XOR FFFF, the high byte first, over all bytes before it."""
        with self.session(long_crc=False) as host:
            for what, data in self._damages(host):
                host.write(data)
                host.unmoved(f"a packet {what}", NAK)
            host.deliver(IN)

    def test_doubled(self) -> None:
        """B21: A packet that came before is acknowledged again, and nothing else comes of it. Mend: `seq - expected`
        modulo 256, from 128 on it is old."""
        with self.session() as host:
            method = self._request_or_none(host.heard)
            message = IN if method is None else asked(7, method, b"\xf6")
            host.deliver(message)
            for back in (1, 1, 128):
                host.say(DATA, message, (host.seq - back) % 256)
                host.unmoved(f"a packet that came {back} before the next one, again")
            if method is not None:
                host.request(8, method)
                count = len(host.heard.answers_to(7))
                self.check(count == 1, f"a request that came in a doubled packet was answered {count} times")

    def test_ahead(self) -> None:
        """B22: A packet that is ahead of the expected one is dropped, and NAK asks for what is missing. Mend: take `seq
        == expected` alone, and keep nothing else."""
        with self.session() as host:
            for ahead in (1, 127):
                host.say(DATA, IN, (host.seq + ahead) % 256)
                if ahead == 1:
                    host.unmoved("a packet that is 1 ahead of the expected one", NAK)
            host.rest("a packet that is 127 ahead of the expected one")
            host.deliver(IN)
            host.deliver(IN)

    def test_nak(self) -> None:
        """B23: NAK is answered at once: all again from `ack` on; or ACK, if nothing is open. Mend: go back to the first
        packet that is not acknowledged, and do not wait for the clock."""
        with self.calls(rto=SLOW) as host:
            self.first(host, "the first packet of its registration")
            host.say(NAK)
            self.first(host, "its first packet again, as the answer to NAK and long before its time", SLOW * 0.8)
            host.acks = True
            host.settle()
            host.say(NAK)
            host.wait("an answer to NAK, with nothing open", lambda packet: packet.kind in (ACK, DATA), SLOW * 0.8)

    def test_repeats(self) -> None:
        """B24: A packet that is not acknowledged within the retransmit time of SYN comes again, and again, unchanged.
        Mend: keep each packet until it is acknowledged, and start the clock when it has been sent."""
        with self.calls(rto=QUICK) as host:
            first = self.first(host, "the first packet of its registration")
            for _ in range(3):
                again = self.first(host, f"its first packet again, not acknowledged for {QUICK:g} s and more")
                same = (again.kind, again.payload) == (first.kind, first.payload)
                self.check(same, "sends another payload under the same seq")
            host.acks = True
            host.settle()

    def test_window_and_credit(self) -> None:
        """B25: No more packets are open than its own window, that of SYN, and the credit of the last packet. Mend: ask
        for the smallest of the three before each packet, also when it goes back."""
        with self.session() as host:
            if len(host.heard.messages) < 2:
                self.skip("its registration is one message: it never has two packets open")
            for window, credit in WINDOWS:
                host.credit, host.acks = credit, False
                terms = host.begin(window=window, rto=QUICK)
                self.first(host, "the first packet of its registration")
                self.first(host, "its first packet again")
                most = min(window, terms.window, credit)
                seqs = sorted({packet.seq for packet in host.numbered})
                detail = f"window {window} and credit {credit} of the host, its own window is {terms.window}"
                self.check(seqs[-1] < most, f"has {seqs[-1] + 1} packets open; {detail}")

    def test_no_credit(self) -> None:
        """B26: With credit 0 it sends no message but PING, and goes on when there is credit. Mend: ask with PING every
        retransmit time, while something waits and credit is 0."""
        with self.calls(credit=0, rto=QUICK) as host:
            host.wait("PING of a board that has something to send and no credit", lambda packet: packet.kind == PING)
            self.check(not host.numbered, f"sent {len(host.numbered)} packets with a message, and had no credit")
            host.credit, host.acks = 15, True
            host.say(ACK)
            host.settle()

    def test_impossible_acks(self) -> None:
        """B27: An `ack` for what was never sent, or from long before, is ignored. Mend: it counts if it lies between
        the first open packet and the last one that was ever sent, modulo 256."""
        with self.calls(rto=SLOW) as host:
            first = self.first(host, "the first packet of its registration")
            for ack in (100, 200, 255):
                host.say(ACK, ack=ack)
                host.say(NAK, ack=0)
                what = f"its first packet again, after an ack of {ack}, which it never sent, and NAK"
                again = self.first(host, what, SLOW * 0.8)
                self.check(again.payload == first.payload, f"{what}: it has another payload, so that ack counted")
            host.acks = True
            host.settle()
            host.say(ACK, ack=host.expected - 1)
            host.rest("an ack from before")

    def test_numbers_wrap(self) -> None:
        """B28: After packet 255 comes packet 0, in both directions. Mend: numbers of 8 bits, and differences of 8 bits:
        cast what C makes an int."""
        with self.served() as host:
            method = self._request_or_none(host.heard)
            if method is None:
                host.deliver(*[IN] * MANY)
                return
            idents = [number % 256 for number in range(MANY)]
            for at in range(0, MANY, 50):
                host.ask((ident, method, b"\xf6") for ident in idents[at : at + 50])
            got = sorted(answer.id for answer in host.heard.answers)
            self.check(got == sorted(idents), f"{MANY} requests were answered {len(got)} times, not each once")

    def test_mtu(self) -> None:
        """B29: No packet has more payload than the `mtu` of SYN, and PART comes only where its `message` is not 0.
        Mend: take the smaller mtu of the two, and refuse what does not fit where it is sent."""
        for message in (4096, 0):
            with self.calls(mtu=SMALLEST, message=message) as host:
                host.acks = True
                seen = -1
                while not host.heard.complete and seen < len(host.numbered):
                    seen = len(host.numbered)
                    host.rest("nothing")
                longest = max((len(packet.payload) for packet in host.numbered), default=0)
                self.check(longest <= SMALLEST, f"sent {longest} bytes of payload, the mtu of SYN is {SMALLEST}")
                parts = not message and any(packet.kind == PART for packet in host.numbered)
                self.check(not parts, "sent a message in parts to a host that takes none")

    def test_burst(self) -> None:
        """B30: As many packets at once as its credit allows, and more messages behind them, are each taken once. Mend:
        tell the credit that the receive buffer has; what is lost nevertheless is asked for with NAK."""
        with self.served() as host:
            method = self.no_method(host.heard)
            host.ask((ident, method, b"\xf6") for ident in range(40))
            got = sorted(answer.id for answer in host.heard.answers)
            self.check(got == list(range(40)), f"40 requests at once were answered {len(got)} times, not each once")

    # -- what several of them do

    def _request_or_none(self, heard: Heard) -> int | None:
        """Return the number of a method that it does not have; None: it answers no requests."""
        return self.no_method(heard) if heard.methods else None

    def _damages(self, host: Host) -> Iterator[tuple[str, bytes]]:
        """Return packets that are damaged, each in one way, and say it."""
        body = bytes((DATA << 4 | 15, host.seq, host.expected)) + IN
        crc = crc_hqx(body, 0xFFFF)
        good = body + (crc ^ 0xFFFF).to_bytes(2, "big")
        bad = {
            "with a bit changed in its payload": good[:3] + bytes((good[3] ^ 1,)) + good[4:],
            "with a bit changed in its CRC": good[:-1] + bytes((good[-1] ^ 1,)),
            "with its CRC's low byte first": good[:-2] + good[:-3:-1],
            "with a CRC without the final XOR": body + crc.to_bytes(2, "big"),
            "of which a byte is missing": good[:3] + good[4:],
            "with a byte 00 too many at its end": good + b"\0",
            "without a CRC": body,
        }
        return ((what, b"\0" + stuff(packet) + b"\0") for what, packet in bad.items())
