from __future__ import annotations

import errno
import socket
import struct

import pytest

from sig_carriers.tcp import TcpCarrier
from sig_core.address import Address
from sig_core.errors import ConfigError
from tests.carriers.conformance import PATIENCE, PollableConformance

ANY_PORT = "tcp://127.0.0.1:0"


def listen(url=ANY_PORT):
    return TcpCarrier().listen(Address.parse(url))


def connect(url):
    return TcpCarrier().connect(Address.parse(url))


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")


class TestTcp(PollableConformance):
    carrier = TcpCarrier()

    @pytest.fixture
    def url(self):
        return ANY_PORT

    def test_peer_is_the_url_of_the_other_end(self, pair, acceptor):
        client, server = pair
        with socket.socket(fileno=socket.dup(client.fileno())) as twin:
            host, port = twin.getsockname()
        assert client.peer == acceptor.address
        assert server.peer == f"tcp://{host}:{port}"


@needs_ipv6
class TestTcp6(PollableConformance):
    carrier = TcpCarrier()

    @pytest.fixture
    def url(self):
        return "tcp://[::1]:0"


@pytest.mark.parametrize("url", ["tcp://:0", "tcp://localhost:0"])
def test_without_a_host_or_by_name_it_listens_on_loopback(url):
    acceptor = listen(url)
    assert acceptor.address.startswith("tcp://127.0.0.1:")
    acceptor.close()


def test_of_both_families_it_listens_on_ipv4(monkeypatch):
    loopback = [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: loopback)
    acceptor = listen("tcp://localhost:0")
    assert acceptor.address.startswith("tcp://127.0.0.1:")
    acceptor.close()


def test_default_port(monkeypatch):
    asked = []
    real = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda at, **kw: asked.append(at) or real(("127.0.0.1", 0), **kw))
    listen("tcp://").close()
    assert asked == [("127.0.0.1", 3000)]


@pytest.mark.parametrize("url", ["tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://:3000", "tcp://"])
def test_connect_takes_host_and_port(url):
    with pytest.raises(ConfigError, match="host and a port"):
        connect(url)


@pytest.mark.parametrize("call", [listen, connect])
@pytest.mark.parametrize("url", ["tcp://127.0.0.1:3000/", "tcp://127.0.0.1:3000/x"])
def test_a_path_is_refused(call, url):
    with pytest.raises(ConfigError, match="no path"):
        call(url)


@pytest.mark.parametrize("call", [listen, connect])
@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_is_none(call, host):
    with pytest.raises(ConfigError, match="no host name"):
        call(f"tcp://{host}:3000")


@pytest.mark.parametrize("option", ["timeout=0", "timeout=3601", "timeout=x", "nodelay=maybe"])
def test_connect_options_out_of_range(option):
    with pytest.raises(ConfigError, match=option.partition("=")[0]):
        connect(f"tcp://127.0.0.1:3000?{option}")


@pytest.mark.parametrize("option", ["backlog=0", "backlog=65536", "nodelay=2"])
def test_listen_options_out_of_range(option):
    with pytest.raises(ConfigError, match=option.partition("=")[0]):
        listen(f"{ANY_PORT}?{option}")


@pytest.mark.parametrize("query, expected", [("", True), ("?nodelay=1", True), ("?nodelay=0", False)])
def test_nodelay_and_signs_of_life_are_set_on_both_sides(query, expected):
    acceptor = listen(ANY_PORT + query)
    client = connect(acceptor.address + query)
    server = acceptor.accept(PATIENCE)
    for link in (client, server):
        with socket.socket(fileno=socket.dup(link.fileno())) as twin:
            assert bool(twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) is expected
            assert twin.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    for each in (client, server, acceptor):
        each.close()


def test_backlog_and_timeout_reach_the_system(monkeypatch):
    seen = []
    create_server, create_connection = socket.create_server, socket.create_connection
    monkeypatch.setattr(socket, "create_server", lambda *a, **kw: seen.append(kw["backlog"]) or create_server(*a, **kw))
    monkeypatch.setattr(socket, "create_connection", lambda *a: seen.append(a[1]) or create_connection(*a))
    acceptor = listen(f"{ANY_PORT}?backlog=7")
    connect(f"{acceptor.address}?timeout=2.5").close()
    acceptor.close()
    assert seen == [7, 2.5]


def test_nobody_listens():
    acceptor = listen()
    acceptor.close()
    with pytest.raises(ConnectionRefusedError):
        connect(acceptor.address)


def test_a_port_in_use():
    acceptor = listen()
    with pytest.raises(OSError) as caught:
        listen(acceptor.address)
    assert caught.value.errno == errno.EADDRINUSE
    acceptor.close()


def test_connecting_to_oneself_is_refused(monkeypatch):
    """A port of the range that the system gives to clients can be one's own: a simultaneous open with oneself."""
    mirror = socket.socket()
    mirror.bind(("127.0.0.1", 0))
    mirror.connect(mirror.getsockname())
    monkeypatch.setattr(socket, "create_connection", lambda *_: mirror)
    with pytest.raises(ConnectionRefusedError, match="itself"):
        connect("tcp://127.0.0.1:40000")
    assert mirror.fileno() == -1


def test_a_connection_that_vanished_before_accept_is_nobody():
    acceptor = listen()
    address = Address.parse(acceptor.address)
    for _ in range(3):
        with socket.create_connection((address.host, address.port)) as fleeting:
            fleeting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close resets
        assert acceptor.accept(PATIENCE) is None
    client = connect(acceptor.address)
    server = acceptor.accept(PATIENCE)
    assert server is not None
    for each in (client, server, acceptor):
        each.close()
