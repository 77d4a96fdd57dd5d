"""Whose turn it is on a thread that many want: a multilevel feedback queue, where those come first who take little."""

from __future__ import annotations

from math import ceil
from typing import Final

__all__ = ["FIRST", "LEVELS", "LONG", "MANY", "NEXT", "PROOF", "FairShares", "Place", "Shift"]

MANY: Final = 16  # who want the thread at one time, from which on it is looked at whose turn it is
LONG: Final = 0.002  # seconds from which on a turn is long
PROOF: Final = 8  # short turns that make up for a long one
LEVELS: Final = 6  # a long turn leads to the next one; newcomers, who may be many and dear, begin at the last but one
FIRST: Final = 0.03  # seconds that those of the first level take together, before it is looked who is there by then
NEXT: Final = 0.005  # seconds that those of each other level take together

Place = tuple[int, float]  # the level; since when it waits, at most


class _Share:
    """What is known of one.

    Attributes:
        since: of its last turn, or when it came.
        long_turns: that it had, less what short ones since have made up for.
    """

    __slots__ = ("long_turns", "since")

    def __init__(self, since: float) -> None:
        self.long_turns = LEVELS - 2.0
        self.since = since


class FairShares:
    """Knows who had long turns of late: at each level comes first who waits longest.

    By time alone nobody can be told apart where a thousand want the thread: each share of it is so small that a pair
    which behaves wants more. But it never wants much at once, and who does is the one for whom others wait.

    Attributes:
        unproved: who is not at the first level.
    """

    def __init__(self) -> None:
        self.unproved: set[str] = set()
        self._shares: dict[str, _Share] = {}

    def __len__(self) -> int:
        return len(self._shares)

    def come(self, who: str, now: float) -> None:
        """Note that somebody has come.

        Args:
            who: printable, as links have it.
            now: monotonic seconds.
        """
        self._shares[who] = _Share(now)
        self.unproved.add(who)

    def forget(self, who: str) -> None:
        """Note that somebody has left."""
        self._shares.pop(who, None)
        self.unproved.discard(who)

    def place_of(self, who: str, now: float) -> Place:
        """Return where somebody stands; the least place comes first.

        Args:
            who: see `come`; "": the server's own, which is before all others.
            now: monotonic seconds.
        """
        if not who:
            return 0, 0.0
        if who not in self._shares:
            self.come(who, now)
        share = self._shares[who]
        return ceil(share.long_turns), share.since

    def note(self, who: str, took: float, now: float) -> None:
        """Note that somebody had its turn.

        Args:
            who: see `come`.
            took: seconds.
            now: monotonic seconds.
        """
        share = self._shares.get(who)
        if share is None:  # it is the server's own, or has left meanwhile
            return
        share.since = now
        if took > LONG:
            share.long_turns = min(share.long_turns + 1, LEVELS - 1.0)
            self.unproved.add(who)
        elif share.long_turns:
            share.long_turns = max(0.0, share.long_turns - 1 / PROOF)
            if not share.long_turns:
                self.unproved.remove(who)


class Shift:
    """The turns between two looks at who wants the thread, which are taken in the order of their places.

    Args:
        worked: seconds that the thread has had a processor.
    """

    def __init__(self, worked: float) -> None:
        self._level, self._until = 0, worked + FIRST

    def is_over(self, place: Place, worked: float) -> bool:
        """Return whether who stands at `place` has to wait, as all behind it at that level; the first one does not."""
        if place[0] > self._level:
            self._level, self._until = place[0], worked + NEXT
        return worked >= self._until
