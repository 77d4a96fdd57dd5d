"""A link with faults that has none to show keeps the rules of every link; one that loses keeps those that are left."""

from __future__ import annotations

from typing import Any

from sig_carriers.fault_lossy import lossy
from sig_carriers.fault_slow import slow
from sig_carriers.local import LocalCarrier
from sig_carriers.tcp import TcpCarrier
from sig_core.address import Address
from sig_core.contract import Acceptor, Link
from sig_core.plugins.wrapping import Layers, WrappedAcceptor
from sig_core.testing import CarrierConformance


class Wrapped:
    """A carrier with a wrapper around each of its links."""

    def __init__(self, carrier: Any, wrapper: Any, options: str) -> None:
        self.scheme = carrier.scheme
        self.options = carrier.options | wrapper.options
        self._carrier = carrier
        self._layers = Layers(Address.parse(f"x+{self.scheme}://?{options}"), [wrapper], None)

    def connect(self, address: Address, /) -> Link:
        return self._layers.around(self._carrier.connect(address))

    def listen(self, address: Address, /) -> Acceptor:
        return BareAddress(self._carrier.listen(address), self._layers)


class BareAddress(WrappedAcceptor):
    """Its address is the carrier's, so that the checks of addresses hold."""

    def __init__(self, acceptor: Acceptor, layers: Layers) -> None:
        super().__init__(acceptor, layers)
        self.address = acceptor.address


def wrapped(carrier: Any, wrapper: Any, options: str) -> Any:
    return lambda: Wrapped(carrier, wrapper, options)


class TestSlowStream(CarrierConformance):
    carrier, url = wrapped(TcpCarrier(), slow, "rate=1e9&delay=1ms"), TcpCarrier.trial


class TestLossyPackets(CarrierConformance):
    carrier, url = wrapped(LocalCarrier(), lossy, "drop=0.05&seed=1"), LocalCarrier.trial
