"""Unix sockets: `unix:///run/x.sock`, `unix:///run/x.sock?mode=660`, `unix:@name`."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import quote

from sig_core.address import Address
from sig_core.contract import AddressTraits, HasAddressTraits, HasOptions, HasTrial
from sig_core.errors import ConfigError
from sig_core.links.sockets import SocketAcceptor, SocketLink, close_on_error

__all__ = ["UnixCarrier"]

MAX_PATH = 107 if sys.platform == "linux" else 103  # bytes, beside the final zero
BACKLOG = 1024  # connections that may wait for accept; the system may allow less
CREDENTIALS = struct.Struct("iII")  # pid, uid, gid


class UnixCarrier(HasOptions, HasTrial, HasAddressTraits):
    """Links over Unix sockets, within one machine; `peer` names the other process where the system tells.

    A server replaces the socket file of one that died, and removes its own at close. `unix:@name` (Linux) is a name
    without a file, and gone with its server: it has no permissions, so every user of the machine may connect.

    Options:
        mode: octal permissions of the server's socket file, 0 .. 777; default 600, only the owner may connect.
    """

    scheme = "unix"
    trial = "unix://{folder}/trial.sock"
    options = frozenset({"mode"})

    def connect(self, address: Address, /) -> SocketLink:
        """Connect to a server.

        Raises:
            ConfigError: the URL has no path, more than a path, or too long a path.
            OSError: nobody listens there, it is not allowed, or too many connections wait there.
        """
        path = _path(address)
        sock = socket.socket(socket.AF_UNIX)
        with close_on_error(sock):
            sock.setblocking(False)  # else connect waits without end for a server that does not accept
            try:
                sock.connect(path)
            except BlockingIOError as error:
                text = f"{address.url}: too many connections wait there; try again later"
                raise ConnectionRefusedError(errno.ECONNREFUSED, text) from error
            return _link(sock, path.replace("\0", "@"))

    def address_traits(self, address: Address, /) -> AddressTraits:
        """Return that nothing leaves this machine."""
        return AddressTraits(within_machine=True)

    def listen(self, address: Address, /) -> SocketAcceptor:
        """Listen.

        Raises:
            ConfigError: the URL has no path, more than a path, too long a path, or a mode that is none.
            OSError: a server listens there, the path is no socket, or the directory does not let us.
        """
        path = _path(address)
        if path.startswith("\0"):
            return _listen_to_name(path, address)
        mode = _mode(address)
        sock = socket.socket(socket.AF_UNIX)
        with close_on_error(sock), _alone_in(os.path.dirname(path)):
            _remove_dead(path)
            sock.bind(path)
            mine = _identity(path)
            os.chmod(path, mode)  # before listen: until then everybody is refused
            sock.listen(BACKLOG)
        return SocketAcceptor(sock, f"unix://{quote(path)}", partial(_link, path=path), partial(_remove, path, mine))


def _listen_to_name(name: str, address: Address) -> SocketAcceptor:
    if "mode" in address.options:
        raise ConfigError(f"address {address.url!r}: a name without a file has no permissions; leave mode out")
    sock = socket.socket(socket.AF_UNIX)
    with close_on_error(sock):
        sock.bind(name)
        sock.listen(BACKLOG)
    return SocketAcceptor(sock, f"unix:@{quote(name[1:])}", partial(_link, path=f"@{name[1:]}"))


def _path(address: Address) -> str:
    """Return what a socket is bound to: a path, or a name behind a zero."""
    host, path = address.host, address.path
    if host.startswith("@") and sys.platform == "linux":
        path = "\0" + host[1:] + path
    elif host or address.port is not None:
        path = ""
    if len(path) < 2 or "\0" in path[1:]:
        raise ConfigError(
            f"address {address.url!r}: takes an absolute path after three slashes, as in unix:///run/x.sock"
            ", or on Linux a name, as in unix:@name"
        )
    size = len(os.fsencode(path))
    if size > MAX_PATH:
        raise ConfigError(
            f"address {address.url!r}: path of {size} bytes, the system takes {MAX_PATH}; take a shorter one"
        )
    return path


def _mode(address: Address) -> int:
    text = address.options.get("mode", "600")
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise ConfigError(
            f"address {address.url!r}: option mode={text!r} is no octal number from 0 to 777, such as 660"
        )
    return mode


def _link(sock: socket.socket, path: str) -> SocketLink:
    if not hasattr(socket, "SO_PEERCRED"):
        return SocketLink(sock, f"unix:{path}")
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return _KnownLink(sock, *CREDENTIALS.unpack(found))


class _KnownLink(SocketLink):
    """A link whose peer the system knows."""

    def __init__(self, sock: socket.socket, pid: int, uid: int, gid: int) -> None:
        super().__init__(sock, f"unix:pid={pid},uid={uid}")
        self.unix_peer = pid, uid, gid


@contextmanager
def _alone_in(directory: str) -> Iterator[None]:
    """Let one server at a time look for a dead one's file, remove it and put its own there."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remove_dead(path: str) -> None:
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise OSError(errno.EADDRINUSE, f"{path}: is there and no socket; it is left alone, take another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        refused = probe.connect_ex(path) == errno.ECONNREFUSED
    if not refused:
        raise OSError(errno.EADDRINUSE, f"{path}: a server listens there")
    os.unlink(path)


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _remove(path: str, mine: tuple[int, int]) -> None:
    """Remove the file if it is still ours: somebody may have removed it and put another there."""
    try:
        if _identity(path) == mine:
            os.unlink(path)
    except FileNotFoundError:
        return
