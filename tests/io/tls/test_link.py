"""Links inside TLS, over links that the test has in its hands."""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.address import Address
from sig_core.contract import HasPeerCertificate, HasPending, LinkTraits, PollableLink
from sig_core.io.tls.contexts import ServerContexts, context_of_client
from sig_core.io.tls.link import BlockingTlsLink, PollableTlsLink, secured
from sig_core.io.tls.problems import client_problem, server_problem
from sig_core.io.tls.stream import TlsStream
from sig_core.io.tls.tally import Tally
from sig_core.links.sockets import SocketLink
from sig_core.testing import begin
from tests.support import within
from tests.support.certificates import Authority

MUCH = bytes(range(251)) * 4000


class Narrow(SocketLink):
    """A link that takes a part of what it is given, and sometimes nothing."""

    chance = random.Random(1)

    def send_some(self, data: bytes | memoryview, /) -> int:
        size = self.chance.choice((0, 1, 5, 100, 3000, 20_000))
        return super().send_some(data[:size]) if size else 0


class Waiting:
    """A link that can't be polled, around one end of a pair of sockets."""

    traits = LinkTraits(packets=False, reliable=True)

    def __init__(self, link: SocketLink) -> None:
        self.peer = link.peer
        self.send, self.receive, self.close = link.send, link.receive, link.close


def explain_server(error: ssl.SSLError, is_open: bool) -> sig.SigError:
    return server_problem(error, is_open=is_open)


def explain_client(error: ssl.SSLError, is_open: bool) -> sig.SigError:
    return client_problem(error, "the server", is_open=is_open)


class Pair:
    """Two links inside TLS whose handshake is over, and those that they are around."""

    def __init__(self, authority: Authority, kind: type[SocketLink] = SocketLink, *, waits: bool = False) -> None:
        raw: list[Any] = [kind(sock, "pair") for sock in socket.socketpair()]
        raw = [Waiting(link) for link in raw] if waits else raw
        there = Address.parse("tls+x://127.0.0.1" + authority.query("server"))
        here = Address.parse("tls+x://127.0.0.1" + authority.query("client"))
        streams = (
            TlsStream(context_of_client(here), server_side=False, name="127.0.0.1"),
            TlsStream(ServerContexts(there).current(), server_side=True),
        )
        self.raw = raw
        self.tally = Tally()
        self.client: Any = secured(raw[0], streams[0], explain_client)
        self.server: Any = secured(raw[1], streams[1], explain_server, self.tally)

    def shake_hands(self) -> None:
        other = begin(self.server.shake_hands, within(5))
        self.client.shake_hands(within(5))
        other.result(within(5))

    def close(self) -> None:
        for link in (self.client, self.server):
            link.close()


@pytest.fixture(params=["polled", "waits"])
def pair(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Pair]:
    made = Pair(authority, waits=request.param == "waits")
    made.shake_hands()
    yield made
    made.close()


@pytest.fixture
def narrow(authority: Authority) -> Iterator[Pair]:
    made = Pair(authority, Narrow)
    made.shake_hands()
    yield made
    made.close()


def test_what_kind_of_link_it_is(pair: Pair) -> None:
    polled = not isinstance(pair.raw[0], Waiting)
    assert isinstance(pair.client, PollableTlsLink if polled else BlockingTlsLink)
    assert isinstance(pair.client, PollableLink) is isinstance(pair.client, HasPending) is polled
    assert isinstance(pair.client, HasPeerCertificate) and pair.client.peer == "tls+pair"
    assert pair.server.peer_certificate.facts["subject"] == ((("commonName", "client"),),)


def test_a_handshake_is_counted_once(pair: Pair) -> None:
    pair.close()
    pair.close()
    assert (pair.tally.agreed, pair.tally.failed) == ({"TLSv1.3": 1}, 0)


def test_one_that_never_comes_about_is_counted_when_its_link_ends(authority: Authority) -> None:
    pair = Pair(authority)
    pair.close()
    pair.close()
    assert (pair.tally.agreed, pair.tally.failed) == ({}, 1)


def test_what_a_link_takes_in_parts_arrives_once_and_in_order(narrow: Pair) -> None:
    """Also where somebody asks in between that TLS itself says what it has to say."""
    got = bytearray()
    rest, taken = memoryview(MUCH), 0
    view = memoryview(bytearray(50_000))
    while len(got) < len(MUCH):
        count = narrow.client.send_some(rest[: random.Random(taken).choice((1, 10_000, 300_000))] if rest else b"")
        taken, rest = taken + count, rest[count:]
        assert not narrow.client.wants_write and narrow.client.send_some(b"") == 0
        try:
            got += view[: narrow.server.recv_into(view)]
        except BlockingIOError:
            continue
    assert got == MUCH and taken == len(MUCH)


def test_reading_by_two_ways_and_sending_at_once(pair: Pair) -> None:
    """Two threads in one object of OpenSSL would crash the process."""

    def send(link: Any) -> None:
        for begin_at in range(0, len(MUCH), 70_001):
            link.send(MUCH[begin_at : begin_at + 70_001])

    def read(link: Any) -> bytes:
        got = b""
        while len(got) < len(MUCH):
            got += link.receive(within(5)) or b""
        return got

    calls = [begin(call, link) for call in (send, read) for link in (pair.client, pair.server)]
    results = [call.result(within(20)) for call in calls]
    assert results[2] == results[3] == MUCH


def test_an_end_in_order_is_an_end(pair: Pair) -> None:
    pair.client.send(b"last")
    pair.client.close()
    assert pair.server.receive(within(5)) == b"last"
    for _ in range(2):
        with pytest.raises(EOFError):
            pair.server.receive(within(5))


def test_an_end_of_the_link_alone_is_none(pair: Pair) -> None:
    pair.client.send(b"last")
    pair.raw[0].close()
    assert pair.server.receive(within(5)) == b"last"
    with pytest.raises(sig.LinkLost, match="the connection ended, and TLS did not"):
        pair.server.receive(within(5))


def test_nothing_passes_before_the_handshake(authority: Authority) -> None:
    for waits in (False, True):
        pair = Pair(authority, waits=waits)
        with pytest.raises(OSError, match="nothing can be sent before TLS is agreed on"):
            pair.server.send(b"x")
        if not waits:
            with pytest.raises(OSError, match="nothing can be received before TLS is agreed on"):
                pair.server.recv_into(memoryview(bytearray(10)))
        pair.close()


def test_a_close_in_the_midst_of_another_call_says_nothing(pair: Pair) -> None:
    with pair.client._lock:
        pair.client.close()
    with pytest.raises(sig.LinkLost, match="TLS did not"):
        pair.server.receive(within(5))


def test_a_close_while_a_send_waits_ends(authority: Authority) -> None:
    pair = Pair(authority, waits=True)
    pair.shake_hands()
    sending = begin(lambda: pair.client.send(bytes(1 << 24)))
    while not pair.client._is_sending:
        threading.Event().wait(0.001)
    pair.client.close()
    with pytest.raises(OSError):
        sending.result(within(5))
    pair.close()


def test_the_handshake_of_a_server_that_is_polled(authority: Authority) -> None:
    """It goes on when a poll tells, and what it has to say leaves in parts."""
    pair = Pair(authority, Narrow)
    client = begin(pair.client.shake_hands, within(5))
    while not (pair.server.go_on() and client.done()):
        if pair.server.wants_write:
            assert pair.server.send_some(b"") == 0
    assert pair.client.send_some(b"first") in (0, 5)
    pair.close()


def test_what_is_read_ahead_is_not_written_over(pair: Pair) -> None:
    """One read takes more of the wire than its buffer holds; what was read for others meanwhile is not in it."""
    if isinstance(pair.raw[0], Waiting):
        pytest.skip("a link that waits has no buffer of its caller")
    pair.client.send(MUCH[:3000])
    pair.client.send(MUCH[:3000])
    view = memoryview(bytearray(3500))
    assert pair.server.recv_into(view) == 3500 and pair.server.pending
    pair.server.send(b"z" * 60_000)
    assert len(pair.client.receive(within(5))) == 60_000
    rest = memoryview(bytearray(3500))
    assert pair.server.recv_into(rest) == 2500
    assert bytes(view) + bytes(rest[:2500]) == MUCH[:3000] * 2
