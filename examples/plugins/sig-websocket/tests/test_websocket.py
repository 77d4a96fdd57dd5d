"""The carriers keep the rules of carriers, serve pages they were told to serve, and know whom to trust."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sig_websocket import SecureWebSocketCarrier, WebSocketCarrier
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import sig_core as sig
from sig_core.testing import CarrierConformance


class TestWebSocket(CarrierConformance):
    carrier, url = WebSocketCarrier, "ws://127.0.0.1:0"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with the program openssl, which is not here")
    cert, key = (tmp_path_factory.getbasetemp() / name for name in ("own.pem", "own.key"))
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    whose = ["-subj", "/CN=sig-websocket", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", *kind, *whose, "-keyout", key, "-out", cert]
    subprocess.run(make, check=True, capture_output=True, timeout=60)
    cert.write_bytes(cert.read_bytes() + key.read_bytes())
    return cert


class TestSecureWebSocket(CarrierConformance):
    carrier = SecureWebSocketCarrier

    @pytest.fixture(autouse=True)
    def certificate(self, own: Path) -> None:
        self.own = own
        self.url = f"wss://127.0.0.1:0?cert={own}"

    def client_url(self, bound: str) -> str:
        return f"{bound}?ca={self.own}"


class TestInsideTls(CarrierConformance):
    carrier = WebSocketCarrier

    @pytest.fixture(autouse=True)
    def certificate(self, own: Path) -> None:
        self.own = own
        self.url = f"tls+ws://127.0.0.1:0?cert={own}"

    def client_url(self, bound: str) -> str:
        return f"{bound}?ca={self.own}"


def test_routers_speak_over_tls(own: Path) -> None:
    with sig.ServerRouter(f"wss://127.0.0.1:0/sig?cert={own}") as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        with sig.ClientRouter(f"{server.addresses[0]}?ca={own}", reconnect=None) as client:
            assert client.remote_request("s", "echo", "x" * 2_000_000) == "x" * 2_000_000


def test_tls_of_the_core_goes_around_packets_too(own: Path) -> None:
    with sig.ServerRouter(f"tls+ws://127.0.0.1:0?cert={own}") as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        with sig.ClientRouter(f"{server.addresses[0]}?ca={own}", reconnect=None) as client:
            assert client.remote_request("s", "echo", "x" * 300_000) == "x" * 300_000


def test_a_server_that_is_not_trusted_is_refused(own: Path) -> None:
    with sig.ServerRouter(f"wss://127.0.0.1:0?cert={own}") as server:
        url = server.addresses[0]
        with pytest.raises(sig.ConnectFailed, match=r"the server's certificate is refused: self.signed .* ca=FILE"):
            sig.ClientRouter(url).start()
        with pytest.raises(sig.ConnectFailed, match="is not valid for 'localhost'; connect to a name that is in it"):
            sig.ClientRouter(url.replace("127.0.0.1", "localhost") + f"?ca={own}").start()


def test_a_server_with_ca_lets_in_who_has_a_certificate(own: Path) -> None:
    with sig.ServerRouter(f"wss://127.0.0.1:0?cert={own}&ca={own}") as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        with sig.ClientRouter(f"{server.addresses[0]}?ca={own}&cert={own}") as client:
            assert client.remote_request("s", "echo", 5) == 5
        with pytest.raises(sig.ConnectFailed, match=r"can't connect|no TLS"):
            sig.ClientRouter(f"{server.addresses[0]}?ca={own}").start()


def test_ends_of_which_one_alone_speaks_tls(own: Path) -> None:
    with sig.ServerRouter("ws://127.0.0.1:0", f"wss://127.0.0.1:0?cert={own}") as server:
        plain, secure = server.addresses
        with pytest.raises(sig.ConnectFailed, match=r"no TLS with who is there|can't connect: "):
            sig.ClientRouter(f"wss{plain[2:]}?ca={own}").start()
        with pytest.raises(sig.ConnectFailed, match="can't connect: "):
            sig.ClientRouter(f"ws{secure[3:]}").start()


@pytest.mark.parametrize(
    "where",
    [
        *("ws://127.0.0.1:0/a/path", "ws://127.0.0.1:0/a/path/", "ws://127.0.0.1:0/%C3%BC%20x", "ws://[::1]:0"),
        "ws://127.0.0.1:0?compression=deflate",
    ],
)
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
        ("ws://127.0.0.1:5?ca=x", "unknown option 'ca'"),
        ("wss://127.0.0.1", "give a host and a port, as in wss://127.0.0.1:3000"),
        ("wss://127.0.0.1:5?ca=no-such-file", "option ca='no-such-file' can't be read: No such file"),
        ("wss://127.0.0.1:1", "can't connect: "),
    ],
)
def test_urls_that_can_not_be_meant(url: str, why: str) -> None:
    with pytest.raises((sig.ConfigError, sig.ConnectFailed), match=why):
        sig.ClientRouter(url).start()


def test_to_listen_with_tls_takes_a_certificate() -> None:
    with pytest.raises(sig.ConfigError, match="to listen takes a certificate; give its file: cert=FILE&key=FILE"):
        sig.ServerRouter("wss://127.0.0.1:0").start()


def test_a_port_that_is_taken() -> None:
    taken = pytest.raises(sig.ListenFailed, match="can't listen: Address already in use")
    with sig.ServerRouter("ws://127.0.0.1:0") as server, taken:
        server.listen(server.addresses[0])


def test_a_message_that_is_too_long_ends_the_link() -> None:
    with sig.ServerRouter("ws://127.0.0.1:0?max=4096") as server, connect(server.addresses[0], proxy=None) as client:
        client.send(bytes(10_000))
        with pytest.raises(ConnectionClosed, match="message too big"):
            client.recv(5)
