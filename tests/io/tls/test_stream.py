"""TLS without a link: bytes in, bytes out, and what OpenSSL says of it."""

from __future__ import annotations

import ssl

import pytest

from sig_core.address import Address
from sig_core.io.tls.contexts import ServerContexts, context_of_client
from sig_core.io.tls.stream import MOST, PIECE, TlsStream
from tests.support.certificates import Authority

MUCH = bytes(range(256)) * 1024  # 256 KiB


def read(stream: TlsStream, size: int) -> bytes | None:
    """Return what comes, at most `size` bytes; None: it needs more input."""
    view = memoryview(bytearray(size))
    count = stream.read_into(view)
    return None if count is None else bytes(view[:count])


class Ends:
    """A client and a server, and the wire between them in memory."""

    def __init__(self, authority: Authority, *, client: str = "client", name: str = "127.0.0.1", asks: bool = True):
        there = Address.parse("tls+tcp://127.0.0.1" + authority.query("server", ca=None if asks else ""))
        here = Address.parse("tls+tcp://127.0.0.1" + authority.query(client))
        self.client = TlsStream(context_of_client(here), server_side=False, name=name)
        self.server = TlsStream(ServerContexts(there).current(), server_side=True)
        self.wire: list[bytes] = []  # all that went over it

    def carry(self, source: TlsStream, target: TlsStream) -> bool:
        """Carry what waits; false: nothing does."""
        data = source.take_output()
        if data:
            self.wire.append(data)
            target.feed(data)
        return bool(data)

    def shake_hands(self) -> None:
        while not (self.client.shake_hands() and self.server.shake_hands()):
            self.carry(self.client, self.server)
            self.server.shake_hands()
            self.carry(self.server, self.client)
        self.carry(self.client, self.server)

    def write(self, source: TlsStream, target: TlsStream, data: bytes) -> int:
        """Carry as much as one write takes; return how much that is."""
        records = source.write(data)
        self.wire += [record for record, _ in records]
        target.feed(b"".join([record for record, _ in records]))
        return sum(count for _, count in records)

    def send(self, source: TlsStream, target: TlsStream, data: bytes) -> bytes:
        """Send all of it, and return what comes."""
        got, sent = b"", 0
        while sent < len(data):
            sent += self.write(source, target, data[sent:])
            while target.pending:
                got += read(target, 1 << 20) or b""
        return got


@pytest.fixture
def ends(authority: Authority) -> Ends:
    made = Ends(authority)
    made.shake_hands()
    return made


@pytest.mark.parametrize("size", [1, 100, PIECE, PIECE + 1, MOST * PIECE, MOST * PIECE + 1, len(MUCH)])
def test_what_is_written_is_read_both_ways(ends: Ends, size: int) -> None:
    data = MUCH[:size]
    assert ends.send(ends.client, ends.server, data) == data
    assert ends.send(ends.server, ends.client, data) == data


def test_one_write_takes_no_more_than_it_says(ends: Ends) -> None:
    assert [count for _, count in ends.client.write(MUCH)] == [PIECE] * MOST


@pytest.mark.parametrize("size", [1, 7, PIECE, 100_000])
def test_reading_in_parts_leaves_the_rest_pending(ends: Ends, size: int) -> None:
    assert ends.write(ends.client, ends.server, MUCH[:50_000]) == 50_000
    got, view = b"", memoryview(bytearray(size))
    while (count := ends.server.read_into(view)) is not None:
        got += view[:count]
        assert ends.server.pending == (len(got) < 50_000)
    assert got == MUCH[:50_000]


def test_a_wire_that_gives_a_byte_at_a_time(ends: Ends) -> None:
    got = []
    for byte in ends.client.write(b"abc")[0][0]:
        ends.server.feed(bytes([byte]))
        got.append(read(ends.server, 10))
    assert got[-1] == b"abc" and set(got[:-1]) == {None}


def test_nothing_of_what_is_sent_can_be_read_on_the_wire(ends: Ends) -> None:
    secret = b"the door is open " * 100
    ends.send(ends.client, ends.server, secret)
    ends.send(ends.server, ends.client, secret)
    assert not any(part in b"".join(ends.wire) for part in (b"the door", b"is open"))


def test_an_end_in_order(ends: Ends) -> None:
    ends.write(ends.client, ends.server, b"last")
    assert read(ends.server, 100) == b"last"
    ends.client.close()
    ends.carry(ends.client, ends.server)
    assert [read(ends.server, 100) for _ in range(3)] == [b""] * 3
    assert ends.server.ended and not ends.server.pending
    assert ends.send(ends.server, ends.client, b"answer") == b"answer"  # that direction lives


def test_a_wire_that_is_cut_is_no_end(ends: Ends) -> None:
    ends.write(ends.client, ends.server, b"last")
    assert read(ends.server, 100) == b"last"
    ends.server.feed_end()
    for _ in range(2):
        with pytest.raises(ssl.SSLEOFError):
            read(ends.server, 100)


def test_what_came_before_damage_is_read_and_then_it_fails_each_time(ends: Ends) -> None:
    good = ends.client.write(b"good")[0][0]
    bad = bytearray(ends.client.write(b"bad")[0][0])
    bad[-1] ^= 1
    ends.server.feed(good + bytes(bad))
    assert read(ends.server, 100) == b"good"
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match=r"(?i)bad record mac"):
            read(ends.server, 100)


def test_the_certificate_of_the_other_end(ends: Ends, authority: Authority) -> None:
    shown = ends.server.certificate()
    assert shown is not None and shown.facts["subjectAltName"] == (("DNS", "client.example"), ("URI", "sig:client"))
    whole = ssl.PEM_cert_to_DER_cert((authority.folder / "client.pem").read_text())
    assert shown.sha256 == __import__("hashlib").sha256(whole).hexdigest()
    there = ends.client.certificate()
    assert there is not None and ("IP Address", "127.0.0.1") in there.facts["subjectAltName"]


def test_none_is_known_before_the_handshake_or_where_none_is_asked_for(authority: Authority) -> None:
    ends = Ends(authority, asks=False)
    assert ends.server.certificate() is None
    ends.shake_hands()
    assert ends.server.certificate() is None


def test_the_version_and_the_protocol_are_agreed_on(ends: Ends) -> None:
    for end in (ends.client, ends.server):
        assert end._tls.version() == "TLSv1.3"
        assert end._tls.selected_alpn_protocol() == "sig/1"
    assert ends.server.take_output() == b""  # no tickets, which would wake readers, and outlive a certificate


def test_strict_verifiers_take_the_certificates_of_these_tests(authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.folder / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    ends = Ends(authority, asks=False)
    ends.client = TlsStream(context, server_side=False, name="localhost")
    ends.shake_hands()
    assert ends.client.is_open
