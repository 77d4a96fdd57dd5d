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
from typing import Final, TypeAlias, TypeVar

from sig_core.clock import Clock
from sig_core.contract import HasRecv, HasUnixPeer, Link, LinkTraits, PeerCertificate, PollableLink
from sig_core.errors import ConnectFailed, HandshakeError, SigError, Status
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import UnlistedLock
from sig_core.io.tls.stream import TlsStream
from sig_core.links.sockets import LONGEST_SEND_WAIT, wait_ready
from sig_core.links.threads import run_in_thread
from sig_core.protocol.hello import refusal
from sig_core.session.dialects import Dialect, dialect_of, refusal_for

__all__ = ["BlockingTlsLink", "PollableTlsLink", "TlsLink", "secured"]

STREAM: Final = LinkTraits(packets=False, reliable=True)
READ: Final = 112 * 1024  # bytes of the wire that are read at once; from 128 KiB on memory is mapped anew for each
READS: Final = 4  # of the wire for one of this link: what is no data of the peer must not keep a loop
LARGEST: Final = 256 * 1024  # bytes of one read of a link that waits
LAST_WORD: Final = 0.5  # seconds that the end of TLS may take on a link whose send may wait

A = TypeVar("A")
R = TypeVar("R")
Explain: TypeAlias = Callable[[ssl.SSLError, bool], SigError]
"""Returns the error for what OpenSSL says, and whether the handshake was over."""


class TlsLink:
    """What both have in common.

    Args:
        raw: a reliable stream, or packets; it is closed with this.
        stream: of this end, at its beginning.
        explain: makes errors of those of OpenSSL.
        answers_strangers: at a server: who speaks a dialect without TLS is told so in it.
    """

    traits = STREAM

    def __init__(self, raw: Link, stream: TlsStream, explain: Explain, *, answers_strangers: bool) -> None:
        self.peer = f"tls+{raw.peer}"
        self._raw = raw
        self._tls = stream
        self._explain = explain
        self._is_first = answers_strangers  # the next bytes are the first ones
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
        return is_open

    def _receive_raw(self, timeout: float) -> bool:
        """Wait for bytes of the wire; return whether any came, or its end did."""
        try:
            data = self._raw.receive(timeout)
        except TimeoutError:
            return False
        except EOFError:
            self._tls.feed_end()
            return True
        if data:
            self._feed(data)
        return bool(data)

    def _feed(self, data: bytes) -> None:
        if self._is_first:
            self._is_first = False
            self._refuse_strangers(data)
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
    """Around a link that can be polled. At a server its handshake happens while it is read. Args: see `TlsLink`."""

    _raw: PollableLink

    def __init__(self, raw: PollableLink, stream: TlsStream, explain: Explain, *, answers_strangers: bool) -> None:
        super().__init__(raw, stream, explain, answers_strangers=answers_strangers)
        self._read_raw = raw.recv if isinstance(raw, HasRecv) else self._read_raw_into
        self._waiting: bytes | memoryview = b""  # encrypted, and not sent yet
        self._owed: list[tuple[int, int]] = []  # of each record in there its bytes, and those of the session in it

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
        return self._read(self._tls.read_into, buffer)

    def recv(self, size: int, /) -> bytes:
        """See `HasRecv`: as much as is there, though a record has 16 KiB at most."""
        parts = [self._read(self._tls.read, size)]
        left = size - len(parts[0])
        while left and parts[-1]:
            try:
                parts.append(self._read(self._tls.read, left))
            except (OSError, SigError):  # nothing more, or what the next call will say
                break
            left -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read(self, read: Callable[[A], R | None], argument: A) -> R:
        tls, reads = self._tls, 0
        while True:
            if tls.pending or tls.ended:
                try:
                    if tls.is_open or self._go_on():
                        with self._lock:
                            found = read(argument)
                        if found is not None:
                            return found
                except ssl.SSLError as error:
                    raise self._explain(error, tls.is_open) from error
            if reads == READS:
                raise BlockingIOError
            reads += 1
            data = self._read_raw(READ)
            if data:
                self._feed(data)
            else:
                tls.feed_end()

    def _read_raw_into(self, size: int) -> bytes:
        buffer = bytearray(size)
        return bytes(buffer[: self._raw.recv_into(memoryview(buffer))])

    def _go_on(self) -> bool:
        """Go on with the handshake; return whether it is over."""
        with self._lock:
            try:
                is_open = self._tls.shake_hands()
            except ssl.SSLError:
                with suppress(OSError):
                    self._say(self._tls.take_output())  # why it fails
                raise
            self._say(self._tls.take_output())
            return is_open

    def _say(self, output: bytes) -> None:
        """Send what is of no session, as far as it goes now; under the lock."""
        if output:
            self._waiting = b"".join((self._waiting, output))
            self._owed.append((len(output), 0))
            self._push()

    def send_some(self, data: bytes | memoryview, /) -> int:
        """See `PollableLink`; no data: send what TLS itself has to say."""
        with self._lock:
            if not data and not self.wants_write:
                return 0
            if not self._waiting and data:
                self._encrypt(data)
            return self._push()

    def _encrypt(self, data: bytes | memoryview) -> None:
        if not self._tls.is_open:
            raise OSError(f"{self.peer}: nothing can be sent before TLS is agreed on")
        try:
            records = self._tls.write(data)
        except ssl.SSLError as error:
            raise self._explain(error, True) from error
        self._waiting = records[0][0] if len(records) == 1 else b"".join([record for record, _ in records])
        self._owed = [(len(record), count) for record, count in records]

    def _push(self) -> int:
        """Send what is encrypted, as far as it goes now; return how much of the session that was. Under the lock."""
        waiting = self._waiting
        if not waiting:
            return 0
        left = count = self._raw.send_some(waiting)
        self._waiting = memoryview(waiting)[count:] if count < len(waiting) else b""
        owed, sent = self._owed, 0
        while owed and owed[0][0] <= left:
            size, of_session = owed.pop(0)
            left -= size
            sent += of_session
        if left:
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
                data = self.recv(READ)
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

    def __init__(self, raw: Link, stream: TlsStream, explain: Explain, *, answers_strangers: bool) -> None:
        super().__init__(raw, stream, explain, answers_strangers=answers_strangers)
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
        try:
            with self._lock:
                return self._tls.read(LARGEST)
        except ssl.SSLError as error:
            raise self._explain(error, True) from error

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
    raw: Link, stream: TlsStream, explain: Explain, *, answers_strangers: bool
) -> PollableTlsLink | BlockingTlsLink:
    """Return a link inside TLS. Args: see `TlsLink`."""
    if isinstance(raw, PollableLink):
        return PollableTlsLink(raw, stream, explain, answers_strangers=answers_strangers)
    return BlockingTlsLink(raw, stream, explain, answers_strangers=answers_strangers)
