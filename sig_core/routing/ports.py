"""What the exchange connects: ports, and the runs of events that pass through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from sig_core.errors import SigError
from sig_core.events import Name
from sig_core.routing.traffic import Traffic

__all__ = ["Port", "Request", "Run"]


class Run:
    """Consecutive events of one route, as frames, in one codec. Immutable, shared by all ports that it goes to.

    Attributes:
        route: of all of them; 0 for what is no event and must not be dropped.
        codec: name of the codec of their payloads.
        count: how many events.
        data: their frames.
    """

    __slots__ = ("codec", "count", "data", "route")

    def __init__(self, route: int, codec: str, count: int, data: bytes) -> None:
        self.route = route
        self.codec = codec
        self.count = count
        self.data = data


@dataclass(slots=True, eq=False)
class Request:
    """A request on its way to the owner of its sender.

    Attributes:
        route, sender: whom it is for.
        method: what it asks.
        codec: name of the codec of its params.
        tail: method and params as they stand in a frame (`u8 n`, method, params).
    """

    route: int
    sender: Name
    method: str
    codec: str
    tail: bytes

    @property
    def params(self) -> bytes:
        """The encoded params."""
        return self.tail[1 + self.tail[0] :]


class Port(Protocol):
    """One side of the exchange: the link of a client, this program's own listeners, later a mesh or a board.

    Ports are called by the exchange alone; none of these methods blocks, raises or calls the user.

    Attributes:
        codec: name of the one that payloads for this port are in.
        peer: who it is, for messages and logs.
        traffic: what passed through it.
    """

    codec: str
    peer: str
    traffic: Traffic

    def stats(self) -> dict[str, Any]:
        """Tell how it stands: what `Traffic.describe` gives, and more of its own kind."""

    def takes(self, codec: str) -> bool:
        """Tell whether payloads of that codec can be delivered as they are."""

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Take events; what does not fit is dropped by the port's own rule, and counted there."""

    def renew(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Note that the sender is connected, maybe with another count of events: see `Exchange.count_of`.

        Args:
            missing: events that it fired since it was connected last, and that did not come here; 0: none are known.
            known_only: this matters only to a port that has met the route before.
        """

    def lose(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        """Note that `count` events of a run could not be delivered to this port."""

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Note that events which this port sent were not accepted."""

    def request(self, token: int, request: Request) -> SigError | None:
        """Take a request for a sender of this port, to be answered by `Exchange.complete` or `fail` under its token.

        Returns why it can't be taken, or None.
        """

    def reply(self, ident: Any, route: int, codec: str, value: bytes) -> None:
        """Take the value of a request that this port made."""

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Take the failure of a request that this port made."""

    def is_slow(self, now: float) -> bool:
        """Tell, after a delivery, whether those who feed this port are to be held back."""

    def recovers(self, now: float) -> bool:
        """Tell whether those who were held back may go on."""

    def hold(self, on: bool) -> None:
        """Stop, or resume, taking input from this port: somebody whom it feeds is slow."""
