"""LocalCarrier: both routers, in one program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sig_core.compat as sig
from sig_core.compat.carrier.local import LocalCarrier
from sig_core.testing import begin
from tests.support import eventually, within

ConnectionManager = Callable[[], tuple[LocalCarrier, sig.ClientRouter]]


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter(LocalCarrier()) as router:
        yield router


def client_of(server: sig.ServerRouter) -> tuple[LocalCarrier, sig.ClientRouter]:
    carrier = LocalCarrier()
    router = sig.ClientRouter(carrier)
    assert isinstance(server.carrier, LocalCarrier)
    carrier.connect(server.carrier)
    return carrier, router


def test_events_and_requests_between_two_clients(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    (_, one), (_, two) = client_of(server), client_of(server)
    one.addRemoteListener(lambda info, data: heard.append((info["sender"], info["event"], data)))
    sender = two.addRemoteSender("s", ["e"], {"double": lambda params: params * 2})
    for n in range(100):
        sender.getSignal("e").trigger(n)
    eventually(lambda: len(heard) == 101)
    assert heard[0][:2] == ("s", "#connect")
    assert heard[1:] == [("s", "e", n) for n in range(100)]
    assert one.remoteRequest("s", "double", 4) == server.request("s", "double", 4) == 8
    assert two.remoteRequest("s", "double", "of one's own") == "of one's own" * 2


def test_what_handlers_raise_reaches_who_asks(server: sig.ServerRouter) -> None:
    _, client = client_of(server)
    server.addSender("here", [], {"fail": lambda params: [][0]})
    client.addRemoteSender("there", [], {"fail": lambda params: [][0]})
    for ask, sender in ((client.remoteRequest, "here"), (client.remoteRequest, "there"), (server.request, "there")):
        with pytest.raises(sig.RemoteError) as raised:
            ask(sender, "fail")
        assert raised.value.text == "list index out of range"
    with pytest.raises(LookupError, match="nobody"):
        client.remoteRequest("nobody", "x")


def test_callbacks_may_ask(server: sig.ServerRouter) -> None:
    answers: list[Any] = []
    (_, one), (_, two) = client_of(server), client_of(server)
    server.addSender("server", [], {"low": lambda params: params + 1})
    two.addRemoteSender("two", ["e"], {"high": lambda params: two.remoteRequest("server", "low", params) * 2})
    one.addRemoteListener(lambda info, data: answers.append(one.remoteRequest("two", "high", data)), "two", "e")
    two.getSender("two").getSignal("e").trigger(1)
    eventually(lambda: answers == [4])


def test_a_callback_that_waits_for_another_of_its_client_ends() -> None:
    errors: list[Exception] = []

    def ask_oneself(info: Any, data: Any) -> None:
        try:
            client.remoteRequest("s", "x")
        except sig.RequestTimeout as error:
            errors.append(error)

    with sig.ServerRouter(LocalCarrier(), limits=sig.Limits(request_timeout=0.2)) as server:
        _, client = client_of(server)
        signal = client.addRemoteSender("s", ["e"], {"x": lambda params: 1}).getSignal("e")
        client.addRemoteListener(ask_oneself, "s", "e")
        signal.trigger()
        eventually(lambda: len(errors) == 1)
        assert client.remoteRequest("s", "x") == 1


def test_a_client_that_leaves_and_comes_back(server: sig.ServerRouter) -> None:
    presence: list[Any] = []
    carrier, client = client_of(server)
    server.addListener(lambda info, data: presence.append(info["event"]), "s")
    for _ in range(3):
        client.addRemoteSender("s", ["e"])
        carrier.disconnect()
        with pytest.raises(sig.LinkClosed, match=r"call connect\(\)"):
            client.remoteRequest("s", "x")
        carrier.connect(server.carrier)
    eventually(lambda: presence == ["#connect", "#disconnect"] * 3)
    with pytest.raises(sig.LocalProtocolError, match="connected already"):
        carrier.connect(server.carrier)


def test_the_server_sends_all_away(server: sig.ServerRouter) -> None:
    clients = [client_of(server)[1] for _ in range(3)]
    eventually(lambda: len(server.peers) == 3)
    server.carrier.disconnect()
    eventually(lambda: server.peers == [])
    for client in clients:
        with pytest.raises(sig.LinkClosed):
            client.remoteRequest("s", "x")


def test_nothing_passes_that_would_not_pass_a_network(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    _, client = client_of(server)
    data = {"list": [1]}
    signal = client.addRemoteSender("s", ["e"]).getSignal("e")
    client.addRemoteListener(lambda info, data: heard.append(data), "s", "e")
    signal.trigger(data)
    eventually(lambda: heard == [data])
    assert heard[0] is not data
    with pytest.raises(sig.EncodeError, match="must be JSON"):
        signal.trigger(object())


def test_two_threads_of_a_client_at_once(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    _, client = client_of(server)
    client.addRemoteListener(lambda info, data: heard.append(data), event="#c")

    def fire(name: str) -> None:
        with contextlib.closing(_Removed(client.addRemoteSender(name, ["#c"]))) as sender:
            for n in range(50):
                sender.signal.trigger((name, n))

    ends = [begin(lambda name=name: fire(name)) for name in ("a", "b")]
    for end in ends:
        end.result(within(10))
    eventually(lambda: len(heard) == 100)
    for name in ("a", "b"):
        assert [n for who, n in heard if who == name] == list(range(50))


class _Removed:
    def __init__(self, sender: sig.Sender) -> None:
        self.signal = sender.getSignal("#c")
        self.close = sender.remove


def test_a_property_of_a_handler_is_never_read(server: sig.ServerRouter) -> None:
    class Camera:
        def snap(self, params: Any) -> Any:
            return ["jpg", params]

        @property
        def temperature(self) -> float:
            raise OSError("sensor is not ready")

    _, client = client_of(server)
    client.add_remote_sender("cam", ["e"], Camera())
    assert server.request("cam", "snap", 1) == ["jpg", 1]
    with pytest.raises(sig.UnknownMethod):
        server.request("cam", "temperature")
    assert client.remove_remote_sender("cam")
