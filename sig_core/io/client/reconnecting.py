"""The link of a client, over all its losses: it is dialled, lost, dialled again, and what became of it is told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from sig_core.errors import LinkClosed, LocalProtocolError, SigError
from sig_core.io.client.link import STOP, ClientLink, Sink
from sig_core.io.client.reconnect_loop import ReconnectLoop
from sig_core.io.client.state_callbacks import StateCallback, StateCallbacks
from sig_core.log import log
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits
from sig_core.routing.traffic import Traffic
from sig_core.session.base import State
from sig_core.session.reconnect import Reconnect

__all__ = ["ReconnectingConnection"]

Restore = Callable[[ClientLink, Callable[[], None]], SigError | None]

_STANDING = {"away": "; it is coming back", "gave up": "; it gave up coming back", "stopped": "; it was stopped"}


class ReconnectingConnection:
    """Dials, and comes back.

    Args:
        url, codec_names, limits, plugins: of the client.
        reconnect: None: never.
        lock: of the router; guards the state.
        sink: where links bring what arrives.
        restore: called with (link, adopt) when a link is there again, before it is told; see `Membership.restore`.
        traffic: counts what passes, over all links.

    Attributes:
        state: "new", "starting", "connected", "away", "disconnected", "gave up", "stopped" or "closed by a fork".
        link: the one there is, or was last; None before the first.
        traffic: what passed, over all links.
        losses: links that ended while it was connected.
    """

    def __init__(
        self,
        url: str,
        codec_names: list[str],
        limits: Limits,
        plugins: Plugins,
        reconnect: Reconnect | None,
        lock: threading.Lock,
        sink: Sink,
        restore: Restore,
        traffic: Traffic,
    ) -> None:
        self.state = "new"
        self.link: ClientLink | None = None
        self.traffic = traffic
        self.losses = 0
        self._url = url
        self._codec_names = codec_names
        self._limits = limits
        self._plugins = plugins
        self._lock = lock
        self._sink = sink
        self._restore = restore
        self._client = os.urandom(16).hex()
        self._token: str | None = None
        self._teller = StateCallbacks(f"sig-state {url}")
        self._comeback = None if reconnect is None else ReconnectLoop(url, reconnect, self._come_back, self._give_up)

    def start(self) -> None:
        """Dial for the first time.

        Raises:
            LocalProtocolError: it was started before.
            SigError: no link came about.
        """
        if self.state != "new":
            raise LocalProtocolError(f"this client is {self.state}: a client starts once; make another one")
        self.state = "starting"
        try:
            self.link = self._dial()
            self._arrive(self.link, "connected", None)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the link, and never dial again."""
        with self._lock:
            before, self.state = self.state, "stopped"
        if before in ("new", "stopped", "closed by a fork"):
            return
        if self._comeback is not None:
            self._comeback.stop()
        if self.link is not None:
            self.link.stop()
        if self._comeback is not None:
            self._comeback.join(STOP)
        self._teller.join(STOP)

    def on(self, state: str, callback: StateCallback) -> None:
        """Tell a state; see `StateCallbacks`."""
        self._teller.add(state, callback)

    @property
    def is_up(self) -> bool:
        """Whether a link lives."""
        return self.link is not None and self.link.session.state is State.OPEN

    def may_come(self) -> bool:
        """Whether there is a link, or may be again."""
        return self.state in ("connected", "away")

    def open_link(self) -> ClientLink:
        """Return the link that lives.

        Raises:
            LocalProtocolError: it is not started.
            LinkClosed: there is none now.
        """
        link = self.link
        if link is None:
            raise LocalProtocolError("this client is not started: call start() first, or use it in `with`")
        error = link.session.error
        if error is not None:
            raise LinkClosed(f"{self._url}: not connected: {error}{_STANDING.get(self.state, '')}") from error
        if self.state in ("stopped", "closed by a fork"):
            raise LocalProtocolError(f"this client is {self.state}")
        return link

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's, without a word on the wire."""
        if self.state not in ("new", "stopped") and self.link is not None:
            self.state = "closed by a fork"
            self.link.session.fail(LinkClosed("this is a forked child: connect anew"))
            self.link.reader.cut()

    def departed(self, link: ClientLink, error: SigError) -> None:
        """Note that a link has ended, and begin to come back."""
        expected = isinstance(error, LinkClosed) or self.state == "starting"  # then `start` raises it
        (log.info if expected else log.warning)(f"{self._url}: link closed: {error}")
        with self._lock:
            if link is not self.link or self.state != "connected":
                return
            self.losses += 1
            self.state = "away" if self._comeback is not None else "disconnected"
            self._teller.tell("disconnected", error)
        if self._comeback is not None:
            self._comeback.begin()

    # -- on the thread that dials

    def _dial(self) -> ClientLink:
        codecs = self._plugins.choose_codecs(self._codec_names)
        raw = self._plugins.connect(self._url)
        link = ClientLink(raw, codecs, self._limits, self._client, self._token, self.traffic, self._sink).open()
        if link.session.welcome is not None:
            self._token = link.session.welcome.token
        return link

    def _come_back(self) -> None:
        """Dial and restore, or raise what is in the way."""
        link = self._dial()
        try:
            problem = self._restore(link, lambda: self._adopt(link))
            self._arrive(link, "reconnected", problem)
        except BaseException:
            link.stop()
            raise
        log.info(f"{self._url}: back again")

    def _adopt(self, link: ClientLink) -> None:
        if self.state != "away":
            raise LocalProtocolError(f"this client is {self.state}")
        self.link = link

    def _arrive(self, link: ClientLink, state: str, problem: SigError | None) -> None:
        with self._lock:
            link.session.check_open()
            if self.state not in ("starting", "away"):
                raise LocalProtocolError(f"this client is {self.state}")
            self.state = "connected"
            self._teller.tell(state, problem)

    def _give_up(self, last: SigError) -> None:
        with self._lock:
            if self.state != "away":
                return
            self.state = "gave up"
            self._teller.tell("gave_up", last)
        log.error(f"{self._url}: gave up coming back: {last}")
