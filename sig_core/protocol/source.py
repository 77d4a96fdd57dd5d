"""Where peers come from: those of one source count together."""

from __future__ import annotations

import re

__all__ = ["source_of"]

_OF_ONE_LINK = re.compile(r"(?<=[:#])[0-9]+$|(?<=pid=)[0-9]+")


def source_of(peer: str) -> str:
    """Return what the peers of one machine, or of one user of this one, have in common: all but port and process.

    Args:
        peer: printable, as links have it: `tcp://10.0.0.5:41832`.
    """
    return _OF_ONE_LINK.sub("", peer)
