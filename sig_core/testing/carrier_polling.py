"""Checks of what can be polled: thousands of such links share one thread of the core."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sig_core.contract import HasPending, HasRecv, PollableAcceptor, PollableLink
from sig_core.testing.carrier_suite import CarrierSuite
from sig_core.testing.ends import End
from sig_core.testing.waiting import within

__all__ = ["PollingChecks"]

MUCH = 1 << 24  # bytes; more than a system keeps for who does not read


class PollingChecks(CarrierSuite):
    """Descriptors and calls that never wait."""

    @contextmanager
    def polled(self) -> Iterator[tuple[End, End, PollableLink, PollableLink]]:
        """Return both ends, and both links as pollable ones."""
        with self.pair() as (client, server):
            if not isinstance(client.link, PollableLink) or not isinstance(server.link, PollableLink):
                self.skip("its links can't be polled")
            yield client, server, client.link, server.link

    def is_ready(self, thing: Any, events: int, seconds: float) -> bool:
        """Return whether a descriptor is ready within `seconds`, scaled, or a link has read ahead."""
        if isinstance(thing, HasPending) and events == select.POLLIN and thing.pending:
            return True
        poll = select.poll()
        poll.register(thing.fileno(), events)
        return bool(poll.poll(within(seconds) * 1000))

    def read(self, link: PollableLink, size: int) -> bytes | None:
        """Read at most `size` bytes; None: nothing is there now."""
        buffer = bytearray(size)
        try:
            count = self.soon("recv_into", link.recv_into, memoryview(buffer))
        except BlockingIOError:
            return None
        self.check(type(count) is int and 0 <= count <= size, f"recv_into of {size} bytes gave {count!r}")
        return bytes(buffer[:count])

    def test_descriptor(self) -> None:
        """C50: `fileno` is the same number until close, and `wants_write` a bool. Mend: keep the handle for the life of
        the link; do not duplicate it for each call.
        """
        with self.polled() as (client, server, *_):
            for name, link in (("client", client.link), ("server", server.link)):
                numbers = [link.fileno() for _ in range(3)]  # type: ignore[attr-defined]
                self.check(all(number >= 0 for number in numbers), f"fileno of the {name} is {numbers[0]}; it is open")
                self.check(len(set(numbers)) == 1, f"fileno of the {name} was {numbers}: it stays the same until close")
                wants = link.wants_write  # type: ignore[attr-defined]
                self.check(type(wants) is bool, f"wants_write of the {name} is {wants!r}; it is True or False")

    def test_readiness(self) -> None:
        """C51: The descriptor is readable when, and for as long as, recv_into has something to give. Mend: read nothing
        ahead into a buffer of your own; poll the handle that is read.
        """
        with self.polled() as (client, _, _, link):
            self.check(not self.is_ready(link, select.POLLIN, 0), "it is readable, but nothing was sent")
            client.send(b"abcd")
            for rest in ("abcd", "cd") if not client.traits.packets else ("abcd",):
                ready = self.is_ready(link, select.POLLIN, self.timeout)
                self.check(ready, f"{rest!r} is there, and the descriptor is not readable")
                self.check(self.read(link, 2 if not client.traits.packets else 16), "it is readable, but gives nothing")
            self.check(not self.is_ready(link, select.POLLIN, 0), "all was read, and the descriptor is still readable")

    def test_nothing_there(self) -> None:
        """C52: recv_into raises BlockingIOError when nothing is there; 0 would be the end. Mend: make the handle
        non-blocking.
        """
        with self.polled() as (_, _, link, _):
            got = self.read(link, 16)
            self.check(got is None, f"nothing was sent, and recv_into read {got!r}; it raises BlockingIOError")

    def test_reading_in_parts(self) -> None:
        """C53: recv_into fills the buffer from its start; of a stream it leaves the rest for the next call. Mend: read
        into the buffer that is given.
        """
        with self.polled() as (client, _, _, link):
            if client.traits.packets:
                self.skip("a packet is read whole")
            client.send(b"abcdef")
            got = b""
            while len(got) < 6 and self.is_ready(link, select.POLLIN, self.timeout):
                got += self.read(link, 4) or b""
            self.check(got == b"abcdef", f"b'abcdef' was read in parts of at most 4 bytes, as {got!r}")

    def test_end_when_polled(self) -> None:
        """C54: At the end the descriptor is readable and recv_into gives 0, again and again. Mend: no exception for the
        peer's orderly end.
        """
        with self.polled() as (client, _, _, link):
            self.only_reliable(client.traits)
            client.close()
            self.check(self.is_ready(link, select.POLLIN, self.timeout), "the peer closed, and nothing is readable")
            for _ in range(3):
                try:
                    got = self.read(link, 16)
                except (OSError, EOFError) as error:
                    text = f"{self.who}: at the end recv_into raised {error!r}; it gives 0"
                    raise AssertionError(text) from error
                self.check(got == b"", f"at the end recv_into gave {got!r}; it gives 0")

    def test_sending_in_parts(self) -> None:
        """C55: send_some takes a part, then 0, and never waits; what it took of a reliable link arrives once, in order.
        Mend: return what the system took, and 0 for its BlockingIOError.
        """
        with self.polled() as (client, server, link, _):
            data = bytes(range(251)) * (MUCH // 251)
            size = client.traits.mtu or len(data)
            taken = 0
            while taken < len(data):
                part = memoryview(data)[taken : taken + size]
                count = self.soon("send_some", link.send_some, part)
                good = type(count) is int and 0 <= count <= len(part)
                self.check(good, f"send_some of {len(part)} bytes gave {count!r}")
                if not count:
                    break
                taken += count
            if not client.traits.reliable:  # it may drop what nobody reads
                self.check(taken, "send_some took nothing")
                return
            self.check(0 < taken < len(data), f"send_some took {taken} of {len(data)} bytes, though nobody read")
            got = server.collect(taken, 2 * self.timeout)
            whole = len(got) >= taken and data.startswith(got)  # more: begun, and taken when the next call goes on
            self.check(whole, f"send_some took {taken} bytes, of which {len(got)} arrived or not as sent")

    def test_reading_bytes(self) -> None:
        """C57: The optional recv of a stream gives at most as many bytes as asked for, raises BlockingIOError when
        nothing is there, and gives b"" at the end. Mend: give what the recv of a socket that does not block gives.
        """
        with self.polled() as (client, _, _, link):
            if not isinstance(link, HasRecv) or client.traits.packets:
                self.skip("it has no recv, or is no stream")
            recv = link.recv
            self.check(self.read_bytes(recv) is None, "nothing was sent, and recv does not raise BlockingIOError")
            client.send(b"abcdef")
            got = b""
            while len(got) < 6 and self.is_ready(link, select.POLLIN, self.timeout):
                got += self.read_bytes(recv) or b""
            self.check(got == b"abcdef", f"b'abcdef' was read by recv, 4 bytes at most, as {got!r}")
            if not client.traits.reliable:  # its end may not be seen
                return
            client.close()
            self.check(self.is_ready(link, select.POLLIN, self.timeout), "the peer closed, and nothing is readable")
            last = self.read_bytes(recv)
            self.check(last == b"", f"at the end recv gave {last!r}; it gives b''")

    def read_bytes(self, recv: Callable[[int], bytes]) -> bytes | None:
        """Read at most 4 bytes by `recv`; None: nothing is there now."""
        try:
            data = self.soon("recv", recv, 4)
        except BlockingIOError:
            return None
        self.check(type(data) is bytes and len(data) <= 4, f"recv of 4 bytes gave {data!r}")
        return data

    def test_acceptor_when_polled(self) -> None:
        """C56: An acceptor with a descriptor is readable when somebody waits, and accept(0) gives that link, then None.
        Mend: give the descriptor of the listening handle, which does not block.
        """
        with self.listening() as acceptor:
            if not isinstance(acceptor, PollableAcceptor):
                self.skip("its acceptor can't be polled")
            self.check(not self.is_ready(acceptor, select.POLLIN, 0), "nobody connected, and the acceptor is readable")
            client = self.connect(acceptor)
            ready = self.is_ready(acceptor, select.POLLIN, self.timeout)
            server = self.accept(acceptor, 0)
            more = self.accept(acceptor, 0)
            for end in (client, server, more):
                if end is not None:
                    end.drop()
            self.check(ready, "somebody connected, and the acceptor is not readable")
            self.check(server is not None, "the acceptor is readable, and accept(0) gave None")
            self.check(more is None, "one client connected, and accept gave two links")
