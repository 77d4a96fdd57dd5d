"""TLS of one link without its link: bytes of the wire go in and come out, and so do those of the session above."""

from __future__ import annotations

import ssl
from typing import Any, Final

from sig_core.contract import PeerCertificate

__all__ = ["MOST", "TlsStream"]

PIECE: Final = 32 * 1024  # bytes, two records, that OpenSSL is given at once: what it has grown for that, a link keeps
MOST: Final = 3  # pieces of one `write`: an event of 64 KiB, with what is around it
NOTHING: Final = memoryview(b"")


class TlsStream:
    """Turns bytes into those of TLS and back; no I/O, and not thread-safe: two threads in one of these crash OpenSSL.

    Args:
        context: of this end.
        server_side: the other end began.
        name: that the certificate of the other end must have; None: that is not looked at.

    Attributes:
        is_open: the handshake is over.
        ended: the other end has closed TLS in order, and all that it had sent was read.
        pending: a read may give something without more input.

    Errors of `ssl` come out as they are; what was read before one is given first.
    """

    __slots__ = (
        *("_failure", "_incoming", "_input", "_outgoing", "_read", "_tls", "_write"),
        *("ended", "is_open", "pending"),
    )

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, name: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, name)
        self._read: Any = self._tls.read  # bytes, or with a buffer how many it got
        self._write: Any = self._tls.write  # of any buffer
        self._input = NOTHING  # what OpenSSL was not given yet
        self._failure: ssl.SSLError | None = None
        self.pending = False
        self.is_open = False
        self.ended = False

    # -- the wire

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes of the wire, once nothing is `pending`. They may change once `keep_input` was called."""
        self._incoming.write(data if len(data) <= PIECE else memoryview(data)[:PIECE])
        self._input = NOTHING if len(data) <= PIECE else memoryview(data)[PIECE:]
        self.pending = True

    def keep_input(self) -> None:
        """Copy what is left of what was fed."""
        if self._input:
            self._input = memoryview(bytes(self._input))

    def feed_end(self) -> None:
        """Note that the wire has ended, once nothing is `pending`."""
        self._incoming.write_eof()
        self.pending = True

    def take_output(self) -> bytes:
        """Return what TLS itself has to say, at its beginning, at its end, or of an error; b"": nothing."""
        return self._outgoing.read()

    def _feed_more(self) -> bool:
        """Give OpenSSL what it wants; False: there is nothing."""
        if not self._input:
            self.pending = False
            return False
        self._incoming.write(self._input[:PIECE])
        self._input = self._input[PIECE:] if len(self._input) > PIECE else NOTHING
        return True

    # -- the session

    def shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is over. There may be output, even if it raises."""
        while not self.is_open:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if not self._feed_more():
                    return False
            else:
                self.is_open = True
                self.pending = bool(self._incoming.pending or self._input or self._tls.pending())
        return True

    def read_into(self, view: memoryview) -> int | None:
        """Fill `view` as far as there is something; return how much. 0 is the end; None: it needs more input."""
        done, size = 0, len(view)
        read, incoming, more = self._read, self._incoming, self.pending and self._failure is None
        while more:
            try:
                count = read(size - done, view[done:] if done else view)
            except ssl.SSLWantReadError:
                more = self._feed_more()
                continue
            except ssl.SSLError as error:
                self._failure = error  # kept: the next time OpenSSL would call it an end in order
                break
            done += count
            if not count:
                self.ended, self.pending = True, False
                break
            more = done < size
            if not (incoming.pending or self._input or self._tls.pending()):
                self.pending = False  # which saves a read in vain
                break
        if self._failure is not None and not done:
            raise self._failure
        return done if done or self.ended else None

    def write(self, data: bytes | memoryview) -> list[tuple[bytes, int]]:
        """Return the pieces that data becomes, MOST of them at most, each with how many bytes of it that takes.

        The handshake must be over.
        """
        write, read, size = self._write, self._outgoing.read, len(data)
        if size <= PIECE:
            write(data)
            return [(read(), size)]
        view = memoryview(data)[: MOST * PIECE]
        pieces = []
        for begin in range(0, len(view), PIECE):
            count = write(view[begin : begin + PIECE])
            pieces.append((read(), count))
        return pieces

    def close(self) -> None:
        """End it in order: there is output that says so. Only once the handshake is over."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # the answer of the other end is not waited for; or it has failed, and there is nothing to end

    # -- who is there

    @property
    def version(self) -> str:
        """Of TLS, as `TLSv1.3`; "" before the handshake is over."""
        return self._tls.version() or ""

    def certificate(self) -> PeerCertificate | None:
        """Return what the other end has shown, and was verified; None: it has shown nothing, or not yet."""
        from hashlib import sha256  # not every server asks

        if not self.is_open:
            return None
        whole, facts = self._tls.getpeercert(binary_form=True), self._tls.getpeercert()
        if not whole or not facts:
            return None
        return PeerCertificate(facts, sha256(whole).hexdigest())
