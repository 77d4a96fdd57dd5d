"""Closing the links of a client whose session goes on over several: each of them, and the last for good."""

from __future__ import annotations

from sig_core.contract import Link
from sig_core.links.close_once import CloseOnce

__all__ = ["LinksInTurn"]


class LinksInTurn(CloseOnce):
    """Is for a session what a `CloseOnce` is for its only link: `closed` means that no other link comes.

    Args:
        link: the first one.
    """

    __slots__ = ("_once",)

    def __init__(self, link: Link) -> None:
        self._once = CloseOnce(link, link.peer)
        super().__init__(self._once, link.peer)

    def cut(self) -> None:
        """Close the link that there is."""
        self._once.close()

    def use(self, link: Link) -> None:
        """Close this link from now on."""
        self._once = self._thing = CloseOnce(link, link.peer)
        if self.closed:
            self._once.close()
