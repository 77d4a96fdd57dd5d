"""What a server keeps on disk for durable listeners, and what a store has to do for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sig_core.errors import StoreDamaged, StoreFailed, StoreTooNew
from sig_core.events import Name, Pattern

__all__ = ["EXPIRED", "Durable", "KeptEvent", "Store", "StoreDamaged", "StoreFailed", "StoreTooNew"]


EXPIRED: Final = "too old, or too much (max_durable_age, max_durable_bytes)"
"""Why a store itself loses events."""


@dataclass(slots=True)
class Durable:
    """A durable, and how it stands.

    Attributes:
        name: of it.
        owner: the user to whom it belongs; "": nobody.
        pattern: sender and event that it hears.
        last: the last position that was given away, to what was kept or is counted as lost.
        acknowledged: nothing up to this position is needed again.
        sent: what is kept up to this position may have been heard.
        lost: events that were to be kept, and were not, or not until they were heard, by reason.
        bytes, events: that are kept.
    """

    name: str
    owner: str
    pattern: Pattern
    last: int = 0
    acknowledged: int = 0
    sent: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    events: int = 0


@dataclass(slots=True)
class KeptEvent:
    """An event that is kept.

    Attributes:
        position: of it in its durable, from 1 on.
        sender, event: what it is.
        codec: name of the codec of what follows.
        info: encoded additions; b"": there are none.
        data: encoded.
        at: time of day when it came, seconds.
    """

    position: int
    sender: Name
    event: Name
    codec: str
    info: bytes
    data: bytes
    at: float


class Store(Protocol):
    """Keeps events for durables.

    All calls come from one thread. Each raises `StoreFailed` where it can't be done now: nothing is done then, and
    later it may be. What concerns a durable that is not there does nothing, and finds nothing.
    """

    def open(self) -> None:
        """Make ready what is kept; before any other call.

        Raises:
            StoreInUse: another process has it.
            StoreDamaged: what is there is no store, or a damaged one; it is left as it is.
            StoreTooNew: a newer version made it; it is left as it is.
        """

    def close(self) -> None:
        """Leave what is kept as it is; it may be opened again."""

    def durables(self) -> list[Durable]:
        """Return all of them, as they stand."""

    def add(self, durable: Durable) -> None:
        """Begin to keep events for a durable of a new name."""

    def drop(self, name: str) -> None:
        """Forget a durable, and all that is kept for it."""

    def append(self, events: Sequence[tuple[str, KeptEvent]]) -> None:
        """Keep events, each with the name of its durable; positions grow. All or none, on disk when it returns."""

    def read(self, name: str, after: int, events: int, size: int) -> list[KeptEvent]:
        """Return the next events of a durable, in order.

        Args:
            name: of the durable.
            after: the position behind which they begin; what is acknowledged may be among them.
            events: at most so many.
            size: at most so many bytes of `info` and `data`, but one event if there is any.
        """

    def mark(self, name: str, *, acknowledged: int | None, sent: int | None) -> None:
        """Note how far a durable is, see `Durable`; None, or less than it was, changes nothing."""

    def lose(self, name: str, lost: Mapping[str, int], *, last: int) -> None:
        """Count events of a durable that are not kept.

        Args:
            name: of it.
            lost: so many more, by reason.
            last: positions up to this one are given away.
        """

    def expire(self, name: str, *, before: float, size: int) -> int:
        """Lose the oldest events of a durable, a bounded number in one call.

        Args:
            name: of the durable.
            before: what came before this time of day is too old.
            size: so many bytes are kept at most.

        Returns:
            how many were lost.
        """
