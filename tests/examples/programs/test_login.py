"""How the programs come to a server that asks who they are."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import sig_core as sig
from sig_core.address import as_query
from sig_core.certs import Authority
from tests.support.example_program import Example, said_by

Login = Callable[[str], ModuleType]


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "tcp://house.lan:3000"),
        ({"ca": "a b.pem"}, "tls+tcp://house.lan:3000?ca=a%20b.pem"),
        ({"url": "unix:///run/sig.sock"}, "unix:///run/sig.sock"),
        (
            {"url": "tls+tcp://h:1?min=1.2", "ca": "c", "cert": "d", "key": "e"},
            "tls+tcp://h:1?min=1.2&ca=c&cert=d&key=e",
        ),
    ],
)
def test_files_of_tls_go_into_the_address(module: Login, options: dict[str, str], url: str) -> None:
    login, parser = module("login"), ArgumentParser()
    login.add_login(parser)
    parser.set_defaults(url=None, ip="house.lan", port=3000)
    answers = parser.parse_args([])
    for name, value in options.items():
        setattr(answers, name, value)
    assert login.server_url(answers) == url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An authority with a server and a client."""
    authority = Authority.create(tmp_path / "home")
    authority.issue("house", hosts=("127.0.0.1",))
    authority.issue("hall")
    return tmp_path / "home"


@pytest.fixture
def port(home: Path) -> Iterator[str]:
    """The port of a server that lets in who has a certificate."""
    files = {"ca": "ca.pem", "cert": "house.pem", "key": "house.key"}
    query = as_query({name: str(home / file) for name, file in files.items()})
    with sig.ServerRouter(f"tls+tcp://127.0.0.1:0{query}") as server:
        yield server.addresses[0].partition("?")[0].rpartition(":")[2]


def test_a_sender_that_the_server_knows(port: str, home: Path) -> None:
    named = ["--ca", str(home / "ca.pem"), "--cert", str(home / "hall.pem"), "--key", str(home / "hall.key")]
    with Example("generic_client_sender", "--port", port, *named, "--delay", "0.05") as client:
        client.find(said_by("connect", rf"\[TLS\+TCP_CL\] Connecting to 127\.0\.0\.1:{port}"))
        client.find(said_by("main", r"\[timer_client\] Triggering event tick with data 'None'"))
        client.end()


def test_one_that_it_does_not_know_ends(port: str, home: Path) -> None:
    with Example("generic_client_sender", "--port", port, "--ca", str(home / "ca.pem")) as client:
        status, said = client.failed()
    assert status == 1 and "certificate" in said
