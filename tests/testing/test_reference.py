"""Carriers of kinds that pysig has none of, datagrams and asyncio, pass if they are sound: and so does a codec."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

from sig_core.address import Address, as_url
from sig_core.contract import LinkTraits
from sig_core.links.callback_acceptor import CallbackAcceptor
from sig_core.testing import CarrierConformance, CodecConformance
from sig_core.testing.checks import Rule, rules, run_one
from tests.testing.plain_codec import PlainCodec
from tests.testing.reference import (
    AioCarrier,
    AioLink,
    DatagramStream,
    PacketAcceptor,
    PacketCarrier,
    UdpCarrier,
    UdpMedium,
)


class NarrowLink(DatagramStream):
    """Packets as small as they may be; one that is longer would be the kit's own breach."""

    traits = LinkTraits(packets=True, reliable=True, mtu=8)

    def send(self, data: bytes) -> None:
        if len(data) > 8:
            raise ValueError(f"a packet of {len(data)} bytes, where 8 are the most")
        super().send(data)


class NarrowCarrier(PacketCarrier):
    link = NarrowLink


class SwappingMedium(UdpMedium):
    """Of two packets it sends the second one first; one that stays alone is sent when something is looked for."""

    def __init__(self, where: tuple[str, int]) -> None:
        super().__init__(where)
        self.lock = threading.Lock()
        self.held: list[tuple[bytes, Any]] = []

    def send_to(self, data: bytes, peer: Any) -> None:
        with self.lock:
            self.held.append((data, peer))
            if len(self.held) > 1:
                self.flush()

    def receive_from(self, timeout: float) -> tuple[bytes, Any] | None:
        with suppress(TimeoutError):
            return super().receive_from(timeout)
        with self.lock:
            self.flush()
        return None

    def flush(self) -> None:
        while self.held:
            super().send_to(*self.held.pop())


class SwappingCarrier(UdpCarrier):
    medium = SwappingMedium


class LeavingLink(AioLink):
    """Takes its time to leave, and can be told to go at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.abort = writer.transport.abort

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class HandlerCarrier(AioCarrier):
    """A library that calls a handler for each connection."""

    async def connect(self, address: Address) -> AioLink:
        return LeavingLink(*await asyncio.open_connection(address.host, address.port))

    async def listen(self, address: Address) -> CallbackAcceptor:  # type: ignore[override]
        acceptor = CallbackAcceptor(LeavingLink)
        server = await asyncio.start_server(acceptor.handle, address.host, address.port)
        return acceptor.bound_to(as_url(self.scheme, *server.sockets[0].getsockname()[:2]), server.close)


class TestDatagrams(CarrierConformance):
    carrier, url = UdpCarrier, UdpCarrier.url


class TestReordered(CarrierConformance):
    carrier, url = SwappingCarrier, UdpCarrier.url


class TestNarrowPackets(CarrierConformance):
    carrier, url = NarrowCarrier, NarrowCarrier.url


class TestAsyncio(CarrierConformance):
    carrier, url = AioCarrier, AioCarrier.url


class TestHandler(CarrierConformance):
    carrier, url = HandlerCarrier, AioCarrier.url


class OnlyOne(PacketAcceptor):
    """Its medium has one other end: while that is there, nobody else can connect."""

    one_peer = True

    def accept(self, timeout: float) -> DatagramStream | None:
        link = super().accept(timeout)
        self.carrier.names.pop(self.name, None)
        return link


class OnlyOneCarrier(PacketCarrier):
    acceptor = OnlyOne


def test_an_acceptor_may_say_that_its_medium_has_one_other_end() -> None:
    suite = type("Case", (CarrierConformance,), {"carrier": OnlyOneCarrier, "url": OnlyOneCarrier.url, "timeout": 1})
    result = run_one(suite, Rule("", "test_several_clients", ""))
    assert (result.outcome, result.reason) == ("skipped", "carrier 'packet': its medium has one other end")


def test_a_peer_on_asyncio_can_be_killed_too() -> None:
    rule = next(rule for rule in rules(TestAsyncio) if rule.method == "test_peer_is_killed")
    assert run_one(TestAsyncio, rule).outcome == "passed"


class TestPlainCodec(CodecConformance):
    codec = PlainCodec
