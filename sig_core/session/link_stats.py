"""How the link of a client stands, for `stats`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from sig_core.events import Pattern
from sig_core.routing.outbox import Outbox
from sig_core.routing.traffic import Traffic

__all__ = ["link_stats"]


class Members(Protocol):
    """What a client has registered."""

    @property
    def senders(self) -> int:
        """How many it has connected."""

    @property
    def patterns(self) -> Collection[Pattern]:
        """What it listens to, each pattern once."""


def link_stats(
    members: Members, outbox: Outbox, traffic: Traffic, *, peer: str, client: str, codec: str, reading_paused: bool
) -> dict[str, Any]:
    """Tell what `Port.stats` of a client's link tells; brings the traffic up to date."""
    traffic.delivered = outbox.taken  # counted there, where runs leave joined
    return {
        "peer": peer,
        "client": client,
        "codec": codec,
        "senders": members.senders,
        "subscriptions": len(members.patterns),
        "queue": outbox.describe(),
        "held": reading_paused,
        **traffic.describe(outbox.waiting),
    }
