"""One link of a client with all that works on it: session, writer, reader."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from sig_core.contract import Codec, Link
from sig_core.errors import CarrierError, ConnectFailed, HandshakeError, RequestTimeout, SigError
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.client.reader import Reader
from sig_core.io.client.writer import Writer
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.protocol.limits import Limits
from sig_core.routing.traffic import Traffic
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Events, Opened, ReplyReceived, Report, RequestsReceived

__all__ = ["STOP", "ClientLink", "Sink"]

STOP = 2.0  # seconds that a stop waits for handlers, for output to leave, and for each thread


class Sink(Protocol):
    """What the owner of a link does with what arrives; called on the reading thread, and may run user code."""

    def events(self, link: ClientLink, report: Events) -> None:
        """Run the listeners."""

    def incoming(self, link: ClientLink, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        """Run the handler for one of the requests, and answer."""

    def other(self, link: ClientLink, report: Report) -> None:
        """Take anything else."""


class ClientLink:
    """Brings a link up, and lets threads wait for what it brings.

    Args:
        link: live.
        codecs: to offer, by name.
        limits: of the client.
        client: 32 hex digits that identify it.
        token: that the server gave it before; None: it comes for the first time.
        traffic: counts what passes, over all links of the client.
        sink: where events, requests and notices go.

    Attributes:
        codec: that was agreed on; there once the link is open.
        opened: set when the server has answered the hello, or the link has ended (`session.error` tells).
    """

    def __init__(
        self,
        link: Link,
        codecs: Mapping[str, Codec],
        limits: Limits,
        client: str,
        token: str | None,
        traffic: Traffic,
        sink: Sink,
    ) -> None:
        link = as_stream(link, dialing=True, patience=limits.handshake)
        self.opened = threading.Event()
        self.limits = limits
        self.codec: Codec
        self._sink = sink
        self.events = partial(sink.events, self)
        self.incoming = partial(sink.incoming, self)
        self._peer = link.peer
        self.session = ClientSession(
            codecs, limits, client=client, token=token, packets=link.traits.packets, now=time.monotonic()
        )
        self.session.traffic = traffic
        self.writer = Writer(self.session, link, self._tick, self._failed, self._make_room)
        self.reader = Reader(self.session, link, self.writer, self, limits)

    def open(self) -> ClientLink:
        """Send the hello; returns when the server has answered it.

        Raises:
            ConnectFailed: no answer within the limit `handshake`.
            SigError: what the answer says, or what became of the link.
        """
        self.reader.start()
        self.writer.start()
        self.writer.wake()
        try:
            if not self.opened.wait(self.limits.handshake):
                raise ConnectFailed(f"{self._peer}: no answer to the hello within {self.limits.handshake:g} s")
            if self.session.error is not None:
                raise _named(self.session.error, self._peer)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Answer what was asked, say goodbye, let what waits go out for a while, and end."""
        settled = not self.reader.is_current() and self.reader.settle(STOP)
        self.reader.leave(STOP)
        self.session.close("the client stops")
        self.writer.finish(STOP)
        if self.reader.is_current():
            return  # the thread ends the link when this callback returns
        if settled:  # else a handler hangs, and was waited for long enough
            self.reader.join(STOP)
        self.reader.cut()
        self.reader.tell_the_end()
        self.writer.stop()
        self.reader.join(STOP)
        self.writer.join(STOP)

    # -- waiting

    def finish(self, waiter: PendingReply, ident: int | None, seconds: float | None, what: str, *names: object) -> Any:
        """Send, wait for the answer, and give it; on the reading thread by reading on.

        Args:
            seconds: None: the limit `request_timeout`.
            what: was asked, with `{!r}` for each of `names`, if there are any.

        Raises:
            RequestTimeout: none came within `seconds`; it is not waited for any more.
            SigError: what the answer says.
        """
        if waiter.is_done():
            return waiter.result()
        if seconds is None:
            seconds = self.limits.request_timeout
        self.writer.flush()
        try:
            if self.reader.is_current():
                self.reader.wait_inside(waiter.is_done, seconds)
            else:
                self.reader.wait(waiter, seconds)
        finally:
            if not waiter.done and ident is not None:
                self.session.cancel(ident)
        if not waiter.done:
            self.session.check_open()
            raise RequestTimeout(f"{what.format(*names) if names else what}: no answer within {seconds:g} s")
        return waiter.result()

    # -- what arrives

    def other(self, report: Report) -> None:
        """Pass on, and note what concerns the link itself."""
        if isinstance(report, Opened):
            assert self.session.encoding is not None
            self.codec = self.session.encoding
            self.writer.wake()  # only now it is known how often the server wants to hear something
        if isinstance(report, Opened | Closed):
            self.opened.set()
        self._sink.other(self, report)

    # -- what the writer asks

    def _make_room(self) -> None:
        self.reader.make_room()

    def _tick(self, now: float) -> float:
        ended, wait = self.session.tick(now)
        late = [report for report in ended if isinstance(report, ReplyReceived)]
        self.reader.take(late)
        if late:  # callbacks of futures are user code: it must not keep the link from being kept alive
            threading.Thread(target=self.reader.run_later, name="sig-late", daemon=True).start()
        if self.session.out:
            self.writer.wake()
        return wait

    def _failed(self, error: SigError) -> None:
        self.session.fail(error)
        self.reader.cut()


def _named(error: SigError, peer: str) -> SigError:
    """Return the error of a link that did not come about, with whom it was to."""
    made = HandshakeError(f"{peer}: {error}", error.status) if isinstance(error, HandshakeError) else error
    if isinstance(error, CarrierError):
        made = ConnectFailed(f"{peer}: {error}")
    made.__cause__ = error if made is not error else error.__cause__
    return made
