"""Carriers of kinds that pysig has none of, datagrams and asyncio, pass if they are sound: and so does a codec."""

from __future__ import annotations

from sig_core.contract import LinkTraits
from sig_core.testing import CarrierConformance, CodecConformance

from .plain_codec import PlainCodec
from .reference import AioCarrier, PacketCarrier, PacketLink, UdpCarrier


class NarrowLink(PacketLink):
    """Packets as small as they may be; one that is longer would be the kit's own breach."""

    traits = LinkTraits(packets=True, reliable=True, mtu=8)

    def send(self, data: bytes) -> None:
        if len(data) > 8:
            raise ValueError(f"a packet of {len(data)} bytes, where 8 are the most")
        super().send(data)


class NarrowCarrier(PacketCarrier):
    link = NarrowLink


class TestDatagrams(CarrierConformance):
    carrier, url = UdpCarrier, UdpCarrier.url


class TestNarrowPackets(CarrierConformance):
    carrier, url = NarrowCarrier, NarrowCarrier.url


class TestAsyncio(CarrierConformance):
    carrier, url = AioCarrier, AioCarrier.url


class TestPlainCodec(CodecConformance):
    codec = PlainCodec
