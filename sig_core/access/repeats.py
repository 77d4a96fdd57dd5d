"""What happens again and again is told some times, then counted."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = ["Repeats"]

SHOWN: Final = 5  # entries of one kind in a ...
WINDOW: Final = 60.0  # ... so many seconds
KINDS: Final = 10_000  # that are told apart in that time; the further ones count as one
OTHERS: Final = ("others", "", "")

Entry: TypeAlias = dict[str, Any]
Kind: TypeAlias = tuple[str, str, str]


class Repeats:
    """Lets the first entries of a kind through, and counts the others: one kind is an event, a user and an action."""

    def __init__(self) -> None:
        self._counts: dict[Kind, int] = {}
        self._last: dict[Kind, Entry] = {}
        self._until = 0.0  # monotonic seconds

    def take(self, entry: Entry, now: float) -> list[Entry]:
        """Return what is to be told now that an entry came, in order."""
        told = self.due(now)
        kind = entry["event"], str(entry.get("user", entry.get("at", ""))), str(entry.get("action", ""))
        if kind not in self._counts and len(self._counts) >= KINDS:
            kind = OTHERS
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count <= SHOWN:
            told.append(entry)
        else:
            self._last[kind] = entry
        return told

    def due(self, now: float) -> list[Entry]:
        """Return, once a window is over, the last entry of each kind that was held back, with how many there were."""
        if now < self._until:
            return []
        self._until = now + WINDOW
        return self.all()

    def all(self) -> list[Entry]:
        """Return what was held back, and begin anew."""
        told = [{**entry, "repeated": self._counts[kind] - SHOWN} for kind, entry in self._last.items()]
        self._counts.clear()
        self._last.clear()
        return told
