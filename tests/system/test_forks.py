"""What a forked child keeps of its parent's links: nothing."""

from __future__ import annotations

import os
import threading

import pytest

import sig_core as sig
from tests.support import eventually
from tests.support.certificates import Authority
from tests.support.forked import in_child, sockets
from tests.support.rawpeer import RawPeer

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def test_no_socket_of_a_server_or_client_stays_open_in_the_child() -> None:
    before = sockets()
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, RawPeer.connect(server.addresses[0]) as peer:
        peer.open()
        own = sockets() - before
        with sig.ClientRouter(server.addresses[0]) as client:
            client.flush()
            assert len(sockets() - own) >= 2
            raw = {os.readlink(f"/proc/self/fd/{peer.sock.fileno()}")}
            assert in_child(lambda: len(sockets() - before - raw)) == 0
            client.flush()
            assert peer.ask(1, "get_version")


def test_tls_says_nothing_in_the_child(authority: Authority) -> None:
    with sig.ServerRouter(f"tls+tcp://127.0.0.1:0{authority.query('server')}") as server:
        with sig.ClientRouter(server.addresses[0] + authority.query("client"), reconnect=None) as client:
            client.flush()
            assert in_child(lambda: client.stop() or server.stop() or 0) == 0  # type: ignore[func-returns-value]
            client.flush()


def test_the_port_is_free_when_the_parent_stops_though_a_child_lives_on() -> None:
    server = sig.ServerRouter("tcp://127.0.0.1:0").start()
    url = server.addresses[0]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        server.stop()
        with sig.ServerRouter(url) as again, sig.ClientRouter(again.addresses[0]) as client:
            client.flush()
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_routers_refuse_in_the_child() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        signal = client.add_remote_sender("s", ["e"], {"x": lambda params: params}).get_signal("e")

        def refuses() -> int:
            accepted = 0
            for use in (signal.trigger, client.flush, lambda: client.remote_request("s", "x"), server.start):
                try:
                    use()
                    accepted += 1
                except sig.SigError:
                    continue
            client.stop()
            server.stop()
            return accepted

        assert in_child(refuses) == 0
        eventually(lambda: len(server.peers) == 1)
        assert client.remote_request("s", "x", 5) == 5
        assert threading.active_count() > 1
