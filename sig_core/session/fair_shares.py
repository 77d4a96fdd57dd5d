"""Whose turn it is on a thread that many want: first those whose turns are short, of each kind who waits longest."""

from __future__ import annotations

from typing import Final

__all__ = ["FORGIVEN", "LONG", "MANY", "OTHERS", "PROOF", "QUIET", "SHORT_TURNS", "FairShares", "Place", "Shift"]

MANY: Final = 16  # who want the thread at one time, from which on it is looked at whose turn it is
LONG: Final = 0.002  # seconds from which on a turn is long
PROOF: Final = 8  # short turns that make up for a long one
FORGIVEN: Final = 3.0  # long turns that may be by chance: the collector of garbage comes in anybody's
WORST: Final = 5.0  # long turns that are held against somebody at most
QUIET: Final = 10.0  # seconds in which never many wanted the thread, and all is forgotten
SHORT_TURNS: Final = 0.05  # seconds that those take together whose turns are short, before it is looked who came
OTHERS: Final = 0.01  # seconds that all others take together behind them

Place = tuple[bool, float]  # whether it is behind those whose turns are short; since when it waits, at most


class _Share:
    """What is known of one.

    Attributes:
        since: of its last turn, or when it came.
        long_turns: that it had, less what short ones since have made up for.
    """

    __slots__ = ("long_turns", "since")

    def __init__(self, long_turns: float, since: float) -> None:
        self.long_turns = long_turns
        self.since = since


class FairShares:
    """Knows who had long turns of late. Newcomers are taken for such, until they have proved that theirs are short.

    By time alone nobody can be told apart where a thousand want the thread: each share of it is so small that a pair
    which behaves wants more. But it never wants much at once, and who does is the one for whom others wait.
    """

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._last = 0.0  # when somebody's place was asked for, monotonic seconds

    def __len__(self) -> int:
        return len(self._shares)

    def come(self, who: str, now: float) -> None:
        """Note that somebody has come.

        Args:
            who: printable, as links have it.
            now: monotonic seconds.
        """
        self._shares[who] = _Share(FORGIVEN + 1, now)

    def forget(self, who: str) -> None:
        """Note that somebody has left."""
        self._shares.pop(who, None)

    def place_of(self, who: str, now: float) -> Place:
        """Return where somebody stands; the least place comes first.

        Args:
            who: see `come`; "": the server's own, which is before all others.
            now: monotonic seconds.
        """
        if now - self._last > QUIET:  # who is there by now came when there was no hurry
            self._shares = {each: _Share(0.0, share.since) for each, share in self._shares.items()}
        self._last = now
        if not who:
            return False, 0.0
        if who not in self._shares:
            self.come(who, now)
        share = self._shares[who]
        return share.long_turns > FORGIVEN, share.since

    def note(self, who: str, took: float, now: float) -> None:
        """Note that somebody had its turn.

        Args:
            who: see `place_of`.
            took: seconds.
            now: monotonic seconds.
        """
        share = self._shares.get(who)
        if share is None:  # it is the server's own, or has left meanwhile
            return
        share.since = now
        long_turns = share.long_turns + 1 if took > LONG else share.long_turns - 1 / PROOF
        share.long_turns = min(max(0.0, long_turns), WORST)


class Shift:
    """The turns between two looks at who wants the thread.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._until = [now + SHORT_TURNS, 0.0]

    def is_over(self, place: Place, now: float) -> bool:
        """Return whether who stands at `place`, and all behind, have to wait; the first of each kind does not."""
        behind = place[0]
        if behind and not self._until[True]:
            self._until[True] = now + OTHERS
        return now >= self._until[behind]
