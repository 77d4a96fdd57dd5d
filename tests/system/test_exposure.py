"""Listening where other machines reach it: refused, unless somebody said that it may, and then with a warning."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.links.sockets import SocketAcceptor, SocketLink
from tests.support.acceptors import Unpolled, made

ALL = "tcp://0.0.0.0:0"


def listen(face: str, urls: list[Any], **options: Any) -> list[str]:
    """Where a server listens that is given these addresses, the first as it starts, others later."""

    async def on_loop() -> list[str]:
        async with aio.ServerRouter(*urls[:1], **options) as server:
            return [*server.addresses, *[await server.listen(url) for url in urls[1:]]]

    def on_threads() -> list[str]:
        with sig.ServerRouter(*urls[:1], **options) as server:
            return [*server.addresses, *[server.listen(url) for url in urls[1:]]]

    return asyncio.run(on_loop()) if face == "asyncio" else on_threads()


faces = pytest.mark.parametrize("face", ["threads", "asyncio"])


@faces
@pytest.mark.parametrize("url", [ALL, "tcp://[::]:0", "slow+tcp://0.0.0.0:0", ALL + "?open=0&nodelay=1"])
@pytest.mark.parametrize("when", ["start", "listen"])
def test_it_is_refused_with_the_ways_out(face: str, url: str, when: str) -> None:
    urls = [url] if when == "start" else ["tcp://127.0.0.1:0", url]
    with pytest.raises(sig.ConfigError, match="other machines can reach it") as caught:
        listen(face, urls)
    ways = ("127.0.0.1", "ServerRouter(open=True)", "?open=1", "sig serve --open", "open = true", "docs/security.md")
    for way in ways:
        assert way in str(caught.value)


@faces
def test_the_port_is_free_again_after_that(face: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
    for _ in range(2):
        with pytest.raises(sig.ConfigError, match="refused"):
            listen(face, [f"tcp://0.0.0.0:{port}"])


@faces
@pytest.mark.parametrize(
    ("url", "options"), [(ALL, {"open": True}), (ALL + "?open=1", {}), (ALL + "?open=yes&nodelay=0", {"open": False})]
)
def test_where_it_may_a_warning_tells_the_risk(
    face: str, url: str, options: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        (address,) = listen(face, [url], **options)
    (said,) = [record.getMessage() for record in caplog.records if "open to the network" in record.getMessage()]
    assert said.startswith(f"{address} is open to the network: whoever reaches it may hear and send everything")


@faces
def test_what_nobody_elsewhere_reaches_needs_no_word(
    face: str, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    here = ["tcp://127.0.0.1:0", "tcp://localhost:0", "tcp://127.8.9.10:0", f"unix://{tmp_path}/s", "local://exposure"]
    with caplog.at_level(logging.WARNING):
        assert len(listen(face, here)) == len(here)
    assert caplog.records == []


@faces
def test_an_acceptor_of_the_program_as_well(face: str) -> None:
    listening = socket.create_server(("0.0.0.0", 0))
    address = f"tcp://0.0.0.0:{listening.getsockname()[1]}"
    acceptor = SocketAcceptor(listening, address, lambda sock: SocketLink(sock, peer=""))
    with pytest.raises(sig.ConfigError, match=r"ServerRouter\(open=True\)"):
        listen(face, ["tcp://127.0.0.1:0", acceptor])
    assert len(listen(face, ["tcp://127.0.0.1:0", acceptor], open=True)) == 2
    threaded = Unpolled(made(ALL))
    with pytest.raises(sig.ConfigError):
        listen(face, ["tcp://127.0.0.1:0", threaded])
    assert not threaded.closed  # it is still the program's
    threaded.close()


def test_a_client_knows_no_such_option() -> None:
    with pytest.raises(sig.ConfigError, match="unknown option 'open'"):
        sig.ClientRouter("tcp://127.0.0.1:3000?open=1").start()
