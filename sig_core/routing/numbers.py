"""The numbers of routes: each stands for one name, and is given again only when all others have been."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["LAST_ROUTE", "RouteNumbers"]

LAST_ROUTE = 2**32 - 1


class RouteNumbers:
    """Gives numbers from 1 on; after the last one from 1 on again, without those that still stand for something.

    Args:
        is_taken: returns whether a number stands for something, here or at the other end of a link.
        last: the greatest number.
    """

    def __init__(self, is_taken: Callable[[int], bool], last: int = LAST_ROUTE) -> None:
        self._is_taken = is_taken
        self._greatest = last
        self._last = 0
        self._again = False  # all were given once

    def next(self) -> int:
        """Return a number that stands for nothing."""
        number = self._following(self._last)
        while self._again and self._is_taken(number):
            number = self._following(number)
        self._last = number
        return number

    def _following(self, number: int) -> int:
        if number < self._greatest:
            return number + 1
        self._again = True
        return 1
