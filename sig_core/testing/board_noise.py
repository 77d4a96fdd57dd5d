"""Checks of framing: what else is on the line, and packets that are none, cost nothing but themselves."""

from __future__ import annotations

import random

from sig_core.line.packets import ACK, DATA, FIN, HELLO, MAX_PAYLOAD, NAK, PART, PING, SYNACK
from sig_core.plugins import default_plugins
from sig_core.protocol.board import asked
from sig_core.protocol.items import array_head
from sig_core.testing.board_fair import FairHost, Harm
from sig_core.testing.board_heard import CODEC
from sig_core.testing.board_host import IN
from sig_core.testing.board_suite import BoardSuite
from sig_core.testing.board_wire import KINDS

__all__ = ["NoiseChecks"]

TEXTS = (b"ready\r\n", b"\x1b[31m21.5 \xc2\xb0C\x1b[0m", b"AT+GMM\r", b"x", b"a long line of a log, " * 20)
STUMPS = tuple(map(bytes.fromhex, ("01", "02 35", "03 35 01", "05 35 01 02 03", "FF", "FF FF FF", "09 01", "01" * 9)))
ENDLESS = 2000  # bytes without a zero
UNKNOWN = (0, SYNACK, HELLO, 10, 11, 14, 15)
RATE = 0.01  # of bytes that are harmed
ASKED = 60  # requests over a bad line
PATIENCE = 6  # times the `timeout`, for a bad line


class NoiseChecks(BoardSuite):
    """Section 1 of the protocol."""

    def test_text_between_packets(self) -> None:
        """B40: What others print on the line does not hurt the packet behind it: its first 00 ends that. Mend: both
        zeros of a packet are delimiters, and each one begins a packet anew."""
        with self.session() as host:
            for text in TEXTS:
                host.deliver(IN, before=text, once=f"a packet behind the text {text[:20]!r}")

    def test_garbage_between_packets(self) -> None:
        """B41: Any bytes may come between packets, and the next packet is taken. Mend: nothing of a damaged candidate
        is kept, and none ends the session."""
        dice = random.Random(41)
        with self.session() as host:
            for _ in range(10):
                garbage = dice.randbytes(dice.randint(1, 200)).replace(b"\0", b"\x01")
                host.deliver(IN, before=garbage, once=f"a packet behind {len(garbage)} bytes of garbage")

    def test_zeros(self) -> None:
        """B42: An empty candidate, as between the two zeros of neighbours, is nothing: no NAK. Mend: ask for the size
        before the CRC."""
        with self.session() as host:
            host.write(bytes(20))
            host.rest("a row of zeros", naks=False)
            host.deliver(IN, before=bytes(3), once="a packet behind zeros")

    def test_endless(self) -> None:
        """B43: Bytes without any zero, more than its buffer holds, are dropped; the next packet is taken. Mend: stop
        writing at the end of the buffer, and mark the candidate as damaged until its zero comes."""
        with self.session() as host:
            for byte in (b"\x01", b"\xff", b"a"):
                host.deliver(IN, before=byte * ENDLESS, once=f"a packet behind {ENDLESS} bytes {byte!r}")

    def test_stumps(self) -> None:
        """B44: Candidates of 1 to 9 bytes, and code bytes that point beyond the end, are damaged packets. Mend: 5 bytes
        are the least, and each code byte is compared with what is left."""
        with self.session() as host:
            for stump in STUMPS:
                host.deliver(IN, before=b"\0" + stump, once=f"a packet behind the stump {stump.hex(' ')}")

    def test_long_packets(self) -> None:
        """B45: A packet with more payload than its `mtu`, whole as it may be, overwrites nothing: it goes on, or asks
        again. Mend: compare with the size of the buffer before each byte is stored."""
        with self.session() as host:
            assert host.terms is not None
            for size in (host.terms.mtu + 1, MAX_PAYLOAD, MAX_PAYLOAD + 3):
                if size > host.terms.mtu:
                    host.write(host.sealed(DATA, b"\x41" * size, host.seq))
                host.begin()
                host.acks = True
                host.settle()

    def test_unknown_kinds(self) -> None:
        """B46: Packets of kinds that no host sends, and ACK, NAK, PING and FIN with a payload, are ignored. Mend: a
        list of what is known, and an `else` that counts."""
        with self.session() as host:
            for kind in UNKNOWN:
                for payload in (b"", bytes(12)):
                    host.say(kind, payload)
                    host.rest(f"a packet of kind {KINDS.get(kind, kind)} with {len(payload)} bytes", naks=False)
            for kind in (ACK, NAK, PING, FIN):
                host.say(kind, b"x")
                host.rest(f"{KINDS[kind]} with a payload")
            host.deliver(IN)

    def test_pieces(self) -> None:
        """B47: A packet may come byte by byte, and several may come at once. Mend: keep the state of the reader between
        calls, and look for the next packet in what is left."""
        with self.session() as host:
            host.deliver(IN, once="a packet that came byte by byte", pieces=1)
            host.deliver(IN, once="a packet that came in pieces of 3 bytes", pieces=3)
            host.write(host.sealed(DATA, IN, host.seq) + host.sealed(DATA, IN, host.seq + 1))
            host.seq += 2
            host.wait("the acknowledgement of two packets that came at once", lambda packet: packet.ack == host.seq)

    def test_parts_of_another_session(self) -> None:
        """B48: What came of a message in parts is forgotten with its session. Mend: empty the buffer of parts where
        numbers begin at 0."""
        with self.session() as host:
            if host.terms is None or not host.terms.message:
                self.skip("it takes no messages in parts")
            begun = asked(9, self.no_method(host.heard), b"")  # which IN would make a whole request
            host.say(PART, begun, host.seq)
            host.begin()
            host.settle()
            host.rest("nothing")
            joined = host.heard.answers_to(9)
            self.check(not joined, "joined a part of the session before to a message of this one")

    def test_bad_line(self) -> None:
        """B49: Over a line that drops, changes, doubles and inserts bytes, in both directions, each request is answered
        once. Mend: what fails here first mostly breaks B20 to B24."""
        with self.served() as host:
            method = self.no_method(host.heard)
            host.harm = Harm(49, RATE)
            host.ask(((ident, method, b"\xf6") for ident in range(ASKED)), self.timeout * PATIENCE)
            host.harm = bytes
            host.deliver(IN)
            got = sorted(answer.id for answer in host.heard.answers)
            self.check(got == list(range(ASKED)), f"{ASKED} requests were answered {len(got)} times, not each once")

    def test_longest_packet(self) -> None:
        """B50: A message of exactly `mtu` bytes, of zeros or of FF, is taken. Mend: the receive buffer holds mtu, 3
        bytes of header, the CRC, and 1 byte of stuffing if it is not taken off on the way."""
        with self.served() as host:
            assert host.terms is not None
            self._fill(host, host.terms.mtu)

    def test_longest_message(self) -> None:
        """B51: A message in parts, of exactly as many bytes as `message` says, is taken; one that is longer is dropped
        as a whole, and acknowledged. Mend: count the bytes of all parts before they are kept."""
        with self.served() as host:
            assert host.terms is not None
            longest = host.terms.message
            if not longest:
                self.skip("it takes no messages in parts")
            self._fill(host, longest)
            before = len(host.heard.answers)
            method = self.no_method(host.heard)
            host.deliver(asked(9, method, filling(longest + 1 - len(asked(9, method, b"")), 0)), IN)
            more = len(host.heard.answers) - before
            self.check(more == 0, f"answered a message of {longest + 1} bytes, and says that it takes {longest}")

    # -- what several of them do

    def _fill(self, host: FairHost, size: int) -> None:
        """Have messages of that size answered: their bytes are the worst that there are for the framing."""
        method = self.no_method(host.heard)
        for ident, byte in enumerate((0, 255, 1)):
            params = filling(size - len(asked(ident, method, b"")), byte)
            host.ask([(ident, method, params)], self.timeout + host.seconds(2 * size))


def filling(size: int, byte: int) -> bytes:
    """Return an item of exactly so many bytes, 1 and more, that is mostly this byte."""
    encode = default_plugins().codecs.get(CODEC).encode
    for count in range(max(0, size - 3), size):
        item = encode(bytes((byte,)) * count)
        if len(item) == size:
            return item
    return array_head(1) + filling(size - 1, byte)
