"""Ready-made links and acceptors for carriers whose handle is a stream socket, or acts like one.

A carrier opens and configures the socket; these two do the rest of the contract:

    def connect(self, address):
        return SocketLink(socket.create_connection((address.host, address.port)), peer=str(address))

    def listen(self, address):
        listening = socket.create_server((address.host, address.port))
        return SocketAcceptor(listening, str(address), lambda sock: SocketLink(sock, peer="somebody"))

What is no socket but can be polled, a terminal for example, is given the few methods of one that are called
(`SocketLike`); what its link promises may then differ: `traits`.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from types import BuiltinMethodType
from typing import Protocol, TypeVar

from sig_core.contract import LinkTraits

__all__ = ["LONGEST_SEND_WAIT", "SocketAcceptor", "SocketLike", "SocketLink", "close_on_error", "wait_ready"]

CHUNK = 65_536  # bytes that one receive asks for
LONGEST_WAIT = 1e6  # seconds; poll counts milliseconds in 31 bits
LONGEST_SEND_WAIT = 1.0  # seconds; not every system wakes who waits to write when the socket is shut down

# A program that restored the default action of SIGPIPE must not die of a peer that left.
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
NO_SIGNALS = (NO_SIGNAL,)
ONE = (None,)  # more inside

# What accept, or the first look at a new socket, says when the peer has left again or its network failed meanwhile.
VANISHED = {
    *(errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.ECONNRESET, errno.ENOTCONN, errno.EPROTO),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOPROTOOPT, errno.EOPNOTSUPP),
}

H = TypeVar("H", bound="_Handle")
A = TypeVar("A")
R = TypeVar("R")


class HasFileno(Protocol):
    """What can be polled."""

    def fileno(self) -> int: ...


class SocketLike(Protocol):
    """What a link calls of its socket. None of it blocks once `setblocking(False)` was called; errors are OSError.

    `close` may be called again, by any thread.
    """

    def setblocking(self, flag: bool, /) -> None: ...
    def fileno(self) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...
    def send(self, data: bytes | memoryview, flags: int, /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class _Handle:
    """A socket that any thread may close while others are inside a call of it.

    Its descriptor is given back when the last of them has left: before that, its number could already be another
    file's when their system call comes. Appending, then looking at `_closed`, against setting `_closed`, then looking
    at the list, needs no lock: one of the two always sees the other.
    """

    def __init__(self, sock: SocketLike, name: str) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._name = name
        self._fd = sock.fileno()
        self._pid = os.getpid()
        self._inside: list[None] = []  # an item for each call that is under way
        self._first = threading.Lock()  # taken by the first close, for ever
        self._closed = False

    def fileno(self) -> int:
        """Return the descriptor to poll; it is stable until close. OSError: closed."""
        if self._closed:
            raise self._gone()
        return self._fd

    def close(self) -> None:
        """Close the socket, from any thread and as often as you like; calls that wait on it end at once."""
        if not self._first.acquire(blocking=False):
            return
        if self._pid != os.getpid():  # after fork the connection is the parent's: only our copy of its number goes
            self._closed = True
            self._sock.close()
            return
        self._inside.append(None)
        self._closed = True
        try:
            self._before_close()
        finally:
            with suppress(OSError):  # it says that the peer was faster: there is nothing to end
                self._sock.shutdown(socket.SHUT_RDWR)
            self._leave()

    def _before_close(self) -> None:
        pass

    def _leave(self) -> None:
        self._inside.pop()
        if self._closed and not self._inside:
            self._sock.close()

    def _gone(self) -> OSError:
        return OSError(errno.EBADF, f"{self._name}: closed on this side; open another one")


def _inside(method: Callable[[H, A], R]) -> Callable[[H, A], R]:
    """Keep the descriptor while the method runs; refuse to start it after close."""

    @wraps(method)
    def guarded(self: H, argument: A, /) -> R:
        self._inside.append(None)
        try:
            if self._closed:
                raise self._gone()
            return method(self, argument)
        finally:
            self._leave()

    return guarded


class SocketLink(_Handle):
    """A pollable link over a connected stream socket, which it owns from here on and makes non-blocking.

    Every method raises OSError when the connection broke and after `close`.

    Args:
        sock: connected, with its options set.
        peer: how logs and access rules call the other end.
        traits: of what is no plain socket.
    """

    traits = LinkTraits(packets=False, reliable=True)
    wants_write = False

    def __init__(self, sock: SocketLike, peer: str, traits: LinkTraits = traits) -> None:
        super().__init__(sock, peer)
        self.peer = peer
        self.traits = traits
        if not isinstance(sock.send, BuiltinMethodType):  # TLS, a terminal: several steps, between which may be any
            self.recv_counted = self.send_counted = None  # type: ignore[assignment] # it is no `HasCounts`

    @_inside
    def send(self, data: bytes, /) -> None:
        """Send all of `data`; blocks for as long as the peer does not read."""
        sent = self._push(data)
        while sent < len(data):
            wait_ready(self._sock, LONGEST_SEND_WAIT, writing=True)
            sent += self._push(memoryview(data)[sent:])

    @_inside
    def receive(self, timeout: float, /) -> bytes | None:
        """Return 1 to 65,536 bytes, or None if nothing came within `timeout` seconds (0 and more).

        Raises:
            EOFError: the peer ended, and all that it had sent was received.
        """
        if timeout > 0 and not wait_ready(self._sock, timeout):
            return None
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return None
        if data:
            return data
        self._check_end()
        raise EOFError(f"{self.peer}: the peer ended the connection")

    @_inside
    def recv(self, size: int, /) -> bytes:
        """Read what is there, at most `size` bytes (1 and more), b"" at the end; never blocks.

        Raises:
            BlockingIOError: nothing is there now.
        """
        data = self._sock.recv(size)
        if not data:
            self._check_end()
        return data

    # These two are the hot path: `_inside` is written out in them, a call less for each packet.

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read what is there into `buffer` (1 byte or longer): the number of bytes, 0 at the end; never blocks.

        Raises:
            BlockingIOError: nothing is there now.
        """
        self._inside.append(None)
        try:
            if self._closed:
                raise self._gone()
            return self._sock.recv_into(buffer) or self._check_end()
        finally:
            self._inside.pop()
            if self._closed and not self._inside:
                self._sock.close()

    def send_some(self, data: bytes | memoryview, /) -> int:
        """Send what goes now: 0 .. len(data) bytes; never blocks."""
        self._inside.append(None)
        try:
            if self._closed:
                raise self._gone()
            return self._sock.send(data, NO_SIGNAL)
        except BlockingIOError:
            return 0
        finally:
            self._inside.pop()
            if self._closed and not self._inside:
                self._sock.close()

    # The same for threads that signals may interrupt: see `HasCounts`. Nothing is called between `+=` and `try`, nor in
    # `_left`: an interrupt finds this thread outside, or inside and leaving.

    def recv_counted(self, buffer: memoryview, counts: list[int], /) -> None:
        """Do what `recv_into` does, and append the number of bytes to `counts` in the same step."""
        inside = self._inside
        inside += ONE
        try:
            if self._closed:
                raise self._gone()
            counts.extend(map(self._sock.recv_into, (buffer,)))
            if not counts[-1]:
                self._check_end()
        finally:
            del inside[-1:]
            if self._closed and not inside:
                self._sock.close()

    def send_counted(self, data: bytes | memoryview, counts: list[int], /) -> None:
        """Do what `send_some` does, and append the number of bytes to `counts` in the same step."""
        inside = self._inside
        inside += ONE
        try:
            if self._closed:
                raise self._gone()
            counts.extend(map(self._sock.send, (data,), NO_SIGNALS))
        except BlockingIOError:
            counts.append(0)
        finally:
            del inside[-1:]
            if self._closed and not inside:
                self._sock.close()

    def _push(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data, NO_SIGNAL)
        except BlockingIOError:
            return 0

    def _check_end(self) -> int:
        if self._closed:  # what looks like the peer's end is our own close in another thread
            raise self._gone()
        return 0


class SocketAcceptor(_Handle):
    """A pollable acceptor over a listening stream socket, which it owns from here on and makes non-blocking.

    Args:
        sock: bound and listening.
        address: its URL as bound.
        make_link: sets the options of an accepted socket, names its peer, and returns the link.
        cleanup: runs once, at close, while the address is still ours; removes a socket file, for example.
    """

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        make_link: Callable[[socket.socket], SocketLink],
        cleanup: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(sock, address)
        self.address = address
        self._listening = sock
        self._make_link = make_link
        self._cleanup = cleanup

    @_inside
    def accept(self, timeout: float, /) -> SocketLink | None:
        """Return the next peer's link, or None if nobody came (or stayed) within `timeout` seconds; 0 never blocks.

        Raises:
            OSError: closed, or out of descriptors or memory; then the peer waits on, so pause before the next call.
        """
        if timeout > 0 and not wait_ready(self._sock, timeout):
            return None
        try:
            sock, _ = self._listening.accept()
            with close_on_error(sock):
                return self._make_link(sock)
        except OSError as error:
            if self._closed:
                raise self._gone() from error
            if error.errno in VANISHED:
                return None
            raise

    def _before_close(self) -> None:
        if self._cleanup is not None:
            self._cleanup()


@contextmanager
def close_on_error(sock: socket.socket) -> Iterator[None]:
    """Close the socket if the block raises, so that a failed connect leaves no descriptor."""
    try:
        yield
    except BaseException:
        sock.close()
        raise


def wait_ready(sock: HasFileno, timeout: float, *, writing: bool = False) -> bool:
    """Return whether a descriptor can be read (or written) within `timeout` seconds. OSError: it is closed."""
    timeout = min(timeout, LONGEST_WAIT)
    if sys.platform == "win32":
        return any(select.select([] if writing else [sock], [sock] if writing else [], [], timeout))
    poll = select.poll()  # not select: that one takes descriptors below 1,024 only
    poll.register(sock, select.POLLOUT if writing else select.POLLIN)
    return bool(poll.poll(timeout * 1000))
