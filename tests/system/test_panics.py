"""A driver that is compiled may raise what is no Exception: that costs a link, never a thread or the way back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.address import Address
from sig_core.plugins import Plugins
from tests.support import eventually

QUICK = sig.Reconnect(first=0.01, most=0.05)


class PanicError(BaseException):
    """As that of PyO3."""


class Panics:
    """Links of `local`, under a scheme of their own, whose calls panic while they are told to."""

    scheme = "panics"

    def __init__(self) -> None:
        self.local: Any = sig.default_plugins().carriers.get("local")
        self.now: set[str] = set()
        self.panics = 0

    def check(self, call: str) -> None:
        if call in self.now:
            self.panics += 1
            raise PanicError(call)

    def connect(self, address: Address) -> Any:
        self.check("connect")
        return Link(self, self.local.connect(Address.parse(str(address).replace("panics", "local"))))

    def listen(self, address: Address) -> Any:
        return Acceptor(self, self.local.listen(Address.parse(str(address).replace("panics", "local"))))


class Link:
    def __init__(self, carrier: Panics, link: Any) -> None:
        self.carrier, self.link, self.peer, self.traits = carrier, link, link.peer, link.traits

    def send(self, data: bytes, /) -> None:
        self.carrier.check("send")
        self.link.send(data)

    def receive(self, timeout: float, /) -> Any:
        self.carrier.check("receive")
        return self.link.receive(timeout)

    def close(self) -> None:
        self.link.close()
        self.carrier.check("close")


class Acceptor:
    def __init__(self, carrier: Panics, acceptor: Any) -> None:
        self.carrier, self.acceptor = carrier, acceptor
        self.address: str = acceptor.address.replace("local", "panics")

    def accept(self, timeout: float, /) -> Any:
        self.carrier.check("accept")
        link = self.acceptor.accept(timeout)
        return link and Link(self.carrier, link)

    def close(self) -> None:
        self.acceptor.close()


@pytest.fixture
def died(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of threads that an error ended."""
    names: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: names.append(args.thread.name))
    return names


@pytest.fixture
def carrier() -> Panics:
    return Panics()


@pytest.fixture
def plugins(carrier: Panics) -> Plugins:
    made = Plugins()
    made.carriers.register("panics", lambda: carrier)
    return made


@pytest.fixture
def server(plugins: Plugins) -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("panics://here", "local://healthy", plugins=plugins) as made:
        made.add_sender("echo", [], {"say": lambda params: params})
        yield made


@pytest.mark.parametrize("call", ["receive", "send", "close", "accept", "connect"])
def test_a_client_comes_back_when_it_is_over(
    server: sig.ServerRouter, plugins: Plugins, carrier: Panics, died: list[str], call: str
) -> None:
    states: list[str] = []
    client = sig.ClientRouter("panics://here", reconnect=QUICK, plugins=plugins)
    client.on("disconnected", lambda state, error: states.append(state))
    client.on("reconnected", lambda state, error: states.append(state))
    with client, sig.ClientRouter("local://healthy", plugins=plugins) as healthy:
        carrier.now = {call, "receive"}
        eventually(lambda: "disconnected" in states)
        assert healthy.remote_request("echo", "say", 1) == 1
        carrier.now = {call} - {"receive"}
        assert healthy.remote_request("echo", "say", 2) == 2
        carrier.now = set()
        eventually(lambda: states[-1] == "reconnected")
        assert client.remote_request("echo", "say", 3) == 3
    assert died == []


@pytest.mark.parametrize("call", ["receive", "send", "connect"])
def test_a_start_fails_with_an_error_of_ours(
    server: sig.ServerRouter, plugins: Plugins, carrier: Panics, died: list[str], call: str
) -> None:
    carrier.now = {call}
    with pytest.raises(sig.SigError, match=call):
        sig.ClientRouter("panics://here", plugins=plugins).start()
    carrier.now = set()
    assert died == []


@pytest.mark.parametrize("call", ["receive", "send", "connect"])
def test_a_session_that_resumes_goes_on_when_it_is_over(
    server: sig.ServerRouter, plugins: Plugins, carrier: Panics, died: list[str], call: str
) -> None:
    heard: list[Any] = []
    server.add_listener(lambda info, data: heard.append(data), "s", "e")
    with sig.ClientRouter("panics://here", reconnect=QUICK, plugins=plugins, resume=30) as client:
        signal = client.add_remote_sender("s", ["e"]).get_signal("e")
        signal.trigger("before")
        carrier.now = {call, "receive"}
        eventually(lambda: carrier.panics > 0)
        carrier.now = {call} - {"receive"}
        signal.trigger("meanwhile")
        before = carrier.panics
        eventually(lambda: carrier.panics > before or not carrier.now)
        carrier.now = set()
        signal.trigger("after")
        eventually(lambda: heard == ["before", "meanwhile", "after"])
        assert client.remote_request("echo", "say", 3) == 3
    assert died == []
