"""Streams over the packets of a medium with many peers: one thread for all, and nothing for who proved nothing."""

from __future__ import annotations

import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from typing import Final

from sig_core.clock import NEVER, Clock
from sig_core.datagram.cookies import Cookies
from sig_core.datagram.endpoint import HIGH_WATER
from sig_core.datagram.reception import Reception, asks_for_another
from sig_core.datagram.stream import PacketStream, Phase
from sig_core.datagram.wire import Datagram, Wire
from sig_core.io.adapters.datagram_stream import ASSUMED_MTU
from sig_core.links.shared_medium import MediumAcceptor
from sig_core.links.sockets import SocketLink
from sig_core.links.threads import start_thread
from sig_core.log import LimitedLog

__all__ = ["DatagramAcceptor"]

PACKETS: Final = 4096  # that wait for the thread; more are lost, as on the medium itself
LINKS: Final = 256  # that wait to be accepted
CHUNK: Final = 65_536  # bytes that are read of a session at once
LONGEST_WAIT: Final = 0.25  # seconds after which the thread looks what is due
DEAD: Final = 60.0  # seconds without a packet after which a peer is taken for dead


class _Peer:
    """A peer that has proved itself. Its session is at the other end of a pair of sockets.

    Attributes:
        at: as the medium names it.
        stream: of its packets.
        far: this end of the pair.
        rest: of what came, and the session has no room for.
        left: the session has ended its link.
        told: the session was told that the peer has ended.
        watched: for what the socket is watched.
        heard_at: monotonic seconds.
    """

    __slots__ = ("at", "far", "heard_at", "left", "rest", "stream", "told", "watched")

    def __init__(self, at: Hashable, stream: PacketStream, far: socket.socket, now: float) -> None:
        self.at = at
        self.stream = stream
        self.far = far
        self.rest = b""
        self.left = self.told = False
        self.watched = 0
        self.heard_at = now


class DatagramAcceptor:
    """Returns a link for each peer that has dialled, and has shown that it gets what is sent to its address.

    Links can be polled. What was sent before one was closed still arrives, if the peer takes it within 2 s.

    Args:
        acceptor: of the medium; it is closed when this and all of its links are.
        clock: monotonic seconds.

    Attributes:
        address: of the medium.
    """

    def __init__(self, acceptor: MediumAcceptor, clock: Clock = time.monotonic) -> None:
        self.address = acceptor.address
        self._acceptor = acceptor
        self._clock = clock
        self._log = LimitedLog(clock)
        self._wire = Wire(acceptor.traits.mtu or ASSUMED_MTU)
        self._reception = Reception(self._wire, Cookies(os.urandom(16)))
        self._peers: dict[Hashable, _Peer] = {}
        self._due: dict[_Peer, float] = {}  # when a stream has something to do, if nothing comes
        self._touched: dict[_Peer, None] = {}
        self._new: queue.Queue[SocketLink | None] = queue.Queue(LINKS)  # None: no further one comes
        self._came: deque[tuple[bytes, Hashable]] = deque()
        self._overrun = 0
        self._closing = False
        self._look_at = clock() + DEAD
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        for end in (self._bell, self._rope):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"sig-packets {self.address}", daemon=True)
        try:
            start_thread(self._thread)
        except BaseException:
            self._end()
            raise
        acceptor.deliver_to(self._put)

    # -- from any thread

    def accept(self, timeout: float, /) -> SocketLink | None:
        """See `Acceptor`.

        Raises:
            OSError: the medium is broken.
        """
        link: SocketLink | None = None
        with suppress(queue.Empty):
            link = self._new.get(timeout=timeout) if timeout > 0 else self._new.get_nowait()
        if link is None:
            self._acceptor.check()
        return link

    def close(self) -> None:
        """Take nobody in any more; links that were accepted live on, and the medium as long as one of them does."""
        self._closing = True
        if self._thread.is_alive():
            self._ring()
            return
        # It has ended before; or this is a forked child, and all but the descriptors is its parent's.
        for end in (self._bell, self._rope, *(peer.far for peer in self._peers.values())):
            end.close()
        self._selector.close()
        self._acceptor.close()

    @property
    def is_alive(self) -> bool:
        """Whether a link lives, or it is not closed."""
        return self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait until the last link has ended, at most `timeout` seconds."""
        self._thread.join(timeout)

    def _put(self, packet: bytes, peer: Hashable) -> None:
        """Take a packet, on the medium's thread."""
        if len(self._came) >= PACKETS:
            self._overrun += 1
            return
        self._came.append((packet, peer))
        if len(self._came) == 1:
            self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # it has been rung, or nobody is there any more
            self._rope.send(b"\0")

    # -- the thread

    def _run(self) -> None:
        try:
            while not self._closing or self._peers:
                self._turn()
        except OSError as error:
            self._log.warning(f"{self.address}: {error}")
        finally:
            self._end()

    def _end(self) -> None:
        for peer in list(self._peers.values()):
            peer.stream.lose("the medium broke")
            self._drop(peer)
        with suppress(queue.Empty):
            while (link := self._new.get_nowait()) is not None:
                link.close()
        self._new.put_nowait(None)  # who waits for a link learns at once that the medium broke
        self._acceptor.close()
        self._selector.close()
        for end in (self._bell, self._rope):
            end.close()
        if self._overrun:
            self._log.warning(f"{self.address}: {self._overrun} packets found no room, and were lost")
        self._log.flush()

    def _turn(self) -> None:
        """Take what came from sessions and from the medium, then send what follows from it, and what is due."""
        wait = min(self._due.values(), default=NEVER) - self._clock()
        for key, _ in self._selector.select(max(0.0, min(LONGEST_WAIT, wait))):
            if key.data is None:
                self._bell.recv(CHUNK)
            else:
                self._take_from_session(key.data)
        self._acceptor.check()
        now = self._clock()
        for _ in range(len(self._came)):
            self._take(*self._came.popleft(), now)
        if now >= self._look_at:
            self._end_dead(now)
        touched, self._touched = self._touched, {}
        for peer in [*touched, *[peer for peer, due in self._due.items() if due <= now and peer not in touched]]:
            self._pump(peer, now)
        self._log.tick()

    def _end_dead(self, now: float) -> None:
        self._look_at = now + DEAD / 4
        for peer in self._peers.values():
            if now - peer.heard_at >= DEAD:
                peer.stream.lose(f"nothing was heard for {DEAD:g} s")
                self._touched[peer] = None

    # -- what comes

    def _take(self, data: bytes, at: Hashable, now: float) -> None:
        packet, peer = self._wire.open(data), self._peers.get(at)
        if packet is None:
            return
        if peer is None or asks_for_another(packet, peer.stream.epoch):
            self._greet(packet, at, now)
        else:
            peer.heard_at = now
            peer.stream.receive(packet, now)
            self._touched[peer] = None

    def _greet(self, packet: Datagram, at: Hashable, now: float) -> None:
        """Let somebody in who proves that the answer to an earlier packet has reached him."""
        before = self._peers.get(at)
        answer = self._reception.answer(packet, at, now, None if before is None else before.stream.epoch)
        if answer is not None:
            if answer:
                self._send(answer, at)
        elif not self._closing and not self._new.full():
            if before is not None:
                before.stream.lose("the peer has begun anew")
                self._drop(before)
            self._admit(packet.epoch, at, now)
        else:
            self._overrun += 1

    def _admit(self, epoch: int, at: Hashable, now: float) -> None:
        try:
            near, far = socket.socketpair()
        except OSError as error:  # no descriptor is left
            self._log.error(f"{self.address}: can't accept: {error}")
            return
        far.setblocking(False)
        stream = PacketStream(self._wire, epoch, now, dialing=False)
        peer = self._peers[at] = _Peer(at, stream, far, now)
        self._touched[peer] = None
        self._new.put_nowait(SocketLink(near, self._acceptor.name_of(at)))

    def _take_from_session(self, peer: _Peer) -> None:
        self._touched[peer] = None
        if peer.left or not self._wants_to_read(peer):
            return
        try:
            data = peer.far.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            peer.stream.write(data)
        else:
            peer.left = True
            peer.stream.finish(self._clock())

    # -- what follows

    def _send(self, packet: bytes, at: Hashable) -> None:
        with suppress(OSError):  # a medium that is broken says so at the next turn; what it refuses is lost
            self._acceptor.send(packet, at)

    def _pump(self, peer: _Peer, now: float) -> None:
        """Send what is due, and pass on what came."""
        stream = peer.stream
        if self._peers.get(peer.at) is not peer:
            return
        self._pass_on(peer)
        for packet in stream.packets(now):
            self._send(packet, peer.at)
        if stream.phase is Phase.CLOSED and (not peer.rest or peer.left or stream.error is not None):
            self._drop(peer)
            return
        due = stream.due
        if due < NEVER:
            self._due[peer] = due
        else:
            self._due.pop(peer, None)
        self._watch(peer)

    def _pass_on(self, peer: _Peer) -> None:
        stream = peer.stream
        while data := peer.rest or stream.read():
            try:
                peer.rest = b"" if peer.left else data[peer.far.send(data) :]
            except BlockingIOError:
                peer.rest = data
                return
            except OSError:  # the session has closed its link; that it has left is seen by reading
                peer.rest = b""
        if stream.ended and not peer.told:
            peer.told = True
            with suppress(OSError):
                peer.far.shutdown(socket.SHUT_WR)

    def _wants_to_read(self, peer: _Peer) -> bool:
        return not peer.left and peer.stream.queued < HIGH_WATER

    def _watch(self, peer: _Peer) -> None:
        wanted = selectors.EVENT_READ if self._wants_to_read(peer) else 0
        if peer.rest:
            wanted |= selectors.EVENT_WRITE
        if wanted == peer.watched:
            return
        if not wanted:
            self._selector.unregister(peer.far)
        elif not peer.watched:
            self._selector.register(peer.far, wanted, peer)
        else:
            self._selector.modify(peer.far, wanted, peer)
        peer.watched = wanted

    def _drop(self, peer: _Peer) -> None:
        del self._peers[peer.at]
        self._due.pop(peer, None)
        if peer.watched:
            self._selector.unregister(peer.far)
        peer.far.close()
        counts = ", ".join(f"{count} {what}" for what, count in peer.stream.counts().items() if count)
        if counts:
            self._log.info(f"{self._acceptor.name_of(peer.at)}: packets on this link: {counts}")
