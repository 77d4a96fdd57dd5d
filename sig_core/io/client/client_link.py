"""What one link of a client is on threads and on asyncio: it opens, passes on what its session reports, and ends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from sig_core.contract import Codec
from sig_core.errors import SigError
from sig_core.io.client.lifetime import link_failed, no_hello
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Closed, Opened, Report
from sig_core.session.client_state.inbound import Inbound

__all__ = ["ClientLink"]


class Settable(Protocol):
    """An event, of threads or of asyncio."""

    def set(self) -> None: ...


class Wakes(Protocol):
    """A writer, of threads or of asyncio."""

    def wake(self) -> None:
        """Look at once what is due."""


class ClientLink:
    """One link, but for what waits.

    Args:
        session: nothing received yet.
        inbound: takes what arrives.
        ended: called with this link, and why, when it has ended and all that came before is passed on.
        peer: names it in errors.
        opened: of the face.

    Attributes:
        codec: that was agreed on; there once the link is open.
        opened: set when the server has answered the hello, or the link has ended (`session.error` tells).
        writer: set by the face.
    """

    codec: Codec
    writer: Wakes

    def __init__(
        self,
        session: ClientSession,
        inbound: Inbound,
        ended: Callable[[Any, SigError], None],
        peer: str,
        opened: Settable,
    ) -> None:
        self.session = session
        self.limits = session.limits
        self._opened = opened
        self._inbound = inbound
        self._ended = ended
        self._peer = peer

    @abstractmethod
    def cut(self) -> None:
        """Close the link alone, without a word."""

    def check_opened(self, in_time: bool) -> None:
        """Raise why a link has not come about, if so.

        Args:
            in_time: the hello was answered, or the link ended, within the limit `handshake`.
        """
        if not in_time:
            raise no_hello(self._peer, self.limits.handshake)
        if self.session.error is not None:
            raise link_failed(self.session.error, self._peer)

    def other(self, report: Report) -> None:
        """Pass on a report that is no event, request or answer, and note what concerns the link itself."""
        if isinstance(report, Opened):
            assert self.session.encoding is not None
            self.codec = self.session.encoding
            self.writer.wake()  # only now it is known how often the server wants to hear something
            self._opened.set()
        elif isinstance(report, Closed):
            self._opened.set()
            self._ended(self, report.error)
        else:
            self._inbound.other(report)
