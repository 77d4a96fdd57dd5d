"""A carrier inside TLS, as its checks see it: what `tls+` before a URL makes of its links."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import Final

from sig_core.address import Address
from sig_core.contract import Acceptor, Carrier, Link
from sig_core.io.adapters.as_stream import as_stream, sharing_a_thread
from sig_core.io.tls.accepted import AddressTls
from sig_core.io.tls.dialled import dialled
from sig_core.links.tls import OPTIONS
from sig_core.testing.waiting import within

__all__ = ["Secured"]

PATIENCE: Final = 4.0  # seconds, scaled, that a handshake may take
LOOK: Final = 0.05  # seconds of one accept


class Secured:
    """Connects and listens inside TLS.

    Args:
        carrier: for threads, whose links are below. Its media are made streams, as routers do.

    Attributes:
        is_told: whether the medium below, once it was listened on, tells that nobody is there any more. One that loses
            packets does not, though streams over it lose nothing.
    """

    is_told = True

    def __init__(self, carrier: Carrier) -> None:
        self.scheme = carrier.scheme
        self._carrier = carrier

    def connect(self, address: Address, /) -> Link:
        """See `Carrier`: the handshake is over."""
        below = address.below_tls(OPTIONS | {"name"})
        return dialled(address.url, lambda: self._carrier.connect(below), within(PATIENCE))

    def listen(self, address: Address, /) -> SecuredAcceptor:
        """See `Carrier`."""
        tls = AddressTls(address)
        acceptor = self._carrier.listen(address.below_tls(OPTIONS))
        sharing = sharing_a_thread(acceptor)
        self.is_told = sharing is None
        return SecuredAcceptor(sharing or acceptor, tls)


class SecuredAcceptor:
    """Accepts, and shakes hands, on a thread of its own: who connects waits for that.

    Args:
        acceptor: of the links below; it is closed with this.
        tls: of the address.
    """

    def __init__(self, acceptor: Acceptor, tls: AddressTls) -> None:
        self.address = f"tls+{acceptor.address}"
        self._acceptor = acceptor
        self._tls = tls
        self._links: queue.SimpleQueue[Link | None] = queue.SimpleQueue()  # None: no further one comes
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            with suppress(Exception):  # who fails is told so by its own end
                raw = self._acceptor.accept(LOOK)
                if raw is not None:
                    self._shake_hands(raw)
        self._links.put(None)

    def _shake_hands(self, raw: Link) -> None:
        link = self._tls.around(as_stream(raw, dialing=False, patience=within(PATIENCE)))
        try:
            link.shake_hands(within(PATIENCE))
        except Exception:
            link.close()
            raise
        self._links.put(link)

    def accept(self, timeout: float, /) -> Link | None:
        """See `Acceptor`."""
        try:
            link = self._links.get(timeout=timeout) if timeout else self._links.get_nowait()
        except queue.Empty:
            return None
        if link is None:
            self._links.put(None)
            raise OSError(f"{self.address}: closed on this side; open another one")
        return link

    def close(self) -> None:
        """See `Acceptor`: also links that nobody has accepted."""
        self._closed = True
        self._acceptor.close()
        self._thread.join(within(PATIENCE))
        while (link := self._links.get()) is not None:
            link.close()
        self._links.put(None)
