"""What all ports of the exchange have in common: a bounded queue of what they get, its counts, and their stalls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from sig_core.access.principal import Principal
from sig_core.errors import Busy, SigError
from sig_core.events import Name, Pattern
from sig_core.protocol.limits import Limits
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import Run
from sig_core.routing.traffic import Traffic

__all__ = ["NOT_ALLOWED", "QueuedPort"]

NOT_ALLOWED = "not allowed any more"  # why events are dropped that waited when the rules changed

NO_SLOTS: tuple[str, ...] = ()


def _ignore() -> None:
    return None


class QueuedPort:
    """A port that queues what is delivered to it: the part of `Port` that does not depend on who is behind it.

    A subclass delivers and takes from the queue by itself, since that is the hot path; here is what happens beside it.

    Args:
        peer: printable, for messages and logs.
        codec: name of the codec that payloads for this port are in; "": not known yet.
        limits: what it may cost; for `stall` seconds it may pause the ports that feed it.
        outbox: what waits for it.
        traffic: what passed through it.

    Attributes:
        lost: events that were to reach it and did not, by reason.
        makes_messages: one of each event for each listener; else it passes on what it gets.
        principal: whom the rules know it as; None: there are none, or it is this program's own.
        reading_paused: its own input is not to be read, since a port that it feeds is slow.
        incomplete: bytes of messages that it has begun.
        unsent: bytes that were taken for it and that its link does not take yet.
        asked: bytes that its open requests take elsewhere.
        on_change: called when output appears where there was none, and when `reading_paused` changes.
    """

    # A server has thousands of sessions, which have slots; but no class can have two bases with slots of their own. So
    # there are none here: a subclass with `__slots__` names these in it.
    __slots__ = NO_SLOTS
    makes_messages = False
    SLOTS = (
        *("_outbox", "asked", "codec", "incomplete", "limits", "on_change", "peer", "principal"),
        *("reading_paused", "traffic", "unsent"),
    )

    def __init__(self, peer: str, codec: str, limits: Limits, outbox: Outbox, traffic: Traffic) -> None:
        self.peer = peer
        self.codec = codec
        self.limits = limits
        self.traffic = traffic
        self.principal: Principal | None = None
        self.reading_paused = False
        self.incomplete = self.asked = self.unsent = 0
        self.on_change: Callable[[], None] = _ignore
        self._outbox = outbox

    # -- what numbers stand for

    def names_at(self, route: int) -> tuple[Name, Name | None] | None:
        """Return what a number stands for at whoever is behind it: most of them know no numbers."""
        return None

    @property
    def listeners(self) -> int:
        """See `Port`."""
        return self._count_listeners()

    def _count_listeners(self) -> int:
        """Return how many its peer has; of this program nobody says how many they may be."""
        return 0

    def measure(self, traffic: Traffic) -> None:
        """See `Port`."""
        self.traffic = traffic
        self._note_traffic(traffic)

    def _note_traffic(self, traffic: Traffic) -> None:
        """Let others who count what passes here do so in `traffic`."""

    # -- what did not reach it

    @property
    def lost(self) -> Counter[str]:
        """Events that were to reach it and did not, by reason."""
        return self.traffic.lost

    def note_lost(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        """Count events that can't be delivered."""
        self._learn(run.route, sender, event)
        self.traffic.fired += count
        self._lose(run.route, count, reason)

    def _learn(self, route: int, sender: Name, event: Name) -> None:
        """Note what a route stands for; for ports that have to know it."""

    def _lose(self, route: int, count: int, reason: str) -> None:
        """Count events that were fired to this port, and tell whoever is behind it if that is possible."""
        if count:  # a value that waited because it was the last one is counted elsewhere
            self.traffic.lost[reason] += count

    def refuse(self, route: int, count: int, error: SigError) -> None:
        """Count events that were not this port's to send."""
        self.traffic.refused += count

    def sender_removed(self, name: Name, routes: int, error: SigError) -> None:
        """Note that a sender of this port was removed without its doing."""
        self._forget_sender(routes)

    def refuse_pattern(self, pattern: Pattern, error: SigError) -> None:
        """Note that nothing of what matches a pattern comes any more."""
        self._tell_refused(pattern, error)

    def _tell_refused(self, pattern: Pattern, error: SigError) -> None:
        """Tell whoever is behind it, if that is possible."""

    def expel(self, error: SigError) -> None:
        """End the link: its peer is not admitted any more."""
        self._end_link(error)

    def _forget_sender(self, routes: int) -> None:
        """Count a sender with so many routes no more; for ports that count theirs."""

    def _end_link(self, error: SigError) -> None:
        """End the link, if there is one, because of `error`."""

    def rules_changed(self) -> None:
        """Drop what waits and may not be heard any more, and tell of patterns of which nothing may."""

    # -- an interrupt in the midst of a call, see `sig_core/interrupts.py`

    def has_waiting(self, runs: Collection[Run]) -> bool:
        """Return whether one of these runs waits for it."""
        return self._outbox.holds(runs)

    def mend(self) -> None:
        """Be whole again, and have what waits sent."""
        self._outbox.recount()
        self.on_change()

    # -- stalls

    def is_slow(self, now: float) -> bool:
        """Return whether the ports that feed this one are to be paused; see `Outbox`."""
        outbox = self._outbox
        return (outbox.size > outbox.high_water or outbox.stalled or outbox.dropping) and outbox.begins_stall(now)

    def recovers(self, now: float) -> bool:
        """Return whether the ports that were paused because of this one may go on; see `Outbox`."""
        return self._outbox.ends_stall(now, self.limits.stall)

    def set_reading_paused(self, on: bool) -> None:
        """Stop, or resume, taking input from this port: a port that it feeds is slow."""
        self.reading_paused = on
        self.on_change()

    # -- memory, see `MemoryHolder`

    def footprint(self, *, exact: bool) -> int:
        """Return the bytes that are held for it."""
        return self._outbox.weight(exact=exact) + self.incomplete + self.asked + self.unsent

    def give_way(self, error: Busy) -> bool:
        """Hold less; a port that can't end by itself drops all that waits."""
        if not self._outbox.shed():
            self._outbox.clear()
        return True

    # -- figures

    def stats(self) -> dict[str, Any]:
        """See `Port.stats`; brings the traffic up to date."""
        self.traffic.delivered = self._outbox.taken  # counted there, where runs leave joined
        return self._figures(self._outbox.waiting)

    def account(self, route: int) -> dict[str, Any] | None:
        """See `Port`."""
        return self._account(route)

    def _account(self, route: int) -> dict[str, Any] | None:
        """Return that where it is known: most count all that they hear together."""
        return None

    def _figures(self, waiting: int) -> dict[str, Any]:
        return {
            "peer": self.peer,
            **self._own_figures(),
            "queue": self._outbox.describe(),
            "held": self.reading_paused,
            **self.traffic.describe(waiting),
        }

    def _own_figures(self) -> dict[str, Any]:
        """Return what only this kind of port tells in `stats`."""
        return {}
