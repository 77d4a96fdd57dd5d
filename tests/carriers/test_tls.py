"""Links inside TLS keep to the contract, whatever they are around: streams that are polled, and links that wait."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import Any

import pytest

from sig_carriers.local import LocalCarrier
from sig_carriers.tcp import TcpCarrier
from sig_carriers.unix import UnixCarrier
from sig_core.address import Address
from sig_core.contract import Carrier, Link
from sig_core.io.tls.accepted import AddressTls
from sig_core.io.tls.dialled import dialled
from sig_core.testing import CarrierConformance
from tests.support import within
from tests.support.certificates import Authority

AUTHORITY: list[Authority] = []  # the one of this run: suites have no fixtures


@pytest.fixture(scope="module", autouse=True)
def certificates(authority: Authority) -> None:
    AUTHORITY[:] = [authority]


class Shaking:
    """Accepts, and shakes hands, on a thread of its own: who connects waits for that."""

    def __init__(self, acceptor: Any, tls: AddressTls) -> None:
        self.address = acceptor.address
        self._acceptor = acceptor
        self._tls = tls
        self._links: queue.SimpleQueue[Link | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            with suppress(Exception):
                raw = self._acceptor.accept(0.05)
                if raw is not None:
                    self._shake_hands(self._tls.around(raw))
        self._links.put(None)

    def _shake_hands(self, link: Any) -> None:
        try:
            link.shake_hands(within(5))
        except Exception:
            link.close()
            raise
        self._links.put(link)

    def accept(self, timeout: float, /) -> Link | None:
        try:
            link = self._links.get(timeout=timeout) if timeout else self._links.get_nowait()
        except queue.Empty:
            return None
        if link is None:
            self._links.put(None)
            raise OSError(f"{self.address}: closed on this side; open another one")
        return link

    def close(self) -> None:
        self._closed = True
        self._acceptor.close()
        self._thread.join(within(5))
        while (link := self._links.get()) is not None:
            link.close()
        self._links.put(None)


class Secured:
    """A carrier whose links are inside TLS."""

    def __init__(self, carrier: Any) -> None:
        self.scheme = carrier.scheme
        self.options = carrier.options
        self._carrier: Carrier = carrier
        if hasattr(carrier, "address_traits"):
            self.address_traits = carrier.address_traits

    def connect(self, address: Address, /) -> Link:
        url = f"tls+{address.url}{AUTHORITY[0].query('client', name='lab')}"
        return dialled(url, lambda: self._carrier.connect(address), within(5))

    def listen(self, address: Address, /) -> Shaking:
        tls = AddressTls(Address.parse(f"tls+{address.url}{AUTHORITY[0].query('server')}"))
        return Shaking(self._carrier.listen(address), tls)


class TestTlsTcp(CarrierConformance):
    carrier = Secured(TcpCarrier())
    url = "tcp://127.0.0.1:0"


@pytest.mark.slow
class TestTlsUnix(CarrierConformance):
    carrier = Secured(UnixCarrier())
    url = "unix://{folder}/sock"


class TestTlsLocal(CarrierConformance):
    carrier = Secured(LocalCarrier())
    url = "local://tls"
