"""What a client knows of its durable listeners on a link: whose events come on which route, and who waits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from sig_core.errors import LocalProtocolError, RemoteProtocolError
from sig_core.events import Name, Pattern
from sig_core.protocol.messages import Notice
from sig_core.protocol.wire import cut_position
from sig_core.session.binary.reports import Due, Kept, ReplyCallback, Report
from sig_core.session.binary.server_messages import read_durable, read_kept_name

__all__ = ["KeptInput"]


class Calls(Protocol):
    """Makes a call of the protocol; see `ClientSession.call`."""

    def __call__(
        self, method: str, params: dict[str, Any], when: ReplyCallback, *, read: Callable[[Any], Any]
    ) -> int: ...


def _nobody() -> None:
    return None


class KeptInput:
    """The part of a `ClientSession` that is for durable listeners.

    Args:
        call: makes calls.

    Attributes:
        agreed: the server knows durable listeners.
        on_remind: called when a tick is to come soon; set by who made the link.
    """

    __slots__ = ("_begun", "_call", "_due", "_names", "agreed", "on_remind")

    def __init__(self, call: Calls) -> None:
        self.agreed = False
        self.on_remind: Callable[[], object] = _nobody
        self._call = call
        self._names: dict[tuple[int, int], tuple[Name, Name]] = {}  # by listener and its route
        self._due: dict[int, float] = {}  # listeners that wait: when they go on, monotonic seconds
        self._begun: dict[int, float] = {}  # those that have begun to since the last tick: for how long

    def ask(self, name: str, pattern: Pattern, when: ReplyCallback) -> int:
        """Ask to hear what a server keeps under a name, and return the id of the call.

        Raises:
            LocalProtocolError: the server keeps nothing for anybody.
        """
        if not self.agreed:
            raise LocalProtocolError(f"durable {name!r}: this server knows no durable listeners; bring it up to date")
        params = {"sender": pattern[0], "event": pattern[1], "durable": name}
        return self._call("add_listener", params, when, read=read_durable)

    def forget(self, ident: int) -> None:
        """Forget a listener that has left."""
        self._due.pop(ident, None)
        self._begun.pop(ident, None)
        for key in [key for key in self._names if key[0] == ident]:
            self._names.pop(key, None)

    def learn(self, message: Notice) -> None:
        """Take what a route stands for; raises RemoteProtocolError where the notice is not as it must be."""
        key, names = read_kept_name(message)
        self._names[key] = names

    def take(self, head: int, route: int, body: bytes) -> Kept:
        """Return the event in a frame.

        Raises:
            RemoteProtocolError: it was never told what its route stands for.
        """
        ident, position, data = cut_position(head, route, body)
        names = self._names.get((ident, route))
        if names is None:
            raise RemoteProtocolError(f"a durable event of listener {ident} on route {route}, which was never told")
        return Kept(*names, ident, position, data)

    # -- time

    def remind(self, seconds: float, ident: int) -> None:
        """Let a listener know when so many seconds have passed."""
        self._begun[ident] = seconds
        self.on_remind()

    @property
    def waits(self) -> bool:
        """Whether a listener does."""
        return bool(self._begun or self._due)

    def tick(self, now: float, found: list[Report]) -> float:
        """Report the listeners whose while has passed; return the seconds until the next one's has."""
        begun, self._begun = self._begun, {}
        self._due.update((ident, now + seconds) for ident, seconds in begun.items())
        for ident, when in self._due.copy().items():
            if when <= now and self._due.pop(ident, None) is not None:  # it may leave meanwhile
                found.append(Due(ident))
        return min(self._due.values(), default=math.inf) - now
