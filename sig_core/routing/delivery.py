"""Delivery: how a listener wants its events to wait for it, and what gives way where too many do."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sig_core.address import did_you_mean
from sig_core.description import described
from sig_core.errors import ConfigError
from sig_core.events import Info
from sig_core.routing.handlers import is_coroutine_function

__all__ = ["OVERFLOWS", "Delivery", "KeyOf", "OnLost"]

OVERFLOWS: Final = ("block", "oldest", "newest", "latest")
MOST: Final = 10_000_000  # events of one queue

KeyOf: TypeAlias = Callable[[Info, Any], Hashable]
"""What `f(info, data)` returns is equal for events of which only the newest is wanted."""

OnLost: TypeAlias = Callable[[int, str, Info, Info], object]
"""A callback `f(count, reason, first, last)`: so many events did not reach a listener, and why; `first` and `last` are
the infos of the first and the last of them."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A queue of its own for a listener, which then delays nobody else. Immutable; may be given to many listeners.

    Args:
        queue: events that may wait, 1 to 10,000,000.
        overflow: what happens where there is no room for an event: "block": who delivers it waits; "oldest": the event
            that has waited longest gives way; "newest": it does not get in itself; "latest": it takes the place of an
            older one with the same key, however much room there is; and of the oldest where there is none.
        key: of "latest" alone: returns what is equal for events of which only the newest is wanted; None: each event of
            each sender is one such thing. It runs on the thread that delivers, and must be quick.

    Raises:
        ConfigError: one of them is not as it must be, or they contradict each other.
    """

    queue: int = 1000
    overflow: str = "block"
    key: KeyOf | None = None

    def __post_init__(self) -> None:
        if isinstance(self.queue, bool) or not isinstance(self.queue, int) or not 1 <= self.queue <= MOST:
            raise ConfigError(f"delivery: queue={self.queue!r}: must be a whole number of events, 1 to {MOST}")
        if not isinstance(self.overflow, str) or self.overflow not in OVERFLOWS:
            meant = did_you_mean(str(self.overflow), list(OVERFLOWS))
            raise ConfigError(f"delivery: overflow={self.overflow!r}{meant}: one of {', '.join(OVERFLOWS)}")
        if self.key is None:
            return
        if self.overflow != "latest":
            text = f"key={described(self.key)} has no meaning with overflow={self.overflow!r}"
            raise ConfigError(f"delivery: {text}: leave it out, or say overflow='latest'")
        if not callable(self.key) or is_coroutine_function(self.key):
            text = f"key={described(self.key)}: must be a plain function f(info, data) that returns what can be hashed"
            raise ConfigError(f"delivery: {text}")

    @property
    def reaches_far(self) -> bool:
        """Whether a server, too, may keep the newest alone: it knows senders and events, but no key of a program's."""
        return self.overflow == "latest" and self.key is None
