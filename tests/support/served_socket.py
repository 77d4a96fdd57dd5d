"""The server's end of a socket, moved by hand: a sans-IO session, fed when the test says so."""

from __future__ import annotations

import socket
from contextlib import suppress

from sig_core.links.sockets import SocketLink
from sig_core.session.binary.server import ServerSession
from tests.support.sessions import Net

__all__ = ["ServedSocket"]


class ServedSocket:
    """A pair of sockets: a link for a client, and a server's session at the other end.

    Attributes:
        link: for the client.
        session: at the other end.
        closed: the client has closed its end.
    """

    def __init__(self, net: Net | None = None, codecs: list[str] | None = None) -> None:
        self.net = net or Net()
        near, self._far = socket.socketpair()
        self._far.setblocking(False)
        self.link = SocketLink(near, "socket://server")
        self.session: ServerSession = self.net.server_session(codecs)
        self.closed = False

    def read(self) -> int:
        """Take what the client has sent; give how many bytes."""
        taken = 0
        with suppress(BlockingIOError):
            while data := self._far.recv(1 << 20):
                taken += len(data)
                self.session.receive_data(data, self.net.now)
            self.closed = True
        return taken

    def write(self) -> None:
        """Send what the session has to say."""
        while data := self.session.take(1 << 16):
            self._far.sendall(data)

    def pump(self) -> bool:
        """Read and answer; gives true, so that it can stand in what is waited for."""
        self.read()
        self.write()
        return True

    def close(self) -> None:
        """End the connection without a word."""
        self._far.close()
