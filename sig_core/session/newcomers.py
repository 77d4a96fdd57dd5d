"""Links whose peers have not said who they are: there are few of them, so that they keep nobody out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

from sig_core.protocol.source import source_of

__all__ = ["Newcomers"]

T = TypeVar("T")


class Newcomers(Generic[T]):
    """The links of strangers, in the order in which they came. Not thread-safe.

    Args:
        most: that there may be.
        is_stranger: tells whether the peer of a link has still not said who it is.
    """

    def __init__(self, most: int, is_stranger: Callable[[T], bool]) -> None:
        self._most = most
        self._is_stranger = is_stranger
        self._sources: dict[T, str] = {}  # of links that were those of strangers when this was looked at

    def add(self, link: T, peer: str) -> None:
        """Note a new link; `peer`: its other end, printable."""
        self._sources[link] = source_of(peer)

    def remove(self, link: T) -> None:
        """Note that a link has ended."""
        self._sources.pop(link, None)

    def to_drop(self, *, full: bool) -> T | None:
        """Return the link that gives way to another one: the oldest of the source that has most of them.

        Args:
            full: there is no room for another link, however few of them are those of strangers.

        Returns:
            The link; None: none needs to go, or none of them is a stranger's.
        """
        if not self._is_much(full):
            return None
        self._sources = {link: source for link, source in self._sources.items() if self._is_stranger(link)}
        if not self._is_much(full) or not self._sources:
            return None
        ((busiest, _),) = Counter(self._sources.values()).most_common(1)
        return next(link for link, source in self._sources.items() if source == busiest)

    def _is_much(self, full: bool) -> bool:
        return full or len(self._sources) >= self._most
