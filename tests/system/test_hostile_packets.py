"""Packets of anybody to a server on a medium: no thread and no state for who has not proved itself."""

from __future__ import annotations

import threading

import sig_core as sig
from sig_core.address import Address
from sig_core.datagram.stream import ASKED
from sig_core.datagram.wire import Wire as Packets
from sig_core.datagram.wire import opening
from sig_core.links.shared_medium import MediumAcceptor, MediumLink, demux, dial
from sig_core.plugins import Plugins
from tests.support import eventually, within
from tests.support.wires import Wire


class Carrier:
    """Ends of one wire."""

    scheme = "wire"

    def __init__(self) -> None:
        self.wire = Wire()
        self.dialled = 0

    def listen(self, address: Address, /) -> MediumAcceptor:
        return demux(self.wire.end(address.host))

    def connect(self, address: Address, /) -> MediumLink:
        self.dialled += 1
        return dial(self.wire.end(f"client {self.dialled}"), address.host)


def plugins_with(carrier: Carrier) -> Plugins:
    plugins = Plugins()
    plugins.carriers.register("wire", lambda: carrier)
    return plugins


def has_room(url: str, plugins: Plugins) -> None:
    with sig.ClientRouter(url, plugins=plugins, reconnect=None) as client:
        client.add_remote_sender("s", ["e"], {"double": lambda value: 2 * value})
        assert client.remote_request("s", "double", 21) == 42


def test_a_flood_of_packets_costs_no_thread_and_keeps_nobody_out() -> None:
    carrier = Carrier()
    plugins = plugins_with(carrier)
    with sig.ServerRouter("wire://server", plugins=plugins) as server:
        before = threading.active_count()
        for number in range(400):
            stranger = carrier.wire.end(f"stranger {number}")
            stranger.send_to(b"x", "server")
            stranger.send_to(opening(Packets(1200), ASKED, 1 << 20 | number), "server")
            assert stranger.receive_from(within(10)) is not None
        assert threading.active_count() == before
        assert server.peers == []
        has_room("wire://server", plugins)


def test_links_of_who_has_proved_itself_and_says_nothing_are_few_and_cost_no_thread() -> None:
    carrier = Carrier()
    plugins = plugins_with(carrier)
    limits = sig.Limits(max_unknown=16)
    with sig.ServerRouter("wire://server", plugins=plugins, limits=limits) as server:
        before, packets = threading.active_count(), Packets(1200)
        for number in range(60):
            stranger = carrier.wire.end(f"stranger:{number}")
            stranger.send_to(opening(packets, ASKED, 1 << 20 | number), "server")
            found = stranger.receive_from(within(10))
            proof = packets.open(found[0] if found else b"")
            assert proof is not None
            stranger.send_to(opening(packets, ASKED, proof.epoch), "server")
            assert stranger.receive_from(within(10)) is not None
        eventually(lambda: 0 < len(server.peers) <= 16)
        assert threading.active_count() == before
        has_room("wire://server", plugins)
