"""What a client's session tells its owner: values, never exceptions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sig_core.errors import SigError
from sig_core.events import Name, Pattern
from sig_core.protocol.hello import Welcome

__all__ = [
    *("Bound", "Closed", "Due", "Events", "Gap", "Kept", "KeptLost", "Last", "LastTold", "Opened", "Refused"),
    *("ReplyCallback", "ReplyReceived", "Report", "RequestsReceived", "Unbound"),
]

ReplyCallback = Callable[[Any, SigError | None], None]
"""Told the end of a call or request: (value, None) or (None, error). Runs no user code: who reads the link calls it."""


@dataclass(slots=True, eq=False)
class Opened:
    """The server took us in."""

    welcome: Welcome


@dataclass(slots=True, eq=False)
class Bound:
    """The next event of (sender, event) is number `count` + 1 of its sender's `life`.

    Attributes:
        life: "": it keeps no counts.
        anew: what was fired since that was told last was not meant for this client.
        number: of all that came on the link.
        is_state: its last value is kept.
    """

    sender: Name
    event: Name
    life: str
    count: int
    anew: bool = False
    number: int = 0
    is_state: bool = False


@dataclass(slots=True, eq=False)
class Unbound:
    """These (sender, event) are not connected any more, and their server has forgotten them."""

    topics: list[tuple[Name, Name]]


@dataclass(slots=True, eq=False)
class Events:
    """Events of one (sender, event), as whole frames."""

    sender: Name
    event: Name
    count: int
    data: bytes


@dataclass(slots=True, eq=False)
class Last:
    """The last value of a state event, as a whole frame; it was not fired just now.

    Attributes:
        ident: of the question that it answers; 0: of none.
    """

    sender: Name
    event: Name
    ident: int
    data: bytes


@dataclass(slots=True, eq=False)
class LastTold:
    """All values have come that there were.

    Attributes:
        ident: of the question.
        lost: values that did not come, though there are such.
        response: of the call that asked.
    """

    ident: int
    lost: int
    response: Any = None


@dataclass(slots=True, eq=False)
class Kept:
    """An event that was kept for a durable listener.

    Attributes:
        ident: of the listener.
        position: of the event among those that were kept for it.
        data: the event, as a whole frame.
    """

    sender: Name
    event: Name
    ident: int
    position: int
    data: bytes


@dataclass(slots=True, eq=False)
class KeptLost:
    """So many events do not come to a durable listener. `ident`: of the listener."""

    ident: int
    count: int
    reason: str


@dataclass(slots=True, eq=False)
class Due:
    """A while has passed. `ident`: of the durable listener that wanted to know."""

    ident: int


@dataclass(slots=True, eq=False)
class RequestsReceived:
    """Requests for one of our senders: (id, method, encoded params); answer each with `reply` or `fail_to`."""

    route: int
    sender: Name
    requests: deque[tuple[int, str, bytes]]


@dataclass(slots=True, eq=False)
class ReplyReceived:
    """A call or request has ended: `tell(value, error)` passes it on."""

    when: ReplyCallback
    value: Any
    error: SigError | None

    def tell(self) -> None:
        """Pass it on to who asked."""
        self.when(self.value, self.error)


@dataclass(slots=True, eq=False)
class Gap:
    """Events that did not reach us (`sent` false), or that we sent and the server dropped (`sent` true)."""

    sender: Name
    event: Name | None
    count: int
    reason: str
    sent: bool = False


@dataclass(slots=True, eq=False)
class Refused:
    """The rules of the server took something away.

    Attributes:
        sender: of ours, that was removed; None: it is a pattern.
        pattern: of which nothing comes any more.
        reason: the server's words.
    """

    sender: Name | None
    pattern: Pattern | None
    reason: str


@dataclass(slots=True, eq=False)
class Closed:
    """The session has ended."""

    error: SigError


Message = Opened | Bound | Unbound | Events | Last | LastTold | Kept | KeptLost | RequestsReceived | ReplyReceived
Report = Message | Due | Gap | Refused | Closed
