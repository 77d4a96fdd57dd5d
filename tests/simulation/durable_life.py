"""A durable from when it is made until it is dropped: all that was kept for it, and who heard what of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sig_core.events import Name, Pattern
from tests.simulation.observer import LIFE, number_of
from tests.simulation.world import Breach

__all__ = ["Attached", "DurableLife", "KeptValue"]


class KeptValue(NamedTuple):
    """An event that is kept: number `count` of one life of its sender; `is_binary`: not every codec can carry it."""

    event: Name
    life: int
    count: int
    is_binary: bool

    @classmethod
    def of(cls, event: Name, value: Any) -> KeptValue:
        """Return the one that a value says it is; None: it tells who is there, and has no number."""
        life, count = (0, 0) if value is None else divmod(number_of(value), LIFE)
        return cls(event, life, count, type(value) is list and b"x" in value)


class DurableLife:
    """One.

    Attributes:
        name, pattern: of the durable.
        is_dropped: it is no more.
        due: events that were routed while it was there, and not killed with a server before they were written.
        kept: by position, all that was ever written.
        numbers: (life of the sender, event, number) of these.
        acknowledged, settled: up to which position nothing is needed, as the disk has it, and as a client was told.
        expired: positions of what was too old, or too much.
        heard: positions that were heard, and by which listener first; they are numbered as they come.
    """

    def __init__(self, name: str, pattern: Pattern) -> None:
        self.name = name
        self.pattern = pattern
        self.is_dropped = False
        self.due = 0
        self.kept: dict[int, KeptValue] = {}
        self.numbers: set[tuple[int, Name, int]] = set()
        self.acknowledged = self.settled = 0
        self.expired: set[int] = set()
        self.heard: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"durable {self.name!r}"

    def keep(self, position: int, value: KeptValue) -> None:
        """Note that an event was written."""
        if self.kept and position <= max(self.kept):
            raise Breach("durable", f"{self}: position {position} is given, {max(self.kept)} was before")
        self.kept[position] = value
        self.numbers.add((value.life, value.event, value.count))

    def acknowledge(self, position: int) -> None:
        """Note on disk that nothing up to a position is needed again."""
        self.acknowledged = max(self.acknowledged, position)

    def unheard(self) -> list[int]:
        """Return the positions that nobody heard, and that have not expired."""
        return [position for position in self.kept if position not in self.heard and position not in self.expired]


class Attached:
    """A listener that hears a durable, on one link.

    Args:
        life: of the durable.
        number: of all that ever did.
        begins: nothing up to this position is sent to it.
    """

    def __init__(self, life: DurableLife, number: int, begins: int) -> None:
        self.life = life
        self.number = number
        self.settled = life.settled
        self.last = begins
        self.failed = False  # with what it heard last

    def hear(self, who: str, position: int, value: KeptValue, repeated: bool, explicit: bool) -> None:
        """Check an event that it hears."""
        life = self.life
        what = f"{who} hears {value} at {position} of {life}"
        if life.kept.get(position) != value:
            raise Breach("durable", f"{what}, where {life.kept.get(position)} was kept")
        if position <= self.settled:
            raise Breach("durable", f"{what}, and {self.settled} was acknowledged before it came")
        if position < self.last or (position == self.last and not self.failed):
            raise Breach("durable", f"{what}, after {self.last}")
        if life.heard.get(position, self.number + 1) <= self.number and not repeated:
            raise Breach("durable", f"{what}, again, and it is not marked")
        for skipped in range(self.last + 1, position):
            there = life.kept.get(skipped)
            if not (
                there is None or there.is_binary or skipped in life.expired or (explicit and skipped in life.heard)
            ):
                raise Breach("durable", f"{what}, and not {there} at {skipped}")
        self.last = position
        life.heard.setdefault(position, self.number)

    def settle(self, who: str, position: int) -> None:
        """Note that its client was told that nothing up to a position comes again."""
        life = self.life
        if position > life.acknowledged and not life.is_dropped:
            raise Breach(
                "durable", f"{who} was told that {position} of {life} is done with, on disk: {life.acknowledged}"
            )
        life.settled = max(life.settled, position)
        self.settled = max(self.settled, position)
