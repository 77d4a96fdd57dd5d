"""What the exchange connects: ports, and what passes through them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sig_core.access.principal import Principal
from sig_core.errors import SigError
from sig_core.events import Name, Pattern
from sig_core.protocol.runs import frames_of, longest_frame
from sig_core.protocol.wire import params_of
from sig_core.routing.memory_budget import MemoryHolder
from sig_core.routing.traffic import Traffic

__all__ = ["Port", "RequestBatch", "Run", "TakesLast", "request_each"]


class Run:
    """Consecutive events of one route, as frames, in one codec. Immutable, shared by all ports that it goes to.

    Attributes:
        route: of all of them; 0 for what is no event and must not be dropped.
        codec: name of the codec of their payloads.
        count: how many events.
        data: their frames.
    """

    __slots__ = ("_fitting", "_longest", "codec", "count", "data", "route")
    _longest: int
    _fitting: tuple[int, Run]

    def __init__(self, route: int, codec: str, count: int, data: bytes) -> None:
        self.route = route
        self.codec = codec
        self.count = count
        self.data = data

    def fitting(self, limit: int) -> Run:
        """Return the run without the frames whose `length` is above a limit: itself, if there is none.

        What is found out is kept: a run goes to many ports.
        """
        try:
            longest = self._longest  # not there before the first look: most runs are never asked
        except AttributeError:
            longest = self._longest = longest_frame(self.data)
        if longest <= limit:
            return self
        try:
            known, found = self._fitting
        except AttributeError:
            known, found = -1, self
        if known != limit:
            kept = [frame for frame in frames_of(self.data) if len(frame) - 4 <= limit]
            found = Run(self.route, self.codec, len(kept), b"".join(kept))
            self._fitting = limit, found
        return found


@dataclass(slots=True, eq=False)
class RequestBatch:
    """Requests for one method of a sender, on their way to its owner.

    Attributes:
        route, sender: whom they are for.
        method: that they call.
        codec: name of the codec of their params.
        tails: method and params of each as they stand in a frame (`u8 n`, method, params), under its token.
    """

    route: int
    sender: Name
    method: str
    codec: str
    tails: dict[int, bytes]


TakeRequest = Callable[[int, RequestBatch, bytes], SigError | None]


def request_each(batch: RequestBatch, take: TakeRequest) -> list[tuple[int, SigError]]:
    """Do what `Port.request` has to do, request by request.

    Args:
        batch: the requests.
        take: called with (token, batch, encoded params) of each; returns why it can't be taken, or None.

    Returns:
        The tokens of those that were not taken, each with why.
    """
    taken = ((token, take(token, batch, params_of(tail))) for token, tail in batch.tails.items())
    return [(token, error) for token, error in taken if error is not None]


class Port(MemoryHolder, Protocol):
    """One side of the exchange: the link of a client, this program's own listeners, later a mesh or a board.

    Ports are called by the exchange alone; none of these methods blocks, raises or calls the user.

    Attributes:
        codec: name of the codec that payloads for this port are in.
        peer: who it is, for messages and logs.
        makes_messages: one of each event for each listener; else it passes on what it gets.
        principal: whom the rules know it as; None: there are none, or it is this program's own.
        traffic: what passed through it.
        asked: bytes that its open requests take; the exchange notes them.
        listeners: that it has, as its peer counts them.
    """

    codec: str
    peer: str
    makes_messages: bool
    principal: Principal | None
    traffic: Traffic
    asked: int

    @property
    def listeners(self) -> int:
        """See above."""

    def measure(self, traffic: Traffic) -> None:
        """Count what passes in `traffic` from now on, which has the counts so far."""

    def stats(self) -> dict[str, Any]:
        """Return its figures for `stats`: those of `Traffic.describe`, and more of its own kind."""

    def account(self, route: int) -> dict[str, Any] | None:
        """Return what became of the events of a route: "fired", "delivered", "waiting", "lost"; None: it can't tell."""

    def accepts_codec(self, codec: str) -> bool:
        """Return whether payloads of that codec can be delivered as they are."""

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Take events; what does not fit is dropped by the port's own rule, and counted there.

        Args:
            run: the events.
            sender, event: what they are.
        """

    def has_waiting(self, runs: Collection[Run]) -> bool:
        """Return whether one of these runs, the objects themselves, waits for it."""

    def mend(self) -> None:
        """Be whole again after an interrupt in the midst of one of these calls, and have what waits sent."""

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Note that the sender is connected, maybe with another count of events: see `Exchange.count_of`.

        Args:
            route: of the event.
            sender, event: what the route stands for.
            missing: events that it fired since it was connected last, and that did not come here; 0: none are known.
            known_only: this matters only to a port that has had events of the route before.
        """

    def names_at(self, route: int) -> tuple[Name, Name | None] | None:
        """Return (sender, event), or (sender, None), that a number stands for at whoever is behind it; else None."""

    def note_lost(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        """Note that events can't be delivered to this port.

        Args:
            run: that they belong to.
            sender, event: what they are.
            count: how many.
            reason: why, in words; losses are counted by it.
        """

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Note that events which this port sent were not accepted.

        Args:
            route: that they were sent on.
            count: how many.
            error: why.
        """

    def sender_removed(self, name: Name, routes: int, error: SigError) -> None:
        """Note that a sender of this port was removed without its doing.

        Args:
            name: of the sender.
            routes: that it had.
            error: why.
        """

    def refuse_pattern(self, pattern: Pattern, error: SigError) -> None:
        """Note that nothing of what matches a pattern comes any more.

        Args:
            pattern: that the port listens to.
            error: why.
        """

    def expel(self, error: SigError) -> None:
        """End the link: its peer is not admitted any more."""

    def rules_changed(self) -> None:
        """Drop what waits and may not be heard any more, and tell of patterns of which nothing may."""

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Take requests, at least one, for a sender of this port; `Requests.complete` or `fail` ends each by its token.

        Returns:
            The tokens of those that can't be taken, each with why.
        """

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """Take the answers to requests that this port made.

        Args:
            route: that they were made on.
            codec: name of the codec of the values.
            values: the port's own id and the encoded value of each, at least one.
        """

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Take the failure of a request that this port made.

        Args:
            ident: the port's own id of the request.
            route: that it was made on.
            error: why.
        """

    def is_slow(self, now: float) -> bool:
        """Return, after a delivery, whether the ports that feed this one are to be paused."""

    def recovers(self, now: float) -> bool:
        """Return whether the ports that were paused because of this one may go on."""

    def set_reading_paused(self, on: bool) -> None:
        """Stop, or resume, taking input from this port: somebody whom it feeds is slow."""


@runtime_checkable
class TakesLast(Protocol):
    """A port that takes last values. (Apart from `Port`: what keeps them is one, too, and does not.)"""

    def tell_last(self, run: Run, sender: Name, event: Name) -> bool:
        """Take the value of a state event whose owner is back: it was not fired just now, and who has it leaves it out.

        Args:
            run: one event, in a codec that the port accepts.
            sender, event: what it is.

        Returns:
            Whether it was taken.
        """
