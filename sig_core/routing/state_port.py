"""The port that hears all state events, so that their last values are kept, and other events cost nothing more."""

from __future__ import annotations

from typing import Any

from sig_core.errors import Busy, SigError
from sig_core.events import Name
from sig_core.protocol.limits import Limits
from sig_core.routing.last_values import LastValues
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.queued_port import QueuedPort
from sig_core.routing.traffic import Traffic

__all__ = ["StatePort"]


class StatePort(QueuedPort):
    """A target of events like others; it has no queue, no senders and no link.

    Args:
        limits: of the exchange.
        values: where it puts what it hears.

    Attributes:
        codec: in which this program's own state events are encoded for it.
    """

    def __init__(self, limits: Limits, values: LastValues) -> None:
        super().__init__("last values", "", limits, Outbox(limits.max_state, self._lose), Traffic())
        self._values = values

    def accepts_codec(self, codec: str) -> bool:
        """Any: a value is kept as it came."""
        return True

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Keep the last of these events."""
        self._values.put(run)

    def mend(self) -> None:
        """See `Port`."""
        self._values.recount()

    def note_lost(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        """Nothing is lost here."""

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Counts are of no matter here."""

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """It has no senders."""
        return [(token, Busy("nobody answers here")) for token in batch.tails]

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """It asks nothing."""

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """It asks nothing."""
