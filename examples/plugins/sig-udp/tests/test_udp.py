"""The carrier keeps the rules of carriers, and says why it can't do what it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from sig_udp import UdpCarrier

import sig_core as sig
from sig_core.testing import CarrierConformance


class TestUdp(CarrierConformance):
    carrier, url = UdpCarrier, "udp://127.0.0.1:0"


@pytest.mark.parametrize("where", ["udp://127.0.0.1:0", "udp://[::1]:0", "udp://localhost:0?mtu=64"])
def test_routers_speak_over_it(where: str) -> None:
    with sig.ServerRouter(where) as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        url = server.addresses[0] + ("?mtu=64" if "mtu" in where else "")
        with sig.ClientRouter(url, reconnect=None) as client:
            assert client.remote_request("s", "echo", "x" * 50_000) == "x" * 50_000


def test_they_do_inside_tls(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="makes certificates by the extra `certs`, which is not installed")
    from sig_core.certs import Authority

    home = tmp_path / "home"
    Authority.create(home).issue("server", hosts=("127.0.0.1",))
    with sig.ServerRouter(f"tls+udp://127.0.0.1:0?cert={home}/server.pem&key={home}/server.key") as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        with sig.ClientRouter(f"{server.addresses[0]}?ca={home}/ca.pem", reconnect=None) as client:
            assert client.remote_request("s", "echo", "x" * 50_000) == "x" * 50_000


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("udp://127.0.0.1", "give a host and a port"),
        ("udp://no-such-host.invalid:5", "can't connect: "),
        ("udp://127.0.0.1:5/path", "udp takes no path"),
        ("udp://127.0.0.1:5?mtu=63", "option mtu='63' is no number from 64 to 65507"),
        ("udp://127.0.0.1:5?mut=100", "unknown option 'mut', did you mean 'mtu'"),
    ],
)
def test_urls_that_can_not_be_meant(url: str, why: str) -> None:
    with pytest.raises((sig.ConfigError, sig.ConnectFailed), match=why):
        sig.ClientRouter(url).start()


def test_a_port_that_is_taken() -> None:
    taken = pytest.raises(sig.ListenFailed, match="can't listen: Address already in use")
    with sig.ServerRouter("udp://127.0.0.1:0") as server, taken:
        server.listen(server.addresses[0])


def test_a_port_where_nobody_listens() -> None:
    with sig.ServerRouter("udp://127.0.0.1:0") as server:
        url = server.addresses[0]
    with pytest.raises(sig.ConnectFailed, match=r"refused|nobody answered"):  # as far as the system tells
        sig.ClientRouter(url, limits=sig.Limits(handshake=0.3)).start()
