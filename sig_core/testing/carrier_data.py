"""Checks of what passes: whole, unaltered, in order, and no longer waited for than was asked."""

from __future__ import annotations

from concurrent.futures import wait
from functools import partial

from sig_core.testing.carrier_suite import HELLO, CarrierSuite
from sig_core.testing.ends import End
from sig_core.testing.waiting import begin, result, within

__all__ = ["DataChecks"]

BIG = 1 << 20  # bytes
PACKETS = 2000  # at most; a small mtu makes many of a mebibyte
FLOOD = 1 << 22  # bytes; more than a system or a queue keeps without a reader


def first_difference(sent: bytes, got: bytes) -> str:
    """Return how what arrived differs from what was sent."""
    if len(got) < len(sent) and sent.startswith(got):
        return f"{len(got)} of {len(sent)} bytes arrived"
    if got.startswith(sent):
        return f"{len(got)} bytes arrived, {len(sent)} were sent"
    at = next(place for place, (left, right) in enumerate(zip(sent, got, strict=False)) if left != right)
    return f"byte {at} of {len(sent)} was {sent[at : at + 4]!r}, and {got[at : at + 4]!r} arrived"


class DataChecks(CarrierSuite):
    """Data of a link."""

    def test_both_directions(self) -> None:
        """C10: What one end sends the other receives, both ways.
        Mend: write all of `data`, read from the same handle.
        """
        with self.pair() as (client, server):
            for name, sender, receiver in (("server", client, server), ("client", server, client)):
                got = self.carry(sender, receiver, b"ping")
                self.check(got == b"ping", f"4 bytes were sent to the {name}: {first_difference(b'ping', got)}")

    def test_every_byte_value(self) -> None:
        """C11: Every byte value arrives as it is. Mend: open the medium in binary ("raw") mode, with 8 bits."""
        with self.pair() as (client, server):
            for start in range(0, 256, 8):
                data = bytes(range(start, start + 8))
                got = self.carry(client, server, data)
                self.check(got == data, f"byte values {start} to {start + 7}: {first_difference(data, got)}")

    def test_zeros_and_line_ends(self) -> None:
        """C12: Zeros, line ends and the marks of terminals are data. Mend: no text mode, no strip, no C strings."""
        with self.pair() as (client, server):
            for data in (b"\0\0end\0\0", b"a\nb\r\nc\r", b"\x03\x04\x11\x13", b"  end \n"):
                got = self.carry(client, server, data)
                self.check(got == data, f"{data!r} was sent: {first_difference(data, got)}")

    def test_receive_waits_as_long_as_asked(self) -> None:
        """C13: With nothing there, receive gives None (or TimeoutError) when `timeout` seconds are over: not sooner,
        not much later. Mend: the unit is seconds, and 0 only looks; wait with select or poll, or set the timeout each
        time.
        """
        with self.pair() as (client, server):
            for timeout in (0.0, 0.1):
                self.check_wait(f"receive({timeout:g})", timeout, partial(server.receive, timeout))
            got = self.carry(client, server, b"x")
            self.check(got == b"x", "after a receive in which nothing came the link carries nothing more")

    def test_packets_keep_their_bounds(self) -> None:
        """C14: Where `packets` is true, one send is one receive; a medium that may lose packets may change their order.
        Mend: declare packets=False for a byte stream.
        """
        with self.pair() as (client, server):
            if not client.traits.packets:
                self.skip("its links are streams")
            sent = [b"a", b"bc", b"def", b"\0", b"ghijklmn"]
            came: set[bytes] = set()
            for _ in range(1 if client.traits.reliable else 5):
                for packet in sent:
                    client.send(packet)
                got = server.packets(len(sent), self.timeout if client.traits.reliable else self.timeout / 10)
                kept = got == sent if client.traits.reliable else {*got} <= {*sent, HELLO}
                self.check(kept, f"the packets {sent} were sent, and {got} came: packets=True says one for one")
                came |= {*got}
                if came >= {*sent}:
                    return
            self.check(came, f"the packets {sent} were sent five times, and none came")

    def test_packets_of_mtu_bytes(self) -> None:
        """C15: A packet of exactly `mtu` bytes passes whole; without a mtu one of 1 MiB does. Mend: declare the mtu
        that the medium has, less what the carrier adds, and give receive a buffer of at least that.
        """
        with self.pair() as (client, server):
            if not client.traits.packets:
                self.skip("its links are streams")
            size = client.traits.mtu or BIG
            data = (bytes(range(1, 252)) * (size // 251 + 1))[:size]
            why = f"mtu={client.traits.mtu}"
            try:
                got = self.carry(client, server, data)
            except OSError as error:
                raise AssertionError(f"{self.who}: {why}, but a packet of {size} bytes is refused: {error}") from error
            self.check(got == data, f"{why}, but of a packet of {size} bytes {first_difference(data, got)}")

    def test_packets_beyond_mtu(self) -> None:
        """C16: A packet of more than `mtu` bytes, which the core never sends, is refused or lost or whole, but never
        cut. Mend: raise OSError for it.
        """
        with self.pair() as (client, server):
            if client.traits.mtu is None:
                self.skip("it has no mtu")
            data = bytes(index % 251 for index in range(client.traits.mtu + 1))
            try:
                client.send(data)
            except (OSError, ValueError):
                return
            got = server.collect(len(data), self.timeout / 10)
            self.check(got in (b"", data), f"{len(data)} bytes, mtu={client.traits.mtu}: {first_difference(data, got)}")

    def test_much_data(self) -> None:
        """C17: 64 KiB and 1 MiB, or 2,000 packets, arrive whole while they are read. Mend: send loops until all is
        written, or raises.
        """
        with self.pair() as (client, server):
            self.only_reliable(client.traits)
            for wanted in (1 << 16, BIG):
                step = client.traits.mtu or wanted
                size = min(wanted, PACKETS * step)
                data = (bytes(range(256)) * (size // 256 + 1))[1 : size + 1]
                sending = client.begin_sending(data, step)
                got = server.collect(size)
                self.check(got == data, f"of {size} bytes in sends of {step}: {first_difference(data, got)}")
                result(f"{self.who}: send of {size} bytes", self.timeout, sending)

    def test_what_arrives_is_whole(self) -> None:
        """C18: On a medium that may lose packets, those that arrive are whole and unaltered. Mend: a buffer that is
        large enough for receive, and one call for one packet.
        """
        with self.pair() as (client, server):
            if client.traits.reliable or not client.traits.packets:
                self.skip("its links are streams, or lose nothing")
            size = self.piece(client.traits)
            sent = [bytes([number]) * (size - number % 4) for number in range(64)]
            got = []
            for packet in sent:
                client.send(packet)
                got += server.packets(1, self.timeout / 50)
            self.check(got, f"none of {len(sent)} packets arrived")
            strange = [packet for packet in got if packet not in sent]
            self.check(not strange, f"{len(strange)} of {len(got)} packets that arrived were never sent")

    def test_order(self) -> None:
        """C19: What is sent arrives once and in its order. Mend: no retries and no pool of threads in a carrier; a
        medium that reorders or repeats declares reliable=False.
        """
        with self.pair() as (client, server):
            self.only_reliable(client.traits)
            data = b"".join(number.to_bytes(4, "big") for number in range(500))
            sending = client.begin_sending(data, 4)
            got = server.collect(len(data))
            self.check(got == data, f"500 numbers in 500 sends: {first_difference(data, got)}")
            more = server.receive(0.02)
            self.check(more is None, f"{more!r} came after all that was sent: something was sent twice")
            result(f"{self.who}: send of 500 numbers", self.timeout, sending)

    def test_both_directions_at_once(self) -> None:
        """C20: Send and receive may overlap, at both ends at once. Mend: no lock that both take, and no handle whose
        timeout both set.
        """
        with self.pair() as (client, server):
            self.only_reliable(client.traits)
            self._send_while_receiving(client, server)
            step = self.piece(client.traits)
            size = min(BIG, PACKETS * step)
            there, back = (bytes(values) * (size // 256) for values in (range(256), reversed(range(256))))
            sending = [client.begin_sending(there, step), server.begin_sending(back, step)]
            reading = [begin(server.collect, len(there)), begin(client.collect, len(back))]
            for name, sent, running in zip(("server", "client"), (there, back), reading, strict=True):
                got = result(f"{self.who}: receive at the {name} while both send", 2 * self.timeout, running)
                self.check(got == sent, f"both sent at once, and at the {name} {first_difference(sent, got)}")
            for each in sending:
                result(f"{self.who}: send while both send", self.timeout, each)

    def _send_while_receiving(self, client: End, server: End) -> None:
        waiting = begin(client.receive, self.patience)
        wait([waiting], within(0.02))  # until it waits, most likely
        client.send(b"ask")
        self.check(not waiting.done(), "while a receive waited, a send waited for it")
        self.check(server.collect(3) == b"ask", "while a receive waited, what was sent did not arrive")
        server.send(b"answer")
        got = result(f"{self.who}: receive at the client", self.timeout, waiting)
        self.check(got is not None, "a receive that waited while the same end sent did not get the answer")

    def test_empty_send(self) -> None:
        """C21: An empty send ends nothing: on a stream it is nothing, on packets an empty packet or nothing. Mend:
        leave it out, where the medium takes it for the end.
        """
        with self.pair() as (client, server):
            client.send(b"")
            try:
                got = self.carry(client, server, b"after")
            except OSError as error:
                raise AssertionError(f"{self.who}: an empty send ended the link: {error!r}") from error
            self.check(not server.ended, "an empty send arrived as the end")
            self.check(got == b"after", f"after an empty send: {first_difference(b'after', got)}")

    def test_flood(self) -> None:
        """C22: A sender that is faster than its reader waits; nothing is lost. Mend: block in send, bound each queue,
        and declare reliable=False where a full medium drops.
        """
        with self.pair() as (client, server):
            self.only_reliable(client.traits)
            size = self.piece(client.traits)
            data = (b"0123456789abcdef" * (FLOOD // 16))[: min(FLOOD, PACKETS * size)]
            sending = client.begin_sending(data, size)
            wait([sending], within(0.1))  # until all is sent, or a while has passed in which nobody read
            got = server.collect(len(data), 2 * self.timeout)
            result(f"{self.who}: send to a slow reader", self.timeout, sending)
            self.check(got == data, f"a flood before its reader: {first_difference(data, got)}")
