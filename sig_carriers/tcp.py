"""TCP: `tcp://127.0.0.1:3000`, `tcp://[::1]:3000?nodelay=0`."""

from __future__ import annotations

import errno
import socket
from functools import partial
from typing import Any

from sig_core.address import Address
from sig_core.contract import HasOptions, HasTrial
from sig_core.errors import ConfigError
from sig_core.links.sockets import SocketAcceptor, SocketLink, close_on_error

__all__ = ["TcpCarrier"]

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 3000

# Seconds of silence after which the system asks a peer whether it is there, between questions, and how many. Most
# sessions have signs of life that come sooner; the plain dialect has none.
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class TcpCarrier(HasOptions, HasTrial):
    """Links over TCP.

    A server without a host listens on 127.0.0.1, without a port on 3000; port 0 takes a free one. All interfaces must
    be written out: `0.0.0.0` (IPv4) or `[::]` (IPv6 alone). Of a name that has both a server takes the IPv4 address.

    Options:
        nodelay: 1 (default) sends small messages at once, 0 lets the system collect them.
        timeout: seconds to connect, for each address of the host, 0.01 .. 3,600; default 10.
        backlog: connections that may wait for accept, 1 .. 65,535 (the system may allow less); default 1,024.
    """

    scheme = "tcp"
    trial = "tcp://127.0.0.1:0"
    options = frozenset({"backlog", "nodelay", "timeout"})

    def connect(self, address: Address, /) -> SocketLink:
        """Connect to a server.

        Raises:
            ConfigError: the URL has no host or port, has a path, or an option is out of range.
            OSError: no such host, nobody listens there, or no answer in time.
        """
        _check(address)
        if not address.host or not address.port:
            raise ConfigError(
                f"address {address.url!r}: to connect takes a host and a port, as in tcp://127.0.0.1:3000"
            )
        timeout = address.number("timeout", 10, 0.01, 3600)
        nodelay = address.flag("nodelay", True)
        try:
            sock = socket.create_connection((address.host, address.port), timeout)
        except UnicodeError as error:
            raise _bad_host(address, error) from error
        with close_on_error(sock):
            _refuse_self(sock, address)
            return _link(sock, nodelay)

    def listen(self, address: Address, /) -> SocketAcceptor:
        """Listen.

        Raises:
            ConfigError: the URL has a path, or an option is out of range.
            OSError: the port is in use, or the host is not of this machine.
        """
        _check(address)
        nodelay = address.flag("nodelay", True)
        backlog = int(address.number("backlog", 1024, 1, 65_535))
        family, where = _resolve(address)
        sock = socket.create_server(where, family=family, backlog=backlog)
        return SocketAcceptor(sock, _url(sock.getsockname()), partial(_link, nodelay=nodelay))


def _check(address: Address) -> None:
    if address.path:
        raise ConfigError(f"address {address.url!r}: tcp takes no path; leave {address.path!r} out")


def _bad_host(address: Address, error: Exception) -> ConfigError:
    return ConfigError(f"address {address.url!r}: {address.host!r} is no host name ({error})")


def _resolve(address: Address) -> tuple[int, Any]:
    port = DEFAULT_PORT if address.port is None else address.port
    try:
        found = socket.getaddrinfo(address.host or DEFAULT_HOST, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:
        raise _bad_host(address, error) from error
    family, _, _, _, where = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, where


def _refuse_self(sock: socket.socket, address: Address) -> None:
    # A client that retries on a dead server's port is given that very port now and then, and then meets itself.
    if sock.getsockname() == sock.getpeername():
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"{address}: nobody listens there (connected to itself)")


def _link(sock: socket.socket, nodelay: bool) -> SocketLink:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):  # not every system lets a program choose
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return SocketLink(sock, _url(sock.getpeername()))


def _url(name: Any) -> str:
    host, port = name[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
