"""The checks that every carrier passes."""

from __future__ import annotations

from sig_core.testing.carrier_acceptors import AcceptorChecks
from sig_core.testing.carrier_data import DataChecks
from sig_core.testing.carrier_ends import EndChecks
from sig_core.testing.carrier_facts import FactChecks
from sig_core.testing.carrier_leftovers import LeftoverChecks
from sig_core.testing.carrier_polling import PollingChecks

__all__ = ["CarrierConformance"]


class CarrierConformance(FactChecks, DataChecks, EndChecks, AcceptorChecks, PollingChecks, LeftoverChecks):
    """Inherit it, and say what is tested:

        class TestUdp(CarrierConformance):
            carrier, url = UdpCarrier, "udp://127.0.0.1:0"

    Each method is one rule (docs/conformance.md lists them). What does not apply to a medium, by the traits of its
    links, is skipped with a reason. Override `listening`, `client_url` or `open_pair` where a medium needs more than
    one URL, and `timeout` where it is slow.
    """
