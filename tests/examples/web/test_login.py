"""The logger at a server that asks who it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_events_logger.journal import Journal
from web_events_logger.subscriber import REFUSED, Subscriber

import sig_core as sig
from sig_core.address import as_query
from sig_core.certs import Authority
from tests.examples.web.site import all_of
from tests.support import eventually


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An authority with a server and a logger."""
    authority = Authority.create(tmp_path / "home")
    authority.issue("house", hosts=("127.0.0.1",))
    authority.issue("logger")
    return tmp_path / "home"


def query(home: Path, name: str = "") -> str:
    files = {"cert": f"{name}.pem", "key": f"{name}.key"} if name else {}
    return as_query({option: str(home / file) for option, file in {"ca": "ca.pem", **files}.items()})


@pytest.fixture
def server(home: Path) -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter(f"tls+tcp://127.0.0.1:0{query(home, 'house')}") as running:
        yield running


def url_of(server: sig.ServerRouter) -> str:
    return server.addresses[0].partition("?")[0]


def test_it_comes_by_tls(server: sig.ServerRouter, home: Path) -> None:
    box, journal = server.add_sender("box", ["e"]), Journal(10)
    subscriber = Subscriber(url_of(server) + query(home, "logger"), "json", [("box", "e")], journal)
    subscriber.start()
    try:
        signal = box.get_signal("e")
        assert signal is not None and subscriber.state == "connected"
        signal.trigger(7)
        eventually(lambda: [each.data for each in all_of(journal)] == ["7"])
        assert subscriber.url == url_of(server)  # as it is shown to browsers
    finally:
        subscriber.stop()


def test_who_is_not_let_in_does_not_hurry_back(server: sig.ServerRouter, home: Path) -> None:
    subscriber = Subscriber(url_of(server) + query(home), "json", [], Journal(10))
    subscriber.start()
    try:
        assert (subscriber.state, subscriber.wait) == ("connecting", REFUSED)
        assert "certificate" in subscriber.reason
    finally:
        subscriber.stop()
