"""Packet carriers, and some for asyncio, each broken in one way that an author might."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from sig_core.contract import LinkTraits
from tests.testing.mutants import caught_by
from tests.testing.reference import AioCarrier, AioLink, DatagramStream, PacketAcceptor, Pipe, UdpMedium


@caught_by("test_end_after_the_data", "128 bytes were sent before close, and 124 arrived")
class LosesTheLast(Pipe):
    def end(self) -> None:
        with self.change:
            del self.packets[-1:]
        super().end()


@caught_by("test_order", "byte 3 of 2000")
class Reorders(Pipe):
    def put(self, data: bytes) -> None:
        with self.change:
            super().put(data)
            if len(self.packets) > 1:
                self.packets.insert(0, self.packets.pop())


@caught_by("test_order", "byte 43 of 2000|was sent twice")
class SendsTwice(DatagramStream):
    count = 0

    def send(self, data: bytes) -> None:
        super().send(data)
        self.count += 1
        if not self.count % 10:  # the answer was late, so once more
            super().send(data)


@caught_by("test_flood", "a flood before its reader")
class DropsWhenFull(Pipe):
    def put(self, data: bytes) -> None:
        if len(self.packets) < self.room:
            super().put(data)


@caught_by("test_packets_keep_their_bounds", "packets=True says one for one")
class Coalesces(Pipe):
    def get(self, timeout: float) -> bytes | None:
        got = super().get(timeout)
        with self.change:
            while got is not None and self.packets:
                got += self.packets.pop(0)
        return got


@caught_by("test_packets_keep_their_bounds", "packets=True says one for one")
class CoalescesDatagrams(UdpMedium):
    held = b""

    def send_to(self, data: bytes, peer: Any) -> None:
        if not self.held:
            self.held = data
        else:
            super().send_to(self.held + data, peer)
            self.held = b""


@caught_by("test_several_clients", "client [0-9] of 4 was sent")
class OneQueueForAll(PacketAcceptor):
    shared: ClassVar[dict[int, Pipe]] = {}

    def accept(self, timeout: float) -> DatagramStream | None:
        link = super().accept(timeout)
        if link is not None:
            link.out = self.shared.setdefault(id(self), link.out)
        return link


@caught_by("test_traits", "mtu is 4 bytes; the least is 8")
class TinyMtu(DatagramStream):
    traits = LinkTraits(packets=True, reliable=True, mtu=4)


@caught_by("test_traits", "they are of one link")
class DifferentTraits(PacketAcceptor):
    def accept(self, timeout: float) -> DatagramStream | None:
        link = super().accept(timeout)
        if link is not None:
            link.traits = LinkTraits(packets=True, reliable=True, mtu=1200)
        return link


@caught_by("test_traits", r"traits of the client are \{'packets': True\}, no LinkTraits")
class TraitsInADict(DatagramStream):
    traits: Any = {"packets": True}  # noqa: RUF012


@caught_by("test_much_data", "receive gave bytearray, it gives bytes or None")
class GivesBuffers(DatagramStream):
    def receive(self, timeout: float) -> Any:
        got = super().receive(timeout)
        return None if got is None else bytearray(got)


@caught_by("test_packets_of_mtu_bytes", "mtu=9000, but of a packet of 9000 bytes 1400 of 9000 bytes arrived")
class WrongMtu(UdpMedium):
    traits = LinkTraits(packets=True, reliable=False, mtu=9000)

    def send_to(self, data: bytes, peer: Any) -> None:
        super().send_to(data[:1400], peer)


@caught_by("test_packets_of_mtu_bytes", "mtu=None, but a packet of 1048576 bytes is refused")
class NoMtu(UdpMedium):
    traits = LinkTraits(packets=True, reliable=False)


@caught_by("test_packets_of_mtu_bytes", "512 of 1200 bytes arrived")
class SmallBuffer(UdpMedium):
    def receive_from(self, timeout: float) -> tuple[bytes, Any] | None:
        self.sock.settimeout(0.02)
        return self.sock.recvfrom(512)


@caught_by("test_packets_beyond_mtu", "1200 of 1201 bytes arrived|1201 bytes, mtu=1200")
class CutsWhatIsTooLong(UdpMedium):
    def send_to(self, data: bytes, peer: Any) -> None:
        super().send_to(data[:1200], peer)


@caught_by("test_what_arrives_is_whole", "packets that arrived were never sent")
class PadsPackets(UdpMedium):
    def send_to(self, data: bytes, peer: Any) -> None:
        super().send_to(data.ljust(1200, b"\0"), peer)


@caught_by("test_end_after_the_data", "gave b'': nothing is None, the end raises EOFError")
class AioSwallowsTheEnd(AioLink):
    async def receive(self) -> bytes:
        return await self.reader.read(65_536)


class AioDeaf(AioLink):
    """Waits on when the connection has ended."""

    async def receive(self) -> bytes:
        try:
            return await super().receive()
        except (OSError, EOFError):
            await asyncio.Event().wait()
            raise


@caught_by("test_peer_is_killed", "its peer was killed, and receive gave None")
class AioDeafCarrier(AioCarrier):
    link = AioDeaf


@caught_by("test_close_while_nobody_reads", "close at the client has not come back|TimeoutError")
class AioWaitsInClose(AioLink):
    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
