"""Links inside TLS keep to the contract, whatever they are around: streams that are polled, links that wait, packets,
and those of asyncio.
"""

from __future__ import annotations

import pytest

from sig_carriers.local import LocalCarrier
from sig_carriers.tcp import TcpCarrier
from sig_carriers.unix import UnixCarrier
from sig_core.testing import CarrierConformance
from tests.support.watched_locks import locks_in_order
from tests.testing.reference import AioCarrier, PacketCarrier, UdpCarrier

__all__ = ["locks_in_order"]


class TestTlsTcp(CarrierConformance):
    carrier, url = TcpCarrier, "tls+tcp://127.0.0.1:0"


@pytest.mark.slow
class TestTlsUnix(CarrierConformance):
    carrier, url = UnixCarrier, "tls+unix://{folder}/sock"


class TestTlsLocal(CarrierConformance):
    carrier, url = LocalCarrier, "tls+local://tls"


@pytest.mark.slow
class TestTlsAsyncio(CarrierConformance):
    carrier, url = AioCarrier, f"tls+{AioCarrier.url}"


@pytest.mark.slow
class TestTlsPackets(CarrierConformance):
    carrier, url = PacketCarrier, f"tls+{PacketCarrier.url}"


@pytest.mark.slow
class TestTlsUdp(CarrierConformance):
    carrier, url = UdpCarrier, f"tls+{UdpCarrier.url}"
