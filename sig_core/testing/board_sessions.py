"""Checks of how a board greets, and of what begins, keeps and ends a session."""

from __future__ import annotations

import time

from sig_core.line.handshake import BOARD, VERSION
from sig_core.line.packets import ACK, DATA, HELLO, PART, PING, SYN, SYNACK, Packet, seal
from sig_core.testing.board_host import IN, Host, new_sid
from sig_core.testing.board_suite import BoardSuite
from sig_core.testing.waiting import within

__all__ = ["SessionChecks"]

SOON = 0.2  # seconds of a keep-alive for which somebody waits
ROUNDS = 3  # tries to be in time: a busy machine is not always
EACH = 2.0  # seconds within which HELLO comes again
SYNACK_SIZE = 12  # bytes


class SessionChecks(BoardSuite):
    """Section 2 of the protocol."""

    def test_hello(self) -> None:
        """B01: A board that is not connected says HELLO every second, of itself, with version 1. Mend: send it from the
        main loop, by the clock; not once in setup."""
        with self.calls() as host:
            host.apart()
            told = host.hello("HELLO, a second after the session was ended by FIN", within(EACH))
            self.check(told.version == VERSION, f"HELLO says version {told.version}; it is {VERSION}")

    def test_hello_is_the_answer(self) -> None:
        """B02: While it is not connected, HELLO answers every packet but SYN, and nothing else comes of the packet.
        Mend: ask whether it is connected before the kinds are told apart."""
        with self.calls() as host:
            host.apart()
            host.hello("HELLO, after FIN", within(EACH))
            for kind, payload in ((PING, b""), (ACK, b""), (DATA, IN)):
                host.say(kind, payload)
                host.hello("HELLO as the answer to a packet that came while it was not connected", 0.8)

    def test_synack(self) -> None:
        """B03: SYNACK has version 1, the sid and keep-alive of SYN, mtu 16 .. 246, window 1 .. 8, dialect 0, ack and
        seq 0. Mend: copy the 12 bytes of SYN, then write mtu, window, dialect and message over them."""
        with self.calls(keepalive=7.7, mtu=200, window=7) as host:
            terms = host.terms
            assert terms is not None
            answer = host.call(host.syn(keepalive=7.7))
            self.check(len(answer.payload) >= SYNACK_SIZE, f"SYNACK has {len(answer.payload)} bytes, not {SYNACK_SIZE}")
            self.check(terms.dialect == BOARD, f"dialect is {terms.dialect}; that of boards is {BOARD}")
            kept = terms.keepalive == 7.7
            self.check(kept, f"keep-alive is {terms.keepalive:g} s in SYNACK, and was 7.7 s in SYN: it is repeated")
            self.check(answer.payload[1] & ~2 == 0, f"flags are {answer.payload[1]}; only 2 (CRC-32) has a meaning")
            numbers = (answer.ack, answer.seq)
            self.check(numbers == (0, 0), f"ack and seq of the first SYNACK are {numbers}, numbers begin at 0")
            small = terms.message and terms.message < terms.mtu
            self.check(not small, f"takes messages of {terms.message} bytes in parts, and packets of {terms.mtu} bytes")

    def test_crc_that_was_not_offered(self) -> None:
        """B04: A host that does not know CRC-32 is spoken to with CRC-16. Mend: set flag 2 in SYNACK only where SYN has
        it."""
        with self.calls(long_crc=False) as host:
            long_crc = host.terms is not None and host.terms.long_crc
            self.check(not long_crc, "chose CRC-32, but SYN did not offer it")
            host.acks = True
            host.settle()

    def test_crc_that_was_agreed_on(self) -> None:
        """B05: Where SYNACK says CRC-32, every packet but SYN, SYNACK and HELLO has it, in both directions. Mend: one
        flag of the session that the sealing and the opening of packets both ask."""
        with self.session() as host:
            if host.terms is None or not host.terms.long_crc:
                self.skip("it keeps to CRC-16")
            host.write(seal(DATA, 15, host.seq, host.expected, IN))
            host.rest("a packet with CRC-16, in a session with CRC-32")

    def test_syn_again(self) -> None:
        """B06: The same SYN again (its answer was lost) is answered again and forgets nothing: numbers go on, what is
        not acknowledged comes again. Mend: compare the sid before anything is reset."""
        with self.calls() as host:
            first = self.first(host, "the first packet of its registration")
            host.deliver(IN)
            answer = host.call(host.syn())
            self.check(answer.ack == 1, f"a packet was acknowledged, and SYNACK expects packet {answer.ack}, not 1")
            again = self.first(host, "the first packet of its registration, not acknowledged before SYN came again")
            self.check(again.payload == first.payload, "packet 0 has another payload after SYN came again")
            host.acks = True
            host.settle()

    def test_new_session(self) -> None:
        """B07: SYN with another sid, as of a host that was started anew, begins a new session: numbers from 0, and the
        same registration, whole. Mend: reset everything but the application in one function, and call it here."""
        with self.session() as host:
            before = list(host.heard.messages)
            host.deliver(IN)
            host.acks = False
            host.begin()
            seq = host.wait("the first packet of a new session", lambda packet: packet.kind in (DATA, PART)).seq
            self.check(seq == 0, f"the first packet of a new session is number {seq}, not 0")
            host.acks = True
            host.settle()
            registered = self._registration(before)
            same = self._registration(host.heard.messages) == registered
            self.check(same, "registers otherwise in the second session")

    def test_resume_of_another_session(self) -> None:
        """B08: SYN with RESUME for a session that it does not have is answered by HELLO with the sid that it has, and
        disturbs nothing. Mend: RESUME never begins a session."""
        with self.session() as host:
            host.say(SYN, host.syn(sid=new_sid(), resume=True).pack())
            self._names_session(host, "SYN with RESUME and a sid that it never had", host.sid)
            self._goes_on(host)

    def test_other_version(self) -> None:
        """B09: SYN of another version is answered by HELLO with version 1. Mend: look at the version first, and read
        nothing else of such a SYN."""
        with self.session() as host:
            host.say(SYN, host.syn(sid=new_sid(), version=2).pack())
            self._names_session(host, "SYN of version 2", host.sid)
            self._goes_on(host)

    def test_sizes_of_syn(self) -> None:
        """B10: SYN of less than 12 bytes is ignored; more bytes than 12 are of a later version, and are left out. Mend:
        `size < 12`, not `size != 12`."""
        with self.session() as host:
            host.say(SYN, host.syn(sid=new_sid()).pack()[:-1])
            host.rest("SYN of 11 bytes")
            sid = new_sid()
            host.say(SYN, host.syn(sid=sid).pack() + b"\1\2\3")
            self._answered(host, sid, "SYN of 15 bytes")

    def test_fin(self) -> None:
        """B11: FIN ends the session: its sid is forgotten, and can't be resumed. Mend: do what a reset does."""
        with self.session() as host:
            sid = host.sid
            host.apart()
            host.say(SYN, host.syn(sid=sid, resume=True).pack())
            self._names_session(host, "SYN with RESUME for a session that FIN ended", 0)

    def test_host_away(self) -> None:
        """B12: After three keep-alives of silence it says HELLO with the sid of its session, and keeps that: SYN with
        RESUME goes on where it was, and what was not acknowledged comes again. Mend: being connected and having a
        session are two variables."""
        with self.calls(keepalive=0.1, rto=2.5) as host:
            first = self.first(host, "the first packet of its registration")
            self._names_session(host, "three keep-alives of 0.1 s in silence", host.sid)
            answer = host.call(host.syn(resume=True))
            self.check(answer.ack == 0, f"nothing was sent to it, and SYNACK expects packet {answer.ack}")
            again = self.first(host, "the packet that was not acknowledged before the host was away")
            self.check(again.payload == first.payload, "the packet has another payload after the host was away")
            host.acks = True
            host.settle()

    def test_keepalive(self) -> None:
        """B13: Each valid packet is a sign of life, PING too; garbage is none. Mend: take the time when a packet has
        passed its CRC, and nowhere else."""
        with self.session(keepalive=SOON) as host:
            for _ in range(ROUNDS):
                if self._stays(host):
                    break
                host.call(host.syn(keepalive=SOON))
            else:
                self.skip("this machine is too busy to keep the times of the check")
            until = time.monotonic() + within(self.timeout)
            while (packet := host.packet(SOON)) is None or packet.kind != HELLO:
                late = time.monotonic() >= until
                self.check(not late, f"takes garbage for a sign of life: no HELLO after {within(self.timeout):g} s")
                host.write(b"\0\x05garbage\0")

    def test_first_byte(self) -> None:
        """B14: A board that connects says HELLO at once, and its first byte is 00; when its connection is lost it
        connects again, and HELLO names the session that it has. Mend: forget what half a packet was on its way, and
        begin with HELLO."""
        with self.line() as (end, acceptor):
            if not end.traits.reliable:
                self.skip("it is on a line, which is not connected by anybody")
            head = end.receive(within(self.timeout))
            self.check(head and head[:1] == b"\0", f"its first bytes are {head!r}; the first one is 00")
            host = Host(end, self)
            host.begin(keepalive=25.0)
            sid = host.sid
            end.close()
            second = self.accept(acceptor)
            try:
                told = Host(second, self).hello("HELLO on the second connection")
            finally:
                second.drop()
            self.check(told.sid == sid, f"HELLO on its second connection names session {told.sid}, it has {sid}")

    def test_reset(self) -> None:
        """B15: A board that was reset has no session: HELLO with sid 0, and no old session is resumed. Mend: keep the
        sid in memory that a reset clears."""
        with self.session() as host:
            self.reset()
            told = host.hello("HELLO after a reset", self.comes)
            self.check(told.sid == 0, f"HELLO after a reset names session {told.sid}; it has none, so 0")
            host.say(SYN, host.syn(resume=True).pack())
            self._names_session(host, "SYN with RESUME after a reset", 0)
            host.begin(self.comes)
            host.acks = True
            host.settle()

    # -- what several of them do

    def _registration(self, messages: list[bytes]) -> list[bytes]:
        return [message for message in messages if message[1:2] == b"\0"]

    def _names_session(self, host: Host, what: str, sid: int) -> None:
        """Wait for HELLO, behind what is answered by it."""
        packet = host.wait(f"HELLO, behind {what}", _greets, within(EACH), take=False)
        self.check(packet.kind == HELLO, f"{what} is answered by SYNACK; it is answered by HELLO")
        told = int.from_bytes(packet.payload[1:5], "little")
        self.check(told == sid, f"{what}: HELLO names session {told}, and it has {sid or 'none: 0'}")

    def _answered(self, host: Host, sid: int, what: str) -> None:
        host.wait(
            f"SYNACK as the answer to {what}",
            lambda packet: packet.kind == SYNACK and packet.payload[2:6] == sid.to_bytes(4, "little"),
            take=False,
        )

    def _goes_on(self, host: Host) -> None:
        """Call the session that there is, as a host does that hears HELLO; nothing is lost of it."""
        answer = host.call(host.syn(resume=True))
        self.check(answer.ack == host.seq, f"SYNACK expects packet {answer.ack}, and {host.seq} is still to come")
        host.deliver(IN)

    def _stays(self, host: Host) -> bool:
        """Ping for four keep-alives; False: it was not done in time."""
        until, last = time.monotonic() + 4 * SOON, time.monotonic()
        while time.monotonic() < until:
            host.say(PING)
            packet = host.packet(SOON / 3)
            now = time.monotonic()
            if now - last > SOON:
                return False
            last = now
            hello = packet is not None and packet.kind == HELLO
            self.check(not hello, f"says HELLO while it is sent PING all the time, the keep-alive is {SOON:g} s")
        return True


def _greets(packet: Packet) -> bool:
    return packet.kind in (HELLO, SYNACK)
