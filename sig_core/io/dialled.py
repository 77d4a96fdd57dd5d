"""What a client makes of the link that its carrier gave: a reliable one, whatever the medium does."""

from __future__ import annotations

from sig_core.contract import Link

__all__ = ["dialled"]


def dialled(link: Link, patience: float) -> Link:
    """Give a link that sessions can speak on: of packets that may be lost, or of a line, a stream over it.

    Args:
        link: as the carrier gave it; it is closed with what is given, or if nothing comes of it.
        patience: seconds for the other side to answer.

    Raises:
        SigError: the other side does not answer, or it can't be served.
    """
    if link.traits.packets:
        from sig_core.io.packet_link import as_stream  # who has no such link needs none of it

        return as_stream(link, dialing=True, patience=patience)
    if not link.traits.reliable:
        from sig_core.io.line_link import LineLink

        return LineLink(link, patience)
    return link
