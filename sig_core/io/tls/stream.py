"""TLS of one link without its link: bytes of the wire go in and come out, and so do those of the session above."""

from __future__ import annotations

import ssl
from typing import Any, Final

from sig_core.contract import PeerCertificate

__all__ = ["MOST", "TlsStream"]

RECORD: Final = 16 * 1024  # bytes of plain text in one record at most
PIECE: Final = 2 * RECORD  # bytes of the wire that OpenSSL is given at once: what it has grown for that, a link keeps
MOST: Final = 5  # records of one `write`: an event of 64 KiB, with what is around it
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

    Errors of `ssl` come out as they are; what was read before one is given first.
    """

    __slots__ = (
        *("_failure", "_incoming", "_input", "_is_dry", "_outgoing", "_read", "_tls", "_write"),
        *("ended", "is_open"),
    )

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, name: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, name)
        self._read: Any = self._tls.read  # bytes, or with a buffer how many it got
        self._write: Any = self._tls.write  # of any buffer
        self._input = NOTHING  # what OpenSSL was not given yet
        self._is_dry = True
        self._failure: ssl.SSLError | None = None
        self.is_open = False
        self.ended = False

    # -- the wire

    @property
    def pending(self) -> bool:
        """Whether a read may give something without more input."""
        return not (self._is_dry or self.ended) or self._failure is not None

    def feed(self, data: bytes) -> None:
        """Take bytes of the wire, once nothing is `pending`."""
        self._input = memoryview(data)
        self._is_dry = False

    def feed_end(self) -> None:
        """Note that the wire has ended, once nothing is `pending`."""
        self._incoming.write_eof()
        self._is_dry = False

    def take_output(self) -> bytes:
        """Return what TLS itself has to say, at its beginning, at its end, or of an error; b"": nothing."""
        return self._outgoing.read()

    def _feed_more(self) -> bool:
        """Give OpenSSL what it wants; False: there is nothing."""
        if not self._input:
            self._is_dry = True
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
                self._note(1)
        return True

    def read_into(self, view: memoryview) -> int | None:
        """Fill `view` as far as there is something; return how much. 0 is the end; None: it needs more input."""
        done, size = 0, len(view)
        while not (self._is_dry or self.ended or done == size or self._failure):
            try:
                count = self._read(size - done, view[done:] if done else view)
            except ssl.SSLWantReadError:
                if not self._feed_more():
                    break
            except ssl.SSLError as error:
                self._fail(error)
            else:
                done += count
                self._note(count)
        return done if done or self._is_over() else None

    def read(self, size: int) -> bytes | None:
        """Return what there is, at most `size` bytes; b"" is the end; None: it needs more input."""
        found: list[bytes] = []
        while size and not (self._is_dry or self.ended or self._failure):
            try:
                data = self._read(size)
            except ssl.SSLWantReadError:
                if not self._feed_more():
                    break
            except ssl.SSLError as error:
                self._fail(error)
            else:
                found.append(data)
                size -= len(data)
                self._note(len(data))
        data = found[0] if len(found) == 1 else b"".join(found)
        return data if data or self._is_over() else None

    def _note(self, count: int) -> None:
        """Note how much OpenSSL gave; nothing is the end."""
        if not count:
            self.ended = True
        elif not (self._input or self._incoming.pending or self._tls.pending()):
            self._is_dry = True

    def _fail(self, error: ssl.SSLError) -> None:
        """Keep what broke it: the next time OpenSSL would call it an end in order."""
        self._failure = error

    def _is_over(self) -> bool:
        if self._failure is not None:
            raise self._failure
        return self.ended

    def write(self, data: bytes | memoryview) -> list[tuple[bytes, int]]:
        """Return the records that data becomes, MOST of them at most, each with how many bytes of it that takes.

        The handshake must be over.
        """
        if len(data) <= RECORD:
            return [self._record(data)]
        view = memoryview(data)[: MOST * RECORD]
        return [self._record(view[begin : begin + RECORD]) for begin in range(0, len(view), RECORD)]

    def _record(self, data: bytes | memoryview) -> tuple[bytes, int]:
        count = self._write(data)
        return self._outgoing.read(), count

    def close(self) -> None:
        """End it in order: there is output that says so. Only once the handshake is over."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # the answer of the other end is not waited for; or it has failed, and there is nothing to end

    # -- who is there

    def certificate(self) -> PeerCertificate | None:
        """Return what the other end has shown, and was verified; None: it has shown nothing, or not yet."""
        from hashlib import sha256  # not every server asks

        if not self.is_open:
            return None
        whole, facts = self._tls.getpeercert(binary_form=True), self._tls.getpeercert()
        if not whole or not facts:
            return None
        return PeerCertificate(facts, sha256(whole).hexdigest())
