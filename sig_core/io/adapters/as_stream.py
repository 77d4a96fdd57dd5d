"""Turning the link that a carrier gave into one that sessions can speak on, whatever the medium does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sig_core.contract import Acceptor, Link
from sig_core.datagram.wire import LEAST
from sig_core.errors import ConfigError
from sig_core.links.shared_medium import MediumAcceptor

if TYPE_CHECKING:
    from sig_core.io.adapters.datagram_acceptor import DatagramAcceptor

__all__ = ["as_stream", "sharing_a_thread"]


def as_stream(link: Link, *, dialing: bool, patience: float) -> Link:
    """Return a link that sessions can speak on: the link itself, or a stream over its packets or its lossy bytes.

    Args:
        link: live; it is closed with what is returned, or if it can't be used.
        dialing: this side connected. The side that accepted leaves lines as they are: a station outlives its links.
        patience: seconds within which the other side must answer; only where it must, and this side dials.

    Raises:
        ConfigError: its packets are too short.
        ConnectFailed: the other side does not answer.
    """
    traits = link.traits
    if traits.packets:
        return _over_packets(link, dialing, patience)
    if dialing and not traits.reliable:
        from sig_core.io.adapters.line_stream import LineStream  # who has no such link needs none of it

        return LineStream(link, patience)
    return link


def _over_packets(link: Link, dialing: bool, patience: float) -> Link:
    mtu, reliable = link.traits.mtu, link.traits.reliable
    if reliable and mtu is None:
        return link
    if mtu is not None and mtu < LEAST:
        link.close()
        raise ConfigError(f"{link.peer}: packets of {mtu} bytes; at least {LEAST} are needed")
    from sig_core.io.adapters.datagram_stream import DatagramStream, FragmentingLink

    if reliable:
        return FragmentingLink(link)
    made = DatagramStream(link)
    if dialing:
        made.dial(patience)
    return made


def sharing_a_thread(acceptor: Acceptor) -> DatagramAcceptor | None:
    """Return what accepts in place of the acceptor of a medium that loses packets: a thread for all links, and streams.

    Args:
        acceptor: it is closed with what is returned.

    Returns:
        None: it is no such acceptor, and each of its links is made a stream by `as_stream`, where it has to be.
    """
    if not isinstance(acceptor, MediumAcceptor) or acceptor.traits.reliable or (acceptor.traits.mtu or LEAST) < LEAST:
        return None
    from sig_core.io.adapters.datagram_acceptor import DatagramAcceptor

    return DatagramAcceptor(acceptor)
