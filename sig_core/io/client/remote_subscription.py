"""What a client asked the server to hear: once for each pattern, however many listeners of its own it has."""

from __future__ import annotations

import threading
from typing import Any

from sig_core.errors import SigError
from sig_core.events import Pattern
from sig_core.io.client.link import ClientLink
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.session.base import State

__all__ = ["RemoteSubscription"]

_guard = threading.Lock()  # of all of them: there may be many thousands, and nobody holds it for long


class RemoteSubscription:
    """One `add_listener` call, and later its `remove_listener`. Who adds a further listener waits for the same answer.

    Args:
        link: to the server.
        pattern: to hear.
    """

    __slots__ = ("_ended", "_error", "_ident", "_pattern", "_waiting", "link")

    def __init__(self, link: ClientLink, pattern: Pattern) -> None:
        self.link = link
        self._pattern = pattern
        self._waiting: list[PendingReply] | None = []  # None: it is answered
        self._ident: Any = None
        self._error: SigError | None = None
        self._ended = False
        link.session.call("add_listener", {"sender": pattern[0], "event": pattern[1]}, self._answered)

    def wait(self) -> None:
        """Return when the server has answered, or raise what it said."""
        waiter = PendingReply()
        with _guard:
            if self._waiting is None:
                waiter.tell(None, self._error)
            else:
                self._waiting.append(waiter)
        self.link.finish(waiter, None, None, f"add_listener {self._pattern}")

    def end(self) -> None:
        """Take it back, now or as soon as it is answered."""
        with _guard:
            self._ended = True
            answered = self._waiting is None
        if answered:
            self._take_back()

    def _answered(self, response: Any, error: SigError | None) -> None:
        with _guard:
            self._ident = response.get("listener_id") if isinstance(response, dict) else None
            self._error = error
            waiting, self._waiting = self._waiting or [], None
            ended = self._ended
        for waiter in waiting:
            waiter.tell(None, error)
        if ended:
            self._take_back()

    def _take_back(self) -> None:
        session = self.link.session
        if self._ident is not None and session.state is State.OPEN:
            session.call("remove_listener", {"listener_id": self._ident}, _ignore)


def _ignore(value: Any, error: SigError | None) -> None:
    return None
