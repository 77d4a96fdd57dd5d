"""What every carrier must do, as small checks to inherit: give `carrier` and a fixture `url`."""

from __future__ import annotations

import gc
import os
import select
import threading

import pytest

from sig_core.address import Address
from sig_core.contract import LinkTraits, PollableAcceptor, PollableLink
from sig_core.testing import begin

PATIENCE = 20  # seconds after which a test gives up; nothing is measured by it
ALL_BYTES = bytes(range(256))


def receive_exactly(link, size: int) -> bytes:
    """Collect `size` bytes, in as many pieces as they come."""
    data = b""
    while len(data) < size:
        piece = link.receive(PATIENCE)
        assert piece, f"{len(data)} of {size} bytes came"
        data += piece
    return data


def open_descriptors() -> int:
    gc.collect()  # what earlier tests dropped must not vanish while this one counts
    return len(os.listdir("/proc/self/fd"))


class Conformance:
    """The checks; `url` is an address to listen on."""

    carrier = None

    @pytest.fixture
    def acceptor(self, url):
        acceptor = self.carrier.listen(Address.parse(url))
        yield acceptor
        acceptor.close()

    @pytest.fixture
    def pair(self, acceptor):
        client, server = self.meet(acceptor)
        yield client, server
        client.close()
        server.close()

    def meet(self, acceptor):
        client = self.carrier.connect(Address.parse(acceptor.address))
        server = acceptor.accept(PATIENCE)
        assert server is not None
        return client, server

    def test_carrier_states_its_scheme_and_options(self, url):
        """The scheme is that of its URLs, and the options are a frozenset of names."""
        assert Address.parse(url).scheme == self.carrier.scheme
        assert isinstance(self.carrier.options, frozenset)

    def test_traits_are_declared_and_alike(self, pair):
        """Both ends declare what they are like, and the same."""
        client, server = pair
        assert isinstance(client.traits, LinkTraits)
        assert client.traits == server.traits
        assert client.traits.mtu is None or client.traits.mtu >= 8

    def test_peer_is_printable(self, pair):
        """Each end names the other in printable text that begins with the scheme."""
        for link in pair:
            assert link.peer.isprintable()
            assert link.peer.startswith(f"{self.carrier.scheme}:")

    def test_both_directions(self, pair):
        """What one end sends the other receives, both ways."""
        client, server = pair
        client.send(b"ping")
        assert receive_exactly(server, 4) == b"ping"
        server.send(b"pong")
        assert receive_exactly(client, 4) == b"pong"

    def test_all_byte_values(self, pair):
        """Every byte value arrives as it is."""
        client, server = pair
        client.send(ALL_BYTES)
        assert receive_exactly(server, 256) == ALL_BYTES

    @pytest.mark.parametrize("pieces", [1, 16])
    def test_a_mebibyte_passes(self, pair, pieces):
        """1 MiB passes while a thread reads, in one send or in several."""
        client, server = pair
        data = (ALL_BYTES * 4096)[: 1 << 20]
        reading = begin(receive_exactly, server, len(data))
        step = len(data) // pieces
        for start in range(0, len(data), step):
            client.send(data[start : start + step])
        assert reading.result(PATIENCE) == data

    @pytest.mark.parametrize("timeout", [0, 0.01])
    def test_receive_gives_none_when_nothing_comes(self, pair, timeout):
        """Within the timeout nothing came: None, no exception; the link works on."""
        client, server = pair
        assert server.receive(timeout) is None
        client.send(b"x")
        assert receive_exactly(server, 1) == b"x"

    @pytest.mark.parametrize("timeout", [0, 0.01])
    def test_accept_gives_none_when_nobody_comes(self, acceptor, timeout):
        """Within the timeout nobody came: None, no exception; the acceptor works on."""
        assert acceptor.accept(timeout) is None
        for link in self.meet(acceptor):
            link.close()

    def test_any_timeout_is_taken(self, pair):
        """A timeout beyond what the system can count is no error, also when it has to wait."""
        client, server = pair
        for _ in range(20):
            started = threading.Event()
            reading = begin(lambda event=started: (event.set(), server.receive(float("inf")))[1])
            assert started.wait(PATIENCE)
            client.send(b"x")
            assert reading.result(PATIENCE) == b"x"

    def test_packets_keep_their_boundaries(self, pair):
        """One send is one receive, where the traits say so."""
        client, server = pair
        if not client.traits.packets:
            assert client.traits.mtu is None
            return
        packets = [b"a", b"bc", ALL_BYTES, b"d"]
        for packet in packets:
            client.send(packet)
        assert [server.receive(PATIENCE) for _ in packets] == packets

    def test_end_comes_after_the_remaining_data(self, pair):
        """The peer's close is EOFError, again and again, after all that it had sent."""
        client, server = pair
        client.send(b"last words")
        client.close()
        assert receive_exactly(server, 10) == b"last words"
        for _ in range(2):
            with pytest.raises(EOFError):
                server.receive(PATIENCE)

    def test_sending_to_a_closed_peer_fails(self, pair):
        """Soon after the peer closed, send raises OSError."""
        client, server = pair
        client.close()
        with pytest.raises(OSError):
            for _ in range(10_000):
                server.send(bytes(1024))

    def test_close_twice(self, pair, acceptor):
        """Closing again changes nothing."""
        for each in (*pair, acceptor):
            each.close()
            each.close()

    def test_use_after_close(self, pair):
        """After close both verbs raise OSError, whatever was in flight."""
        client, server = pair
        client.send(b"unread")
        server.close()
        with pytest.raises(OSError):
            server.send(b"x")
        with pytest.raises(OSError):
            server.receive(0)

    def test_accept_after_close(self, acceptor):
        """A closed acceptor raises OSError, and nobody reaches its address."""
        acceptor.close()
        with pytest.raises(OSError):
            acceptor.accept(0)
        with pytest.raises(OSError):
            self.carrier.connect(Address.parse(acceptor.address))

    def test_close_wakes_a_blocked_receive(self, acceptor):
        """Closing in one thread ends a receive in another, as OSError: it is not the peer's end."""
        for _ in range(20):
            client, server = self.meet(acceptor)
            started = threading.Event()
            blocked = begin(lambda link=server, event=started: (event.set(), link.receive(1000)))
            assert started.wait(PATIENCE)
            server.close()
            assert isinstance(blocked.exception(PATIENCE), OSError)
            client.close()

    def test_close_of_the_peer_wakes_a_blocked_receive(self, acceptor):
        """The peer's close ends a waiting receive."""
        for _ in range(20):
            client, server = self.meet(acceptor)
            started = threading.Event()
            blocked = begin(lambda link=server, event=started: (event.set(), link.receive(1000)))
            assert started.wait(PATIENCE)
            client.close()
            assert isinstance(blocked.exception(PATIENCE), EOFError)
            server.close()

    @pytest.mark.parametrize("closer", ["own", "peer"])
    def test_close_wakes_a_blocked_send(self, acceptor, closer):
        """A send that waits for a peer that does not read ends with OSError when either side closes."""
        client, server = self.meet(acceptor)
        flowing = threading.Event()

        def flood():
            while True:
                server.send(bytes(65_536))
                flowing.set()

        blocked = begin(flood)
        assert flowing.wait(PATIENCE)
        (server if closer == "own" else client).close()
        assert isinstance(blocked.exception(PATIENCE), OSError)
        client.close()
        server.close()

    def test_close_wakes_a_blocked_accept(self, url):
        """Closing an acceptor in one thread ends an accept in another."""
        for _ in range(20):
            acceptor = self.carrier.listen(Address.parse(url))
            started = threading.Event()
            blocked = begin(lambda acceptor=acceptor, event=started: (event.set(), acceptor.accept(1000)))
            assert started.wait(PATIENCE)
            acceptor.close()
            assert isinstance(blocked.exception(PATIENCE), OSError)

    def test_accepted_links_outlive_the_acceptor(self, pair, acceptor):
        """Closing the acceptor leaves the links that it gave."""
        acceptor.close()
        client, server = pair
        client.send(b"still here")
        assert receive_exactly(server, 10) == b"still here"

    def test_listen_twice(self, acceptor):
        """A live address can't be taken again; its owner is not disturbed."""
        with pytest.raises(OSError):
            self.carrier.listen(Address.parse(acceptor.address))
        while (probe := acceptor.accept(0)) is not None:  # a carrier may have to ask who is there
            probe.close()
        for link in self.meet(acceptor):
            link.close()

    def test_listen_again_after_close(self, acceptor):
        """An address is free at once after close, also with links of the first server alive."""
        links = self.meet(acceptor)
        acceptor.close()
        again = self.carrier.listen(Address.parse(acceptor.address))
        assert again.address == acceptor.address
        for each in (*links, *self.meet(again), again):
            each.close()

    def test_unaccepted_connections_end_with_the_acceptor(self, acceptor):
        """Who waits for accept when the acceptor closes sees the end, and does not wait for ever."""
        client = self.carrier.connect(Address.parse(acceptor.address))
        acceptor.close()
        with pytest.raises((EOFError, OSError)):
            client.receive(PATIENCE)
        client.close()

    def test_address_is_as_bound(self, acceptor):
        """The address is a URL of this carrier that leads back here."""
        address = Address.parse(acceptor.address)
        assert address.scheme == self.carrier.scheme
        assert address.port != 0
        for link in self.meet(acceptor):
            link.close()

    def test_several_peers(self, acceptor):
        """Links of one acceptor are separate."""
        pairs = [self.meet(acceptor) for _ in range(5)]
        for number, (client, _) in enumerate(pairs):
            client.send(bytes([number]))
        assert [receive_exactly(server, 1)[0] for _, server in pairs] == list(range(5))
        for link in (link for pair in pairs for link in pair):
            link.close()

    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
    def test_nothing_is_left_behind(self, url):
        """200 connections, closed by either side first, and their acceptor leave no descriptor and no thread."""
        descriptors, threads = open_descriptors(), threading.active_count()
        acceptor = self.carrier.listen(Address.parse(url))
        for number in range(200):
            links = self.meet(acceptor)
            links[0].send(b"hello")
            for link in links if number % 2 else reversed(links):
                link.close()
        acceptor.close()
        assert open_descriptors() == descriptors
        assert threading.active_count() == threads


class PollableConformance(Conformance):
    """The checks beyond, for links that share one thread."""

    def readable(self, pollable) -> None:
        """Wait until the system reports input or the end."""
        poll = select.poll()
        poll.register(pollable.fileno(), select.POLLIN)
        assert poll.poll(PATIENCE * 1000)

    def test_is_pollable(self, pair, acceptor):
        """Links and acceptor have the members that the shared thread calls."""
        assert isinstance(acceptor, PollableAcceptor)
        for link in pair:
            assert isinstance(link, PollableLink)
            assert link.wants_write is False

    def test_recv_into_when_nothing_is_there(self, pair):
        """No input is BlockingIOError, not the end."""
        with pytest.raises(BlockingIOError):
            pair[0].recv_into(memoryview(bytearray(16)))

    def test_recv_into_reads_what_fits(self, pair):
        """It fills the buffer from its start and leaves the rest for the next call."""
        client, server = pair
        client.send(b"abcdef")
        self.readable(server)
        buffer = bytearray(4)
        assert server.recv_into(memoryview(buffer)) == 4
        assert buffer == b"abcd"
        self.readable(server)
        assert server.recv_into(memoryview(buffer)) == 2
        assert buffer == b"efcd"

    def test_recv_into_at_the_end(self, pair):
        """The end is 0, again and again."""
        client, server = pair
        client.close()
        self.readable(server)
        for _ in range(3):
            assert server.recv_into(memoryview(bytearray(16))) == 0

    def test_send_some_when_the_peer_does_not_read(self, pair):
        """A full link takes a part, then 0, without blocking; all that it took arrives, once and in order."""
        client, server = pair
        data = ALL_BYTES * 65_536  # 16 MiB, beyond what the system keeps
        taken = 0
        while sent := client.send_some(memoryview(data)[taken:]):
            taken += sent
        assert 0 < taken < len(data)  # so the last call took nothing; a later one may find room again
        assert receive_exactly(server, taken) == data[:taken]

    def test_blocking_and_polled_calls_mix(self, pair):
        """send and recv_into, send_some and receive work on one link."""
        client, server = pair
        assert client.send_some(b"abc") == 3
        assert receive_exactly(server, 3) == b"abc"
        reading = begin(receive_exactly, client, 1 << 20)
        server.send(bytes(1 << 20))
        assert reading.result(PATIENCE) == bytes(1 << 20)

    def test_descriptor_is_stable(self, pair, acceptor):
        """The descriptor stays the same until close, then is refused."""
        for each in (*pair, acceptor):
            number = each.fileno()
            assert number >= 0
            assert each.fileno() == number
            each.close()
            with pytest.raises(OSError):
                each.fileno()

    def test_polled_calls_after_close(self, pair):
        """After close they raise OSError, also where there was input, and never BlockingIOError."""
        client, server = pair
        client.send(b"unread")
        self.readable(server)
        server.close()
        for call in (lambda: server.recv_into(memoryview(bytearray(16))), lambda: server.send_some(b"x")):
            with pytest.raises(OSError) as caught:
                call()
            assert not isinstance(caught.value, BlockingIOError)

    def test_acceptor_is_readable_when_somebody_waits(self, acceptor):
        """Readiness of the descriptor means that accept(0) gives a link; a second one gives None."""
        client = self.carrier.connect(Address.parse(acceptor.address))
        self.readable(acceptor)
        server = acceptor.accept(0)
        assert server is not None
        assert acceptor.accept(0) is None
        client.close()
        server.close()
