"""Counts of what passed through a port."""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

__all__ = ["Traffic", "latencies"]

SUMS = ("arrived", "refused", "fired", "delivered", "bytes_in", "bytes_out")
REASONS, OTHERS = 100, "other reasons"  # so many are counted each for itself, of all ports that left


class Traffic:
    """The counts of one port.

    What is fired to a port is delivered, waits, or is lost: `fired == delivered + waiting + lost.total()`. `waiting` is
    counted where it waits.

    Attributes:
        arrived: events that the port sent and that were routed.
        refused: events that it sent and that were not its own to send.
        fired: events that were to be delivered to it.
        delivered: those of them that were handed over: to the link, or to the listeners.
        lost: those of them that were dropped, by reason.
        bytes_in, bytes_out: of the link, with the framing.
    """

    __slots__ = ("arrived", "bytes_in", "bytes_out", "delivered", "fired", "lost", "refused")

    def __init__(self) -> None:
        self.arrived = 0
        self.refused = 0
        self.fired = 0
        self.delivered = 0
        self.lost: Counter[str] = Counter()
        self.bytes_in = 0
        self.bytes_out = 0

    def go_on_from(self, before: Traffic) -> Self:
        """Take the place of other counts; returns itself."""
        self.lost = before.lost
        for name in SUMS:
            setattr(self, name, getattr(before, name))
        return self

    def add(self, other: Traffic) -> None:
        """Add the counts of another port."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, count in other.lost.items():  # some have a number in them that a peer chose
            self.lost[reason if reason in self.lost or len(self.lost) < REASONS else OTHERS] += count

    def describe(self, waiting: int) -> dict[str, Any]:
        """Return the counts for `stats`.

        Args:
            waiting: events that are queued.
        """
        return {
            "events": {
                "in": self.arrived,
                "refused": self.refused,
                "fired": self.fired,
                "out": self.delivered,
                "waiting": waiting,
                "lost": dict(self.lost),
            },
            "bytes": {"in": self.bytes_in, "out": self.bytes_out},
        }


def latencies(seconds: list[float]) -> dict[str, float | None]:
    """Return the median and the 99th percentile, seconds; None if there are no figures."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": None, "p99": None}
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]}
