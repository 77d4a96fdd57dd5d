"""A link inside TLS: one that can be polled, and one that waits, as the link is around which it is put.

OpenSSL is called under a lock, since two threads in one object of it crash the process: a client reads on one thread
and sends on another. Under the lock the processor works, or a system call that never waits. It knows its owner, and a
call may come in the midst of another one on the same thread (`io/sync/owned_lock`): a send inside a read does no harm,
since each takes from one direction alone, and sends do not come inside sends.

What is encrypted can't be taken back, nor dropped for a newer event. So `send_some` counts bytes only when all of their
record is out: until then it takes nothing new, and who calls begins again with the same bytes, as a link may expect.
An interrupt in the midst of a call ends the link, since nobody knows what has passed: it is no `HasCounts`.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

from sig_core.clock import Clock
from sig_core.contract import HasUnixPeer, Link, LinkTraits, PeerCertificate, PollableLink
from sig_core.errors import ConnectFailed, HandshakeError, SigError, Status
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import UnlistedLock
from sig_core.io.tls.scratch import Scratch, keep_freed_memory
from sig_core.io.tls.stream import TlsStream
from sig_core.io.tls.tally import Tally
from sig_core.links.sockets import LONGEST_SEND_WAIT, wait_ready
from sig_core.links.threads import run_in_thread
from sig_core.protocol.hello import refusal
from sig_core.session.dialects import Dialect, dialect_of, refusal_for

__all__ = ["BlockingTlsLink", "PollableTlsLink", "TlsLink", "secured"]

STREAM: Final = LinkTraits(packets=False, reliable=True)
READS: Final = 4  # of the wire for one of this link: what is no data of the peer must not keep a loop
WIRE: Final = Scratch(80 * 1024)
OVERHEAD: Final = 128  # bytes of TLS in an event of 64 KiB, at least: so it is read from the wire at once, and no more
RECORD: Final = 17 * 1024  # bytes of the longest record on the wire, and some more
MOST_READ: Final = 120 * 1024  # bytes of one `recv`
PLAIN: Final = Scratch(MOST_READ)
FIRST: Final = 1024  # bytes that are looked at to tell what a stranger speaks
LAST_WORD: Final = 0.5  # seconds that the end of TLS may take on a link whose send may wait

Explain: TypeAlias = Callable[[ssl.SSLError, bool], SigError]
"""Returns the error for what OpenSSL says, and whether the handshake was over."""


class TlsLink:
    """What both have in common.

    Args:
        raw: a reliable stream, or packets; it is closed with this.
        stream: of this end, at its beginning.
        explain: makes errors of those of OpenSSL.
        tally: at a server: counts what comes of handshakes; and who speaks a dialect without TLS is told so in it.
    """

    traits = STREAM

    def __init__(self, raw: Link, stream: TlsStream, explain: Explain, tally: Tally | None = None) -> None:
        self.peer = f"tls+{raw.peer}"
        self._raw = raw
        self._tls = stream
        self._explain = explain
        self._tally = tally  # None: the handshake is counted
        self._is_first = tally is not None  # the next bytes are the first ones of somebody who may be a stranger
        self._lock = UnlistedLock()
        self._pid = os.getpid()
        if isinstance(raw, HasUnixPeer):
            self.unix_peer = raw.unix_peer

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """See `HasPeerCertificate`."""
        with self._lock:
            return self._tls.certificate()

    def shake_hands(self, patience: float, clock: Clock = time.monotonic) -> None:
        """Agree on TLS, before anything is sent or received; for who dials.

        Raises:
            ConnectFailed: it does not succeed within `patience` seconds, or who is there is not to be trusted.
            AccessDenied: the server refuses this client.
            OSError: the link broke.
        """
        until = clock() + patience
        while not self._step():
            left = until - clock()
            if left <= 0:
                text = "it has not agreed on TLS; does it speak TLS? if not, leave tls+ out"
                raise ConnectFailed(f"{self.peer}: within {patience:g} s {text}")
            self._receive_raw(left)

    def _step(self) -> bool:
        """Go on with the handshake; return whether it is over."""
        try:
            with self._lock:
                is_open = self._tls.shake_hands()
        except ssl.SSLError as error:
            with suppress(OSError):
                self._tell(self._tls.take_output())  # why it fails
            raise self._explain(error, False) from error
        output = self._tls.take_output()
        if output:
            self._raw.send(output)
        if is_open:
            self._count()
        return is_open

    def _count(self) -> None:
        """Count the handshake: it is over, or, if it is not, it never will be."""
        tally, self._tally = self._tally, None
        if tally is None:
            return
        if self._tls.is_open:
            tally.agree(self._tls.version)
        else:
            tally.fail()

    def _receive_raw(self, timeout: float) -> bool:
        """Wait for bytes of the wire; return whether any came, or its end did."""
        try:
            data = self._raw.receive(timeout)
        except TimeoutError:
            return False
        except EOFError:
            with self._lock:
                self._tls.feed_end()
            return True
        if data:
            self._feed(data)
        return bool(data)

    def _feed(self, data: bytes | memoryview) -> None:
        if self._is_first:
            self._is_first = False
            self._refuse_strangers(bytes(data[:FIRST]))
        with self._lock:
            self._tls.feed(data)

    def _refuse_strangers(self, head: bytes) -> None:
        dialect = dialect_of(head)
        if dialect is Dialect.TLS:
            return
        text = "TLS alone is spoken at this address: tls+ before the URL of the client"
        said = refusal(Status.DENIED, text) if dialect is Dialect.BINARY else refusal_for(head, text)
        if said:
            with suppress(OSError):
                self._tell(said)
        spoken = dialect.value if dialect is not None else f"what begins with 0x{head[:1].hex()}"
        raise HandshakeError(f"it speaks {spoken}, and {text}", Status.DENIED)

    def close(self) -> None:
        """See `Link`: say the end of TLS, as far as that goes now, and close the link."""
        self._count()
        try:
            # In a forked child the link is its parent's; in the midst of another call nobody knows what is out.
            if self._tls.is_open and self._pid == os.getpid() and not self._lock.is_mine():
                with suppress(OSError):
                    self._say_end()
        finally:
            self._raw.close()

    def _say_end(self) -> None:
        raise NotImplementedError

    def _tell(self, data: bytes) -> None:
        """Send bytes of the wire, without waiting for long."""
        raise NotImplementedError


class PollableTlsLink(TlsLink):
    """Around a link that can be polled. Args: see `TlsLink`."""

    _raw: PollableLink

    def __init__(self, raw: PollableLink, stream: TlsStream, explain: Explain, tally: Tally | None = None) -> None:
        super().__init__(raw, stream, explain, tally)
        self._waiting: bytes | memoryview = b""  # encrypted, and not sent yet
        self._owed: list[tuple[int, int]] = []  # of each piece of that its bytes, and those of the session in it

    @property
    def wants_write(self) -> bool:
        """See `PollableLink`; `send_some(b"")` sends it. What is owed to a session, that sends on by itself."""
        return bool(self._owed) and not self._owed[0][1]

    @property
    def pending(self) -> bool:
        """See `HasPending`."""
        return self._tls.pending

    def fileno(self) -> int:
        """See `PollableLink`."""
        return self._raw.fileno()

    def recv_into(self, buffer: memoryview, /) -> int:
        """See `PollableLink`."""
        if not self._tls.is_open:
            raise OSError(f"{self.peer}: nothing can be received before TLS is agreed on")
        wire = WIRE.take()
        try:
            done = self._fill(buffer, wire)
        finally:
            self._tls.keep_input()
            WIRE.give_back(wire)
        if not done and not self._tls.ended:
            raise BlockingIOError
        return done

    def _fill(self, buffer: memoryview, wire: memoryview) -> int:
        """Fill `buffer` as far as that goes, `wire` is used for it; return how much. What fails behind it waits."""
        tls, size, done, reads, more = self._tls, len(buffer), 0, 0, True
        while done < size:
            if tls.pending or tls.ended:
                count = self._decrypt(buffer[done:] if done else buffer, done)
                if count == 0:  # the end, or what the next call will say
                    break
                if count is not None:
                    done += count
                    continue
            if reads == READS or (done and not more):
                break
            reads += 1
            room = wire[: max(size - done + OVERHEAD, RECORD)]
            try:
                count = self._raw.recv_into(room)
            except OSError:
                if done:
                    break  # nothing more, or what the next call will say
                raise
            more = count == len(room)
            self._take(room[:count])
        return done

    def recv(self, size: int, /) -> bytes:
        """See `HasRecv`: as much as is there, though a record has 16 KiB at most."""
        plain = PLAIN.take()
        try:
            part = plain[:size]
            return bytes(part[: self.recv_into(part)])
        finally:
            PLAIN.give_back(plain)

    def _decrypt(self, buffer: memoryview, done: int) -> int | None:
        """Fill `buffer` as far as it goes; see `TlsStream.read_into`. What fails once something was read waits."""
        try:
            with self._lock:
                return self._tls.read_into(buffer)
        except ssl.SSLError as error:
            if done:
                return 0
            raise self._explain(error, True) from error

    def go_on(self) -> bool:
        """Go on with the handshake as far as the wire goes now, for a server; return whether it is over.

        Raises:
            HandshakeError: the peer is not let in, or speaks no TLS.
            LinkLost: it has left.
            OSError: the link broke.
        """
        wire = WIRE.take()
        try:
            for _ in range(READS):
                self._take(wire[: self._raw.recv_into(wire)])
                if self._shake():
                    return True
        except BlockingIOError:
            pass  # the next call
        except ssl.SSLError as error:
            raise self._explain(error, False) from error
        finally:
            self._tls.keep_input()
            WIRE.give_back(wire)
        return False

    def _shake(self) -> bool:
        with self._lock:
            try:
                is_open = self._tls.shake_hands()
            except ssl.SSLError:
                with suppress(OSError):
                    self._say(self._tls.take_output())  # why it fails
                raise
            self._say(self._tls.take_output())
        if is_open:
            self._count()
        return is_open

    def _take(self, data: memoryview) -> None:
        """Take bytes of the wire; none: it has ended."""
        if data:
            self._feed(data)
        else:
            with self._lock:
                self._tls.feed_end()

    def _say(self, output: bytes) -> None:
        """Send what is of no session, as far as it goes now; under the lock."""
        if output:
            self._waiting = b"".join((self._waiting, output))
            self._owed.append((len(output), 0))
            self._push()

    def send_some(self, data: bytes | memoryview, /) -> int:
        """See `PollableLink`; no data: send what TLS itself has to say."""
        with self._lock:
            if self._waiting:
                return self._push() if data or self.wants_write else 0
            if not data:
                return 0
            self._encrypt(data)
            return self._push()

    def _encrypt(self, data: bytes | memoryview) -> None:
        if not self._tls.is_open:
            raise OSError(f"{self.peer}: nothing can be sent before TLS is agreed on")
        try:
            pieces = self._tls.write(data)
        except ssl.SSLError as error:
            raise self._explain(error, True) from error
        self._owed = [(len(piece), count) for piece, count in pieces]
        self._waiting = pieces[0][0] if len(pieces) == 1 else b"".join([piece for piece, _ in pieces])

    def _push(self) -> int:
        """Send what is encrypted, as far as it goes now; return how much of the session that was. Under the lock."""
        waiting, owed, sent = self._waiting, self._owed, 0
        left = count = self._raw.send_some(waiting)
        if count == len(waiting):
            self._waiting, self._owed = b"", []
            return owed[0][1] if len(owed) == 1 else sum([of_session for _, of_session in owed])
        self._waiting = memoryview(waiting)[count:]
        while owed[0][0] <= left:
            size, of_session = owed.pop(0)
            left -= size
            sent += of_session
        owed[0] = owed[0][0] - left, owed[0][1]
        return sent

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        left = memoryview(data)
        while left:
            sent = self.send_some(left)
            left = left[sent:]
            if not sent:
                wait_ready(self._raw, LONGEST_SEND_WAIT, writing=True)

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        until = time.monotonic() + timeout
        while True:
            try:
                data = self.recv(MOST_READ)
            except BlockingIOError:
                if not wait_ready(self._raw, max(0.0, until - time.monotonic())):
                    return None
                continue
            if not data:
                raise EOFError(f"{self.peer}: the peer ended the connection")
            return data

    def _say_end(self) -> None:
        with self._lock:
            self._tls.close()
            self._say(self._tls.take_output())

    def _tell(self, data: bytes) -> None:
        self._raw.send_some(data)


class BlockingTlsLink(TlsLink):
    """Around any other link. At a server its handshake happens while it is read. Args: see `TlsLink`."""

    def __init__(self, raw: Link, stream: TlsStream, explain: Explain, tally: Tally | None = None) -> None:
        super().__init__(raw, stream, explain, tally)
        self._is_sending = False

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        left = memoryview(data)
        self._is_sending = True
        try:
            while left:
                records = self._encrypt(left)
                self._raw.send(b"".join([record for record, _ in records]))
                left = left[sum(count for _, count in records) :]
        finally:
            self._is_sending = False

    def _encrypt(self, data: memoryview) -> list[tuple[bytes, int]]:
        if not self._tls.is_open:
            raise OSError(f"{self.peer}: nothing can be sent before TLS is agreed on")
        try:
            with self._lock:
                return self._tls.write(data)
        except ssl.SSLError as error:
            raise self._explain(error, True) from error

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        tls, until = self._tls, time.monotonic() + timeout
        while True:
            if (tls.pending or tls.ended) and (tls.is_open or self._step()):
                data = self._decrypt()
                if data:
                    return data
                if data is not None:
                    raise EOFError(f"{self.peer}: the peer ended the connection")
            if not self._receive_raw(max(0.0, until - time.monotonic())):
                return None

    def _decrypt(self) -> bytes | None:
        plain = PLAIN.take()
        try:
            with self._lock:
                count = self._tls.read_into(plain)
            return None if count is None else bytes(plain[:count])
        except ssl.SSLError as error:
            raise self._explain(error, True) from error
        finally:
            PLAIN.give_back(plain)

    def _say_end(self) -> None:
        if self._is_sending:  # what comes behind it may never leave
            return
        with self._lock:
            self._tls.close()
            output = self._tls.take_output()
        self._tell(output)

    def _tell(self, data: bytes) -> None:
        done = Latch()

        def send() -> None:
            with suppress(OSError):
                self._raw.send(data)
            done.set()

        run_in_thread(send, f"sig-tls-end {self.peer}")  # a send may wait for a peer that does not read
        done.wait(LAST_WORD)


def secured(
    raw: Link, stream: TlsStream, explain: Explain, tally: Tally | None = None
) -> PollableTlsLink | BlockingTlsLink:
    """Return a link inside TLS. Args: see `TlsLink`."""
    keep_freed_memory()
    if isinstance(raw, PollableLink):
        return PollableTlsLink(raw, stream, explain, tally)
    return BlockingTlsLink(raw, stream, explain, tally)
