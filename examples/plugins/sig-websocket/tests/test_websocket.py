"""The carrier keeps the rules of carriers, and serves pages it was told to serve."""

from __future__ import annotations

from typing import Any

import pytest
from sig_websocket import WebSocketCarrier
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import sig_core as sig
from sig_core.testing import CarrierConformance


class TestWebSocket(CarrierConformance):
    carrier, url = WebSocketCarrier, "ws://127.0.0.1:0"


@pytest.mark.parametrize("where", ["ws://127.0.0.1:0/a/path", "ws://[::1]:0", "ws://127.0.0.1:0?compression=deflate"])
def test_routers_speak_over_it(where: str) -> None:
    with sig.ServerRouter(where) as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        url = server.addresses[0] + ("?compression=deflate" if "deflate" in where else "")
        with sig.ClientRouter(url, reconnect=None) as client:
            assert client.remote_request("s", "echo", "x" * 2_000_000) == "x" * 2_000_000


def opened(url: str, **how: Any) -> str:
    """Connect as a page does; gives the extensions that were agreed on."""
    with connect(url, proxy=None, **how) as page:
        return page.response.headers.get("Sec-WebSocket-Extensions", "") if page.response is not None else ""


@pytest.mark.parametrize(
    ("option", "origin", "let_in"),
    [
        ("", None, True),
        ("", "https://example.org", False),
        ("?origin=https://example.org", "https://example.org", True),
        ("?origin=https://example.org", "https://example.com", False),
        ("?origin=*", "https://example.com", True),
    ],
)
def test_pages_are_let_in_by_their_origin(option: str, origin: str | None, let_in: bool) -> None:
    with sig.ServerRouter("ws://127.0.0.1:0" + option) as server:
        if let_in:
            opened(server.addresses[0], origin=origin)
        else:
            with pytest.raises(InvalidStatus, match="403"):
                opened(server.addresses[0], origin=origin)


def test_other_paths_are_not_found() -> None:
    with sig.ServerRouter("ws://127.0.0.1:0/sig") as server, pytest.raises(sig.ConnectFailed, match="404"):
        sig.ClientRouter(server.addresses[0] + "x").start()


def test_compression_is_off_unless_it_is_asked_for() -> None:
    with sig.ServerRouter("ws://127.0.0.1:0", "ws://127.0.0.1:0?compression=deflate") as server:
        assert [opened(url)[:18] for url in server.addresses] == ["", "permessage-deflate"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ws://127.0.0.1", "give a host and a port"),
        ("ws://127.0.0.1:5?compression=zip", "option compression='zip' is neither none nor deflate"),
        ("ws://127.0.0.1:5?max=1", "option max='1' is no number from 4096"),
        ("ws://127.0.0.1:1", "can't connect: "),
    ],
)
def test_urls_that_can_not_be_meant(url: str, why: str) -> None:
    with pytest.raises((sig.ConfigError, sig.ConnectFailed), match=why):
        sig.ClientRouter(url).start()


def test_a_port_that_is_taken() -> None:
    taken = pytest.raises(sig.ListenFailed, match="can't listen: Address already in use")
    with sig.ServerRouter("ws://127.0.0.1:0") as server, taken:
        server.listen(server.addresses[0])


def test_a_message_that_is_too_long_ends_the_link() -> None:
    with sig.ServerRouter("ws://127.0.0.1:0?max=4096") as server, connect(server.addresses[0], proxy=None) as client:
        client.send(bytes(10_000))
        with pytest.raises(ConnectionClosed, match="message too big"):
            client.recv(5)
