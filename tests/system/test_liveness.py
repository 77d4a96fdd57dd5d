"""Who is alive, who is dropped, and when: keep-alive in both directions, links that end while output waits."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import sig_core as sig
from sig_core.address import Address
from sig_core.plugins import default_plugins
from tests.support import descriptors, eventually, sig_threads, within
from tests.support.rawpeer import CONTROL, RawPeer, call, hello, raw_server, welcome


def test_an_idle_client_is_alive_although_the_welcome_came_late() -> None:
    """The first keep-alive follows from the server's time, not from what the client assumed before the welcome."""
    with raw_server() as (url, listening):
        client = sig.ClientRouter(url)
        thread = threading.Thread(target=client.start)
        thread.start()
        with RawPeer(listening.accept()[0]) as server:
            server.read_preface()
            server.read()
            threading.Event().wait(0.05)  # the client's writer has looked at its clock meanwhile
            server.send(welcome(keepalive=0.6))
            server.sock.settimeout(within(2))
            assert server.read() == (CONTROL, 0, b"")
            thread.join(within(10))
            client.stop()


def test_a_client_with_a_short_keep_alive_hears_the_server_in_time() -> None:
    """Wherever in the period of the server's clock it comes."""
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for number in range(10):
            eventually(lambda: not server.peers)
            threading.Event().wait(0.01 * number)
            with RawPeer.connect(server.addresses[0]) as peer:
                peer.open(keepalive=1)
                peer.sock.settimeout(within(1))
                assert peer.read() == (CONTROL, 0, b"")


def _floods(server: sig.ServerRouter) -> None:
    signal = server.add_sender("flood", ["e"]).get_signal("e")
    for _ in range(600):
        signal.trigger("x" * 100_000)  # 60 MB: more than any system keeps in its own buffers


def test_a_silent_peer_that_does_not_read_is_closed() -> None:
    """Its goodbye can't be sent: the link is closed all the same, and its descriptor given back."""
    limits = sig.Limits(keepalive=0.4, stall=0.0)
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        before = descriptors()
        with RawPeer.connect(server.addresses[0], receive_buffer=4096) as peer:
            peer.open()
            peer.ask(1, "add_listener", sender=None, event=None)
            _floods(server)
            eventually(lambda: not server.peers, 10)
            eventually(lambda: descriptors() == before + 1)  # the peer's own


def test_a_link_that_is_full_of_answers_is_closed() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for number in range(300):
            server.add_sender(f"a rather long name of a sender, number {number}", [f"e{n}" for n in range(10)])
        with RawPeer.connect(server.addresses[0], receive_buffer=4096) as peer:
            peer.open()
            with contextlib.suppress(OSError):  # 60 MB of answers; the link may be closed before all is asked
                peer.send(*[call(n, "list_senders", list_events=True) for n in range(600)])
            eventually(lambda: not server.peers, 10)


def test_a_silent_peer_on_a_pumped_link_costs_no_thread() -> None:
    limits = sig.Limits(keepalive=0.4, stall=0.0)
    with sig.ServerRouter("local://silent", limits=limits) as server:
        carrier = default_plugins().carriers.get("local")
        link = carrier.connect(Address.parse("local://silent"))
        link.send(hello())
        link.send(call(1, "add_listener", sender=None, event=None))
        eventually(lambda: len(server.peers) == 1)
        while (packet := link.receive(within(5))) is not None and b'"listener_id"' not in packet:
            pass
        _floods(server)
        eventually(lambda: not server.peers, 10)
        eventually(lambda: not any("read" in name or "writ" in name for name in sig_threads()))
        link.close()


def test_what_a_tick_brings_about_leaves_with_that_tick() -> None:
    """A goodbye, a `#disconnect`, a keep-alive must not wait for the next thing that happens."""
    limits = sig.Limits(keepalive=0.4)
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server, RawPeer.connect(server.addresses[0]) as peer:
        peer.open()
        slept: list[tuple[int, float]] = []
        poll = server._clients.loop._poller.poll

        def polling(wait: float) -> Any:
            slept.append((len(server._clients._dirty), wait))
            return poll(wait)

        server._clients.loop._poller.poll = polling  # type: ignore[method-assign]
        eventually(lambda: not server.peers, 5)
        assert [wait for dirty, wait in slept if dirty and wait > 0] == []
