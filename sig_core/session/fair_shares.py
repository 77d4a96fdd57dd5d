"""Who has taken much of a thread's time of late: where many want it, those come first who have taken little."""

from __future__ import annotations

from typing import Final

__all__ = ["GREEDY", "GREEDY_TURN", "MANY", "FairShares"]

MANY: Final = 16  # who want the thread at one time, from which on it is looked at who has taken much
SHARE: Final = 0.02  # of the thread's time is nobody's business
GREEDY: Final = 0.15  # seconds ahead of its share from which on somebody is greedy: 3 ms at once
FORGIVEN: Final = 10.0  # seconds after which all is forgotten
GREEDY_TURN: Final = 0.01  # seconds of all greedy ones together before the others are looked for again
CLEAN: Final = 1000  # entries more than there were after the last look for those that were long idle


class FairShares:
    """Adds up the time that each takes, as a leaky bucket: `SHARE` of all time leaks out of it."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}  # when the share of each has made up for what it took
        self._clean_at = CLEAN

    def __len__(self) -> int:
        return len(self._until)

    def ahead(self, who: str, now: float) -> float:
        """Return the seconds by which somebody is ahead of its share, GREEDY or more: it is greedy.

        Who is not known is taken for one that just is: newcomers may be as many as they like, and all of them dear.

        Args:
            who: printable, as links have it.
            now: monotonic seconds.
        """
        until = self._until.get(who)
        return GREEDY if until is None else until - now

    def note(self, who: str, took: float, now: float) -> None:
        """Note that somebody took time.

        Args:
            who: see `ahead`.
            took: seconds.
            now: monotonic seconds.
        """
        # Who is served last is ahead most, also among those of whom no more is held against them.
        self._until[who] = min(max(now, self._until.get(who, now)) + took / SHARE, now + FORGIVEN)
        if len(self._until) > self._clean_at:
            self._until = {each: until for each, until in self._until.items() if until > now - FORGIVEN}
            self._clean_at = len(self._until) + CLEAN
