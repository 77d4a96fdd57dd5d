"""How the programs come to a server that asks who they are."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import sig_core as sig
from sig_core.address import as_query, without_options
from sig_core.certs import Authority
from sig_core.tokens import digest, new_token
from tests.support.example_program import Example, said_by

Login = Callable[[str], ModuleType]

TOKEN = new_token()
RULES = f"""
version = 1
[roles.timer]
add = ["{{user}}"]
[[who]]
token = "{digest(TOKEN)}"
user = "hall"
roles = ["timer"]
"""


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


def test_a_token_is_of_a_file_or_the_environment(
    module: Login, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, parser, file = module("login"), ArgumentParser(), tmp_path / "token"
    login.add_login(parser)
    monkeypatch.delenv("SIG_TOKEN", raising=False)
    assert login.token_of(parser.parse_args([])) is None
    monkeypatch.setenv("SIG_TOKEN", "variable")
    assert login.token_of(parser.parse_args([]))() == "variable"
    token = login.token_of(parser.parse_args(["--token-file", str(file)]))
    with pytest.raises(sig.ConfigError, match=f"token file {file}: No such file"):
        token()
    file.write_bytes(b"\xff")
    with pytest.raises(sig.ConfigError, match=f"token file {file}: it is no text"):
        token()
    file.write_text("of the file\n")
    assert token() == "of the file\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An authority with a server, and the file of a token."""
    Authority.create(tmp_path / "home").issue("house", hosts=("127.0.0.1",))
    (tmp_path / "hall.token").write_text(f"{TOKEN}\n")
    return tmp_path / "home"


@pytest.fixture
def strict(home: Path, tmp_path: Path) -> Iterator[sig.ServerRouter]:
    """A server that lets in the hall alone."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    rules.chmod(0o600)
    query = as_query({"cert": str(home / "house.pem"), "key": str(home / "house.key")})
    with sig.ServerRouter(f"tls+tcp://127.0.0.1:0{query}", rules=rules) as server:
        yield server


def test_a_sender_that_the_server_knows(strict: sig.ServerRouter, home: Path, tmp_path: Path) -> None:
    port = without_options(strict.addresses[0]).rpartition(":")[2]
    named = ["--port", port, "--ca", str(home / "ca.pem"), "--token-file", str(tmp_path / "hall.token")]
    with Example("generic_client_sender", *named, "--sender", "hall", "--delay", "0.05") as client:
        client.find(said_by("connect", rf"\[TLS\+TCP_CL\] Connecting to 127\.0\.0\.1:{port}"))
        client.find(said_by("main", r"\[hall\] Triggering event tick with data 'None'"))
        client.end()


def test_one_that_it_does_not_know_ends(strict: sig.ServerRouter, home: Path) -> None:
    port = without_options(strict.addresses[0]).rpartition(":")[2]
    with Example("generic_client_sender", "--port", port, "--ca", str(home / "ca.pem")) as client:
        status, said = client.failed()
    assert status == 1 and "not admitted" in said
