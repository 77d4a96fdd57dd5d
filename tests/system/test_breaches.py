"""What ends a link, over real sockets: each vector closes its own link at once, with a logged reason, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually
from tests.support.rawpeer import CONTROL, EVENT, INFO, RawPeer, frame

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "breaches.json").read_text())["breaches"]
SMALLEST = 4096  # a hello names no smaller max_frame, and neither does a server


def bytes_of(text: Any) -> bytes:
    if isinstance(text, str):
        return bytes.fromhex(text)
    middle = bytes.fromhex(text["repeat"]) * text["count"]
    return bytes.fromhex(text["prefix"]) + middle + bytes.fromhex(text["suffix"])


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["max_frame"] == 1 << 24], ids=lambda vector: vector["name"])
def test_breach(vector: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "sig")  # somebody should look at that peer
    heard: list[int] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as healthy:
        healthy.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
        signal = healthy.add_remote_sender("s", ["e"]).get_signal("e")
        signal.trigger(1)
        with RawPeer.connect(server.addresses[0]) as peer:
            peer.open()
            port = peer.sock.getsockname()[1]
            peer.send(bytes_of(vector["bytes"]))
            peer.rest()
        signal.trigger(2)
        eventually(lambda: heard == [1, 2])
        eventually(lambda: any("link closed" in line and f":{port}:" in line for line in caplog.messages))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("together", [True, False])
def test_what_came_before_a_breach_counts_however_it_was_cut_into_reads(together: bool) -> None:
    heard: list[Any] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, RawPeer.connect(server.addresses[0]) as peer:
        server.add_listener(lambda info, data: heard.append(data), "s", "e")
        peer.open()
        route = dict(peer.ask(1, "add_sender", sender="s", events=["e"])["events"])["e"]
        parts = [frame(EVENT, route, b"1"), frame(EVENT, route, b"2"), frame(15, 0, b""), frame(EVENT, route, b"3")]
        if together:
            peer.send(*parts)
        else:
            for byte in b"".join(parts[:3]):
                peer.send(bytes([byte]))
        assert b"type 15" in peer.rest()
        eventually(lambda: heard == [1, 2])


def test_a_frame_above_a_small_limit() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(max_frame=SMALLEST)) as server:
        with RawPeer.connect(server.addresses[0]) as peer:
            peer.open()
            peer.send((SMALLEST + 1).to_bytes(4, "little"))
            assert b"4096" in peer.rest()


@pytest.mark.parametrize("brackets", [b"[", b'{"a":'])
def test_a_payload_that_is_nested_too_deep_is_counted_and_costs_no_link(brackets: bytes) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, RawPeer.connect(server.addresses[0]) as peer:
        here: list[Any] = []
        server.add_listener(lambda info, data: here.append(data), "s", "e")
        with sig.ClientRouter(server.addresses[0]) as same, sig.ClientRouter(server.addresses[0], "cbor") as other:
            heard: list[Any] = []
            for client in (same, other):
                client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            peer.open()
            routes = dict(peer.ask(1, "add_sender", sender="s", events=["e"])["events"])
            deep = brackets * 100_000
            additions = len(brackets * 10_000).to_bytes(2, "little") + brackets * 10_000
            for data in (b"1", deep, b"", b"2"):
                peer.send(frame(EVENT, routes["e"], data))
            peer.send(frame(EVENT | INFO, routes["e"], additions + b"3"), frame(EVENT, routes["e"], b"4"))
            eventually(lambda: sorted(heard) == [1, 1, 2, 2, 4, 4] and here == [1, 2, 4])
            eventually(lambda: same.lost == {("s", "e"): 3} == other.lost)
            assert server._port.lost.total() == 3
            peer.send(frame(CONTROL, 0, brackets * 40_000))
            assert peer.message()["status"] == -7
            assert peer.ask(2, "get_version")
