"""Where peers come from: those of one source count together."""

from __future__ import annotations

__all__ = ["source_of"]


def source_of(peer: str) -> str:
    """Return what the peers of one machine, or of one file, have in common: all but the number at the end.

    Args:
        peer: printable, as links have it: `tcp://10.0.0.5:41832`.
    """
    return peer.rstrip("0123456789")
