"""One handle, many peers: links made of a medium (a UDP socket, a CAN bus, a radio).

    def connect(self, address):
        return dial(RadioMedium(address), address.port)

    def listen(self, address):
        return demux(RadioMedium(address))

A medium has one thread that reads it; sends go out one at a time, by the threads that ask for them. It is closed once,
with what stands on it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress

from sig_core.contract import LinkTraits, Medium
from sig_core.links.close_once import CloseOnce, failure
from sig_core.links.threads import start_thread
from sig_core.log import log

__all__ = ["MediumAcceptor", "MediumLink", "demux", "dial"]

QUEUE = 256  # packets that wait for the reader of one link, and links that wait to be accepted; more are lost
MAX_PEERS = 10_000  # links of one medium
IDLE_TIMEOUT = 60.0  # seconds without a packet after which a link is taken for dead
READ_TIMEOUT = 0.05  # seconds after which the thread looks whether it should end
END_TIMEOUT = 2.0  # seconds that its end is waited for: a medium that keeps to its timeouts needs one READ_TIMEOUT


def dial(medium: Medium, peer: Hashable) -> MediumLink:
    """Return the link to one peer of a medium; packets of others are dropped.

    Args:
        medium: live; it is closed with the link.
        peer: as the medium names it, in `send_to` and from `receive_from`.

    Not promised: that the peer is there. Only what comes from it shows that.
    """
    return _Hub(medium, peer).link_to(peer)


def demux(medium: Medium) -> MediumAcceptor:
    """Return an acceptor with a link for each peer that is heard.

    Args:
        medium: live; it is closed when the acceptor and all of its links are.
    """
    return MediumAcceptor(_Hub(medium, None))


class MediumLink:
    """The packets of one peer.

    A peer of an acceptor that says nothing for 60 s is taken for dead; what runs above has signs of life that come more
    often. Up to 256 packets wait to be received; more are lost, as on the medium itself.

    Attributes:
        traits: of the medium.
        peer: its scheme, and the peer in text.
    """

    def __init__(self, hub: _Hub, peer: Hashable) -> None:
        self.traits: LinkTraits = hub.medium.traits
        self.peer = hub.name_of(peer)
        self.heard_at = time.monotonic()
        self._hub = hub
        self._at = peer
        self._packets: queue.Queue[bytes | None] = queue.Queue(QUEUE)

    def put(self, packet: bytes) -> None:
        """Take a packet of the peer; what finds no room is lost, as on the medium itself."""
        self.heard_at = time.monotonic()
        try:
            self._packets.put_nowait(packet)
        except queue.Full:
            self._hub.overrun += 1

    def wake(self) -> None:
        """Let a blocked `receive` look again."""
        try:
            self._packets.put_nowait(None)
        except queue.Full:
            return  # it has something to look at

    def send(self, data: bytes, /) -> None:
        """Send a packet; waits while another link of the medium sends.

        Raises:
            EOFError: the link is closed.
            OSError: the medium is broken, or refuses the packet.
        """
        self._hub.check(self._at, self)
        self._hub.send(data, self._at)

    def receive(self, timeout: float, /) -> bytes | None:
        """Return the next packet, or None if none came within `timeout` seconds.

        Raises:
            EOFError: the link is closed.
            OSError: the medium is broken.
        """
        try:
            packet = self._packets.get(timeout=timeout) if timeout > 0 else self._packets.get_nowait()
        except queue.Empty:
            packet = None
        if packet is None:
            self._hub.check(self._at, self)
        return packet

    def close(self) -> None:
        """Close the link, and the medium, if nothing else stands on it; may be called again. Its peer is not told."""
        self._hub.remove(self._at, self)


class MediumAcceptor:
    """Returns a link for each peer that is heard for the first time, or again after its link was closed.

    Attributes:
        address: of the medium.
    """

    def __init__(self, hub: _Hub) -> None:
        self.address = hub.address
        self._hub = hub

    @property
    def traits(self) -> LinkTraits:
        """Of the medium."""
        return self._hub.medium.traits

    def deliver_to(self, receiver: Callable[[bytes, Hashable], None]) -> None:
        """Make no links any more: pass all packets on, with the peer they are of, on the medium's thread."""
        self._hub.receiver = receiver

    def check(self) -> None:
        """Raise OSError if the medium is broken."""
        self._hub.check_medium()

    def send(self, data: bytes, peer: Hashable) -> None:
        """Send a packet; waits while another one is sent.

        Raises:
            OSError: the medium is broken, or refuses the packet.
        """
        self._hub.send(data, peer)

    def name_of(self, peer: Hashable) -> str:
        """Return what a link to this peer is called."""
        return self._hub.name_of(peer)

    def accept(self, timeout: float, /) -> MediumLink | None:
        """Return the next peer's link, or None if nobody new was heard within `timeout` seconds.

        Raises:
            OSError: the medium is broken.
        """
        try:
            link = self._hub.new.get(timeout=timeout) if timeout > 0 else self._hub.new.get_nowait()
        except queue.Empty:
            link = None
        if link is None:
            self._hub.check_medium()
        return link

    def close(self) -> None:
        """Return no link any more, and close those that were not accepted; the others live on."""
        self._hub.close_to_new()


class _Hub:
    """A medium, its links, and the one thread that reads it.

    Args:
        medium: live.
        only: the peer that is dialled; None: each peer that is heard gets a link.
    """

    def __init__(self, medium: Medium, only: Hashable | None) -> None:
        self.medium = medium
        self.new: queue.Queue[MediumLink] = queue.Queue(QUEUE)
        self.address = medium.address
        self.overrun = 0  # packets and peers for which there was no room
        self.receiver: Callable[[bytes, Hashable], None] | None = None
        self._error: Exception | None = None
        self._accepting = only is None
        self._lock = threading.RLock()
        self._sending = threading.RLock()
        self._links: dict[Hashable, MediumLink] = {}
        self._once = CloseOnce(medium, self.address)
        self._thread = threading.Thread(target=self._run, name=f"sig-medium {self.address}", daemon=True)
        if only is None:
            self._start()

    def link_to(self, peer: Hashable) -> MediumLink:
        """Return the only link there is."""
        link = self._links[peer] = MediumLink(self, peer)
        self._start()
        return link

    def name_of(self, peer: Hashable) -> str:
        """Return what a link to this peer is called."""
        return f"{self.address.partition('://')[0]}://{_text_of(peer)}"

    def _start(self) -> None:
        try:
            start_thread(self._thread)
        except BaseException:
            self._once.close()
            raise

    def send(self, data: bytes, peer: Hashable) -> None:
        """Send a packet, one at a time."""
        with self._sending:
            self.medium.send_to(data, peer)

    def check(self, peer: Hashable, link: MediumLink) -> None:
        """Raise OSError if the medium is broken, EOFError if the link is closed."""
        self.check_medium()
        if self._links.get(peer) is not link:
            raise EOFError(f"{link.peer}: the link is closed")

    def check_medium(self) -> None:
        """Raise OSError if the medium is broken."""
        if self._error is not None:
            raise OSError(f"{self.address}: the medium broke: {self._error}") from self._error

    def remove(self, peer: Hashable, link: MediumLink) -> None:
        """Close a link."""
        with self._lock:
            if self._links.get(peer) is link:
                del self._links[peer]
        link.wake()
        self._end_if_unused()

    def close_to_new(self) -> None:
        """Take nobody in any more."""
        with self._lock:
            self._accepting = False
        with suppress(queue.Empty):
            while True:
                self.new.get_nowait().close()
        self._end_if_unused()

    def _end_if_unused(self) -> None:
        if self._is_used or threading.current_thread() is self._thread:
            return
        self._thread.join(END_TIMEOUT)
        self._once.close()

    @property
    def _is_used(self) -> bool:
        return self._accepting or bool(self._links)

    def _run(self) -> None:
        idle_at = time.monotonic() + IDLE_TIMEOUT
        try:
            while self._is_used:
                self._take_one()
                if time.monotonic() >= idle_at:
                    self._close_idle()
                    idle_at = time.monotonic() + IDLE_TIMEOUT / 4
        except BaseException as error:  # a panic of a compiled driver, too
            self._error = failure(self.address, error)
        finally:
            self._once.close()
            for link in list(self._links.values()):
                link.wake()
            if self.overrun:
                log.warning(f"{self.address}: {self.overrun} packets found no room, and were lost")

    def _take_one(self) -> None:
        try:
            got = self.medium.receive_from(READ_TIMEOUT)
        except TimeoutError:
            return
        if got is None:
            return
        packet, peer = got
        if self.receiver is not None:
            self.receiver(packet, peer)
            return
        link = self._links.get(peer) or self._link_of_new(peer)
        if link is not None:
            link.put(packet)

    def _link_of_new(self, peer: Hashable) -> MediumLink | None:
        with self._lock:  # `close_to_new` closes what was accepted before, and nothing may come after
            if not self._accepting:
                return None
            if len(self._links) >= MAX_PEERS or self.new.full():
                self.overrun += 1
                return None
            link = self._links[peer] = MediumLink(self, peer)
            self.new.put_nowait(link)
            return link

    def _close_idle(self) -> None:
        now = time.monotonic()
        for peer, link in self._links.copy().items():
            if self._accepting and now - link.heard_at >= IDLE_TIMEOUT:
                log.info(f"{link.peer}: nothing was heard for {IDLE_TIMEOUT:g} s")
                self.remove(peer, link)


def _text_of(peer: Hashable) -> str:
    if not isinstance(peer, tuple):
        return str(peer)
    host, *port = map(str, peer[:2])  # of a socket address; those of IPv6 have more
    return ":".join((f"[{host}]" if ":" in host else host, *port))
