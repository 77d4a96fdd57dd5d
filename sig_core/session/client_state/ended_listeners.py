"""What a client asked its server not to tell it any more, as long as counts for that may yet come."""

from __future__ import annotations

from collections.abc import Callable

from sig_core.events import Name, Pattern, patterns_of

__all__ = ["Ended", "EndedListeners"]


class Ended:
    """A listener that a server was asked to take out.

    Attributes:
        pattern: that it heard.
        number: of all of them on that link.
        last: the number of the last `bind` that came before the server's answer; None: that has not come yet.
    """

    __slots__ = ("last", "number", "pattern")

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.number = 0
        self.last: int | None = None


class EndedListeners:
    """Tells a `bind` for a listener that has ended from one for a listener that came after it.

    A server sends a `bind` to whom it has a listener of. It may be under way when that ends, and arrive when there is
    another one for the same event. What is fired between the two was not meant to be heard, and the next `bind` says so
    (`anew`); but should the link be lost before, the count that was under way would make it a loss.

    Args:
        left: called with the pattern of one that has been leaving, when the server is asked to take it out.

    Attributes:
        ever: how many there were on this link.
        leaving: those that have ended before the server has answered that they are there, by number: it can't be asked
            to take them out yet, and sends what they hear, as to all that overlap; each with its pattern, and how many
            there were when it was asked for.
    """

    __slots__ = ("_passed", "_there", "ever", "leaving", "left")

    def __init__(self, left: Callable[[Pattern], object] = lambda pattern: None) -> None:
        self.left = left
        self.ever = 0
        self.leaving: dict[int, tuple[Pattern, int]] = {}
        self._there: list[Ended] = []
        self._passed = 0  # the number of the last bind that was looked at

    def __len__(self) -> int:
        return len(self._there)

    def add(self, ended: Ended) -> None:
        """Note that the server was asked to take out a listener just now."""
        self._forget()
        self.ever += 1
        ended.number = self.ever
        self._there.append(ended)

    def is_for_one(self, sender: Name, event: Name, number: int, since: int) -> bool:
        """Return whether a `bind` was sent for a listener that has ended.

        Args:
            sender, event: that it is about.
            number: of the binds on this link; they are looked at in order.
            since: how many there were when the oldest listener that hears this now was asked for.
        """
        patterns = patterns_of(sender, event)
        found = any(
            ended.number <= since and (ended.last is None or number <= ended.last) and ended.pattern in patterns
            for ended in self._there
        )
        self._passed = number
        self._forget()
        return found

    def leaves(self, sender: Name, event: Name) -> list[int]:
        """Return of each that is leaving, and hears an event, how many there were when it was asked for."""
        if not self.leaving:
            return []
        patterns = patterns_of(sender, event)
        return [since for pattern, since in self.leaving.values() if pattern in patterns]

    def _forget(self) -> None:
        """Forget those of which nothing can come any more."""
        passed = self._passed
        self._there = [ended for ended in self._there if ended.last is None or ended.last > passed]
