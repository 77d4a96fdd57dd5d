"""Within one process: `local://lab`. Packets through two bounded queues, no system call and no short cut."""

from __future__ import annotations

import errno
import itertools
import threading
from collections import deque

from sig_core.address import Address
from sig_core.contract import AddressTraits, HasAddressTraits, HasOptions, HasTrial, LinkTraits
from sig_core.errors import ConfigError

__all__ = ["LocalCarrier"]

BACKLOG = 128  # connections that may wait for accept

_listeners: dict[str, LocalAcceptor] = {}
_registry = threading.RLock()  # a destructor may stop a server in the midst of a call of this


class LocalCarrier(HasOptions, HasTrial, HasAddressTraits):
    """Links between threads of one process; deliberately without a descriptor to poll.

    Args:
        max_bytes: what each direction of a connection holds, 1 and more; one larger packet passes alone.
        max_packets: how many packets that may be, 1 and more.
    """

    scheme = "local"
    trial = "local://sig-trial"
    options: frozenset[str] = frozenset()

    def __init__(self, max_bytes: int = 1 << 20, max_packets: int = 1024) -> None:
        if max_bytes < 1 or max_packets < 1:
            raise ConfigError(f"local: bounds of {max_bytes} bytes and {max_packets} packets; both must be 1 or more")
        self._bounds = max_bytes, max_packets

    def connect(self, address: Address, /) -> LocalLink:
        """Connect to a server; its bounds hold.

        Raises:
            ConfigError: the URL has no name, or more than a name.
            ConnectionRefusedError: nobody listens, or 128 connections wait to be accepted.
        """
        name = _name(address)
        with _registry:
            acceptor = _listeners.get(name)
        if acceptor is None:
            raise _refused(name, "nobody listens")
        return acceptor._offer()

    def listen(self, address: Address, /) -> LocalAcceptor:
        """Take a name.

        Raises:
            ConfigError: the URL has no name, or more than a name.
            OSError: the name is taken.
        """
        name = _name(address)
        with _registry:
            if name in _listeners:
                raise OSError(errno.EADDRINUSE, f"local://{name}: the name is taken; close its server or take another")
            acceptor = _listeners[name] = LocalAcceptor(name, self._bounds)
        return acceptor

    def address_traits(self, address: Address, /) -> AddressTraits:
        """Return that no other process can connect here."""
        return AddressTraits(between_processes=False, within_machine=True)


class LocalAcceptor:
    """Hands out the server's ends of new connections."""

    def __init__(self, name: str, bounds: tuple[int, int]) -> None:
        self.address = f"local://{name}"
        self._name = name
        self._bounds = bounds
        self._numbers = itertools.count(1)
        self._change = threading.Condition()
        self._waiting: deque[LocalLink] = deque()
        self._closed = False

    def accept(self, timeout: float, /) -> LocalLink | None:
        """Return the next peer's link, or None if nobody came within `timeout` seconds. OSError: closed."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._closed, _limited(timeout))
            if self._closed:
                raise _closed(self.address)
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Return the name back and end the connections that nobody accepted; those that were accepted live on."""
        with _registry:
            if _listeners.get(self._name) is self:
                del _listeners[self._name]
        with self._change:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._change.notify_all()
        for link in waiting:
            link.close()

    def _offer(self) -> LocalLink:
        there, back = _Pipe(*self._bounds), _Pipe(*self._bounds)
        with self._change:
            if self._closed:
                raise _refused(self._name, "nobody listens")
            if len(self._waiting) >= BACKLOG:
                raise _refused(self._name, f"{BACKLOG} connections wait to be accepted, more are not kept")
            self._waiting.append(LocalLink(f"{self.address}#{next(self._numbers)}", back, there))
            self._change.notify_all()
        return LocalLink(self.address, there, back)


class LocalLink:
    """One end of a connection. Every method but `close` raises OSError after it."""

    traits = LinkTraits(packets=True, reliable=True)

    def __init__(self, peer: str, out: _Pipe, into: _Pipe) -> None:
        self.peer = peer
        self._out = out
        self._into = into
        self._closed = False

    def send(self, data: bytes, /) -> None:
        """Send one packet; blocks while the queue is full. BrokenPipeError: either side closed, also meanwhile."""
        if self._closed:
            raise _closed(self.peer)
        if not self._out.put(bytes(data)):
            raise BrokenPipeError(errno.EPIPE, f"{self.peer}: the connection was closed; this packet is not sent")

    def receive(self, timeout: float, /) -> bytes | None:
        """Return one packet, or None if none came within `timeout` seconds.

        Raises:
            EOFError: the peer closed, and all that it had sent was received.
        """
        try:
            return self._into.get(timeout)
        except EOFError:
            if self._closed:
                raise _closed(self.peer) from None
            raise EOFError(f"{self.peer}: the peer closed the connection") from None

    def close(self) -> None:
        """End both directions; what was sent can still be received there, what was not received here is dropped."""
        self._closed = True
        self._out.end()
        self._into.end(drop=True)


class _Pipe:
    """One direction: a queue of packets, bounded by bytes and by number."""

    def __init__(self, max_bytes: int, max_packets: int) -> None:
        self._max_bytes = max_bytes
        self._max_packets = max_packets
        self._packets: deque[bytes] = deque()
        self._size = 0
        self._over = False  # nothing more goes in
        self._change = threading.Condition()

    def put(self, packet: bytes) -> bool:
        """Add a packet, waiting for room; False: it is over, and the packet is not in."""
        with self._change:
            self._change.wait_for(lambda: self._over or self._has_room(len(packet)))
            if self._over:
                return False
            self._packets.append(packet)
            self._size += len(packet)
            self._change.notify_all()
            return True

    def get(self, timeout: float) -> bytes | None:
        """Take the next packet; None: none came within `timeout` seconds. EOFError: over and empty."""
        with self._change:
            self._change.wait_for(lambda: self._packets or self._over, _limited(timeout))
            if self._packets:
                packet = self._packets.popleft()
                self._size -= len(packet)
                self._change.notify_all()
                return packet
            if self._over:
                raise EOFError
            return None

    def end(self, *, drop: bool = False) -> None:
        """Let nothing more in; with `drop`, forget also what is in."""
        with self._change:
            self._over = True
            if drop:
                self._packets.clear()
                self._size = 0
            self._change.notify_all()

    def _has_room(self, size: int) -> bool:
        if not self._packets:
            return True
        return len(self._packets) < self._max_packets and self._size + size <= self._max_bytes


def _name(address: Address) -> str:
    if not address.host or address.port is not None or address.path:
        raise ConfigError(f"address {address.url!r}: takes a name and nothing else, as in local://lab")
    return address.host


def _limited(timeout: float) -> float:
    return min(timeout, threading.TIMEOUT_MAX)


def _refused(name: str, reason: str) -> ConnectionRefusedError:
    return ConnectionRefusedError(errno.ECONNREFUSED, f"local://{name}: {reason}")


def _closed(name: str) -> OSError:
    return OSError(errno.EBADF, f"{name}: closed on this side; open another one")
