"""The logger at a server that asks who it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_events_logger.journal import Journal
from web_events_logger.subscriber import REFUSED, Subscriber

import sig_core as sig
from sig_core.address import as_query, without_options
from sig_core.certs import Authority
from sig_core.tokens import digest, new_token
from tests.examples.web.site import all_of
from tests.support import eventually

TOKEN = new_token()
RULES = f"""
version = 1
[roles.logger]
see = ["*"]
listen = [{{ sender = "box" }}]
[[who]]
token = "{digest(TOKEN)}"
user = "logger"
roles = ["logger"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Authority.create(tmp_path / "home").issue("house", hosts=("127.0.0.1",))
    return tmp_path / "home"


@pytest.fixture
def server(home: Path, tmp_path: Path) -> Iterator[sig.ServerRouter]:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    rules.chmod(0o600)
    query = as_query({"cert": str(home / "house.pem"), "key": str(home / "house.key")})
    with sig.ServerRouter(f"tls+tcp://127.0.0.1:0{query}", rules=rules) as running:
        yield running


def url_of(server: sig.ServerRouter, home: Path) -> str:
    return without_options(server.addresses[0]) + as_query({"ca": str(home / "ca.pem")})


def test_it_logs_in_by_tls_with_a_token(server: sig.ServerRouter, home: Path) -> None:
    box, journal = server.add_sender("box", ["e"]), Journal(10)
    subscriber = Subscriber(url_of(server, home), "json", [("box", "e")], journal, lambda: TOKEN)
    subscriber.start()
    try:
        signal = box.get_signal("e")
        assert signal is not None and subscriber.state == "connected"
        signal.trigger(7)
        eventually(lambda: [each.data for each in all_of(journal)] == ["7"])
        assert subscriber.url == without_options(server.addresses[0])  # as it is shown to browsers
    finally:
        subscriber.stop()


def test_who_is_not_let_in_does_not_hurry_back(server: sig.ServerRouter, home: Path) -> None:
    subscriber = Subscriber(url_of(server, home), "json", [], Journal(10), lambda: "another")
    subscriber.start()
    try:
        assert (subscriber.state, subscriber.wait) == ("connecting", REFUSED)
        assert "not admitted" in subscriber.reason
    finally:
        subscriber.stop()
