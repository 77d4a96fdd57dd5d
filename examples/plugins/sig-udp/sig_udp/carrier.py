"""UDP: `udp://127.0.0.1:3000`, `udp://[::1]:3000?mtu=1400`."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from sig_core.address import Address
from sig_core.contract import Acceptor, HasOptions, HasTrial, Link, LinkTraits
from sig_core.errors import ConfigError
from sig_core.links.shared_medium import demux, dial
from sig_core.links.sockets import close_on_error

__all__ = ["UdpCarrier"]

MTU = 1200  # bytes that every path of IPv6 carries, with all headers (RFC 9000, section 14)
LONGEST = 65_507  # bytes that IPv4 carries in one datagram


class UdpCarrier(HasOptions, HasTrial):
    """Links over UDP: the core puts right that datagrams vanish, come twice or late.

    Options:
        mtu: bytes of one datagram, 64 .. 65,507, the same at both ends; default 1,200.
    """

    scheme = "udp"
    trial = "udp://127.0.0.1:0"
    options = frozenset({"mtu"})

    def connect(self, address: Address, /) -> Link:
        """Return a link to a server; only what is sent shows whether it is there."""
        if not address.host or not address.port:
            raise ConfigError(f"address {address.url!r}: give a host and a port, as in udp://127.0.0.1:3000")
        sock, where, mtu = _open(address)
        with close_on_error(sock):
            sock.connect(where)  # the system keeps strangers out, and tells if the port is closed
            return dial(UdpMedium(sock, mtu), sock.getpeername())

    def listen(self, address: Address, /) -> Acceptor:
        """Take a port of this machine, of 127.0.0.1 if no host is given; port 0 takes a free one."""
        sock, where, mtu = _open(address)
        with close_on_error(sock):
            sock.bind(where)
            return demux(UdpMedium(sock, mtu))


class UdpMedium:
    """A socket; peers are socket addresses."""

    def __init__(self, sock: socket.socket, mtu: int) -> None:
        host, port = sock.getsockname()[:2]
        self.address = f"udp://[{host}]:{port}" if ":" in host else f"udp://{host}:{port}"
        self.traits = LinkTraits(packets=True, reliable=False, mtu=mtu)
        self._socket = sock

    def send_to(self, data: bytes, peer: Any, /) -> None:
        """See `Medium`; what the system has no room for is lost, as on the way."""
        with suppress(TimeoutError, BlockingIOError):
            self._socket.sendto(data, peer)

    def receive_from(self, timeout: float, /) -> tuple[bytes, Any] | None:
        """See `Medium`."""
        self._socket.settimeout(timeout)
        try:
            return self._socket.recvfrom(LONGEST)
        except (TimeoutError, BlockingIOError, ConnectionResetError):  # the last: Windows, of a peer that has gone
            return None

    def close(self) -> None:
        """See `Medium`."""
        self._socket.close()


def _open(address: Address) -> tuple[socket.socket, Any, int]:
    if address.path:
        raise ConfigError(f"address {address.url!r}: udp takes no path; leave {address.path!r} out")
    mtu = int(address.number("mtu", MTU, 64, LONGEST))
    host, port = address.host or "127.0.0.1", 3000 if address.port is None else address.port
    family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    return socket.socket(family, socket.SOCK_DGRAM), where, mtu
