"""What a side that is dialled says to a peer that has no link with it, or asks for another one."""

from __future__ import annotations

from collections.abc import Hashable

from sig_core.datagram.cookies import Cookies
from sig_core.datagram.stream import ASKED, OTHER_VERSION, PROVE, UNKNOWN
from sig_core.datagram.wire import OPEN, VERSION, Datagram, Wire, opening

__all__ = ["Reception", "asks_for_another"]


class Reception:
    """Keeps nothing of who asks.

    Args:
        wire: of the medium.
        cookies: None: nobody can lie about an address, and who asks may come in at once.
    """

    def __init__(self, wire: Wire, cookies: Cookies | None = None) -> None:
        self._wire = wire
        self._cookies = cookies

    def answer(self, packet: Datagram, at: Hashable, now: float, taken: int | None = None) -> bytes | None:
        """Return the packet that is the answer to one that came, b"" if it needs none; None: the peer may come in.

        Args:
            at: where it came from, as the medium names it.
            now: monotonic seconds.
            taken: the epoch of the link that is open there; None: none is.
        """
        if packet.kind != OPEN:
            return opening(self._wire, UNKNOWN, packet.tag)
        if packet.tag != ASKED:
            return b""
        if packet.version != VERSION:
            return opening(self._wire, OTHER_VERSION, packet.epoch)
        if self._cookies is not None and not self._cookies.fits(at, packet.epoch, now):
            return opening(self._wire, PROVE, self._cookies.make(at, packet.epoch, now, taken))
        return None


def asks_for_another(packet: Datagram, epoch: int) -> bool:
    """Return whether a packet asks for another link than the one of that epoch."""
    return packet.kind == OPEN and packet.tag == ASKED and packet.epoch != epoch
