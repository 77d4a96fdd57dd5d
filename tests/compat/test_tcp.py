"""CarrierTCPServer and CarrierTCPClient, as the documentation of 0.7 uses them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import sig_core
import sig_core.compat as sig
from sig_core.compat.carrier.tcpclient import *  # noqa: F403 - as the seed's programs do
from sig_core.compat.carrier.tcpserver import *  # noqa: F403
from tests.support import eventually, sig_threads, within

HOST = "127.0.0.1"


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    tcp_server = CarrierTCPServer()  # noqa: F405
    with sig.ServerRouter(tcp_server) as router:
        assert tcp_server.start(HOST, 0) is True
        yield router


def port_of(server: sig.ServerRouter) -> int:
    address = server.carrier.server_address
    assert address[0] == HOST
    return address[1]


@contextmanager
def client_of(server: sig.ServerRouter) -> Iterator[sig.ClientRouter]:
    tcp_client = carrier.CarrierTCPClient()  # noqa: F405 - what the seed's programs call it
    tcp_client.reconnect_delay = 0.02
    router = sig.ClientRouter(tcp_client)
    try:
        assert tcp_client.connect(*server.carrier.server_address) is True
        yield router
    finally:
        tcp_client.disconnect()


# -- the two together


def test_the_program_of_the_documentation(server: sig.ServerRouter) -> None:
    heard: list[str] = []

    def listen_for_tic(info: Any, data: Any) -> None:
        heard.append(f"'{info.get('event')}' received from '{info.get('sender')}' (data: {data})")

    signal_tic = server.addSender("timer", ["tic"]).getSignal("tic")
    with client_of(server) as listener, client_of(server) as second:
        listener.addRemoteListener(listen_for_tic, "timer", "tic")
        listener.addRemoteListener(listen_for_tic, "another_timer", "tic")
        another = second.addRemoteSender("another_timer", ["tic"]).getSignal("tic")
        for number, trigger in enumerate((signal_tic, another, signal_tic)):
            trigger.trigger([None, {"n": 1}, "last"][number])
            eventually(lambda number=number: len(heard) == number + 1)
    assert heard == [
        "'tic' received from 'timer' (data: None)",
        "'tic' received from 'another_timer' (data: {'n': 1})",
        "'tic' received from 'timer' (data: last)",
    ]


def test_requests_both_ways_and_their_failures(server: sig.ServerRouter) -> None:
    server.addSender("here", [], {"add": lambda params: sum(params), "fail": lambda params: 1 / 0})
    with client_of(server) as client:
        client.addRemoteSender("there", [], {"add": lambda params: sum(params), "fail": lambda params: 1 / 0})
        assert client.remoteRequest("here", "add", [1, 2]) == server.request("there", "add", [1, 2]) == 3
        for ask, sender in ((client.remoteRequest, "here"), (server.request, "there")):
            with pytest.raises(sig.RemoteError) as raised:
                ask(sender, "fail")
            assert raised.value.exception == "ZeroDivisionError"
        with pytest.raises(sig.UnknownMethod):
            client.remoteRequest("here", "other")
        with pytest.raises(sig.UnknownSender):
            client.remoteRequest("nobody", "other")


def test_senders_of_a_client_are_seen_here_and_there(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    with client_of(server) as client:
        client.addListener(lambda info, data: heard.append(("here", info["event"])), "s")
        server.addListener(lambda info, data: heard.append(("there", info["event"])), "s")
        sender = client.addRemoteSender("s", ["e"])
        with pytest.raises(sig.SenderExists):
            server.addSender("s", [])
        with pytest.raises(sig.SenderExists):
            client.addRemoteSender("s", [])
        sender.getSignal("e").trigger()
        eventually(lambda: len(heard) == 4)
        assert client.removeRemoteSender("s") is True
        assert client.removeRemoteSender("s") is False
        eventually(lambda: len(heard) == 6)
    for place in ("here", "there"):
        assert [event for where, event in heard if where == place] == ["#connect", "e", "#disconnect"]


def test_info_that_a_signal_adds_arrives_for_each_event(server: sig.ServerRouter) -> None:
    class Counted(sig.Signal):
        def trigger(self, data: Any = None) -> None:
            self.event_info["count"] = self.event_info.get("count", 0) + 1
            super().trigger(data)

    counts: list[Any] = []
    with client_of(server) as listener, client_of(server) as client:
        listener.addRemoteListener(lambda info, data: counts.append(info["count"]), "s", "e")
        client.class_signal = Counted
        signal = client.addRemoteSender("s", ["e"]).getSignal("e")
        for _ in range(3):
            signal.trigger()
        eventually(lambda: counts == [1, 2, 3])


def test_listeners_are_removed_by_what_they_hear(server: sig.ServerRouter) -> None:
    heard: list[Any] = []

    def listen(info: Any, data: Any) -> None:
        heard.append(data)

    signal = server.addSender("s", ["e"]).getSignal("e")
    with client_of(server) as client:
        client.addRemoteListener(listen, "s", "e")
        client.addRemoteListener(listen, "s")
        assert client.removeRemoteListener(listen, "s", "e") is True
        assert client.removeRemoteListener(listen, "s", "e") is False
        signal.trigger(1)
        eventually(lambda: heard == [1])


def test_a_listener_that_raises_is_counted(server: sig.ServerRouter, caplog: pytest.LogCaptureFixture) -> None:
    with client_of(server) as client:
        client.addRemoteListener(lambda info, data: [][0], "s", "e")
        server.addSender("s", ["e"]).getSignal("e").trigger()
        eventually(lambda: client.listener_errors == 1)
        eventually(lambda: "IndexError" in caplog.text)


def test_everybody_meets_there(server: sig.ServerRouter) -> None:
    server.addSender("s", ["e"], {"x": lambda params: "answer"})
    with sig_core.ClientRouter(server.carrier.address, "msgpack") as modern, client_of(server) as old:
        assert modern.remote_request("s", "x") == old.remoteRequest("s", "x") == "answer"
        with socket.create_connection((HOST, port_of(server)), within(5)) as plain:
            plain.sendall(b'{"id": 1, "method": "request", "params": {"sender": "s", "method": "x"}}\n')
            assert json.loads(plain.makefile().readline()) == {"id": 1, "status": 0, "response": "answer"}


# -- the server


def test_start_stop_and_start_again_on_the_same_port(server: sig.ServerRouter) -> None:
    tcp_server = server.carrier
    port = port_of(server)
    assert tcp_server.start(HOST, 0) is False
    with client_of(server) as client:
        client.carrier.auto_reconnect = False
        client.addRemoteSender("s", [])
        assert tcp_server.stop() is True
        assert tcp_server.stop() is False
        assert tcp_server.server_address is None
        eventually(lambda: not client.carrier.isConnected())
        eventually(lambda: not server.has_sender("s"))
    assert tcp_server.start(HOST, port) is True
    with client_of(server) as client:
        client.addRemoteSender("s", [])
        assert server.has_sender("s")
        assert port_of(server) == port


def test_a_port_that_is_taken(server: sig.ServerRouter) -> None:
    other = CarrierTCPServer()  # noqa: F405
    with sig.ServerRouter(other):
        with pytest.raises(sig.ListenFailed, match="in use"):
            other.start(HOST, port_of(server))
        assert other.address is None
        assert other.stop() is False
        assert other.start(HOST, 0) is True


def test_all_addresses_of_the_machine_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    tcp_server = CarrierTCPServer()  # noqa: F405
    with sig.ServerRouter(tcp_server):
        tcp_server.start("", 0)
        assert tcp_server.server_address[0] == "0.0.0.0"
    assert "is open to the network" in caplog.text


def test_a_server_carrier_without_a_router_or_with_one_that_stopped() -> None:
    tcp_server = CarrierTCPServer()  # noqa: F405
    with pytest.raises(sig.LocalProtocolError, match="has no router"):
        tcp_server.start(HOST, 0)
    with sig.ServerRouter(tcp_server):
        tcp_server.start(HOST, 0)
        with pytest.raises(sig.ConfigError, match="has a router already"):
            sig.ServerRouter(tcp_server)
    tcp_server.stop()
    with pytest.raises(sig.LocalProtocolError, match="stopped"):
        tcp_server.start(HOST, 0)


# -- the client


def test_without_a_server_connect_is_false_and_calls_raise() -> None:
    tcp_client = CarrierTCPClient()  # noqa: F405
    tcp_client.auto_reconnect = False
    router = sig.ClientRouter(tcp_client)
    with pytest.raises(sig.LinkClosed, match=r"call connect\(\) first"):
        router.remoteRequest("s", "x")
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # and nobody listens
        assert tcp_client.connect(*taken.getsockname()) is False
        assert tcp_client.server_address == taken.getsockname()
    assert tcp_client.isConnected() is False
    with pytest.raises(sig.LinkClosed, match="not connected"):
        router.addRemoteSender("s", [])
    with pytest.raises(sig.LinkClosed):
        router.addRemoteListener(print, "s", "e")
    assert tcp_client.disconnect() is True


def test_connect_again_while_connected_is_false(server: sig.ServerRouter) -> None:
    with client_of(server) as client:
        assert client.carrier.connect(HOST, port_of(server)) is False
        assert client.carrier.isConnected() is True


def test_a_port_that_can_not_be_meant_is_an_error() -> None:
    with pytest.raises(sig.ConfigError):
        CarrierTCPClient().connect(HOST, 70_000)  # noqa: F405


def test_it_connects_when_the_server_comes() -> None:
    tcp_client, tcp_server = CarrierTCPClient(), CarrierTCPServer()  # noqa: F405
    tcp_client.reconnect_delay = 0.02
    router, threads = sig.ClientRouter(tcp_client), []
    tcp_client.on_connected = lambda: threads.append((threading.current_thread(), router.remoteRequest("s", "x")))
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        address = taken.getsockname()
        assert tcp_client.connect(*address) is False
    with sig.ServerRouter(tcp_server) as server:
        server.addSender("s", [], {"x": lambda params: 5})
        tcp_server.start(*address)
        eventually(lambda: len(threads) == 1)
        assert threads[0][0] is not threading.current_thread()
        assert threads[0][1] == 5
        tcp_client.disconnect()


def test_after_a_loss_on_connected_registers_everything_again(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    told: list[str] = []
    signal = server.addSender("s", ["e"]).getSignal("e")
    with client_of(server) as client:
        tcp_client, address = client.carrier, server.carrier.server_address

        def register() -> None:
            client.addRemoteListener(lambda info, data: heard.append(data), "s", "e")
            client.addRemoteSender("mine", ["e"])
            told.append("connected")

        def gone() -> None:
            told.append(f"disconnected, {len(client.senders)} senders")

        tcp_client.on_disconnected = gone
        tcp_client.on_connected = register
        tcp_client.disconnect()
        assert told.pop() == "disconnected, 0 senders"
        assert tcp_client.connect(*address) is True
        assert told == ["connected"]
        for round_ in range(3):
            signal.trigger(round_)
            eventually(lambda round_=round_: heard == list(range(round_ + 1)))
            server.carrier.stop()
            eventually(lambda: told[-1].startswith("disconnected"))
            server.carrier.start(*address)
            eventually(lambda round_=round_: told.count("connected") == round_ + 2)
        assert told == ["connected", *["disconnected, 0 senders", "connected"] * 3]


def test_nothing_is_registered_again_by_itself(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    back = threading.Event()
    with client_of(server) as client:
        address = server.carrier.server_address
        subscription = client.addRemoteListener(lambda info, data: heard.append(data), "s", "e")
        old = client.addRemoteSender("mine", ["e"]).getSignal("e")
        client.carrier.on_connected = back.set
        server.carrier.stop()
        server.carrier.start(*address)
        assert back.wait(within(10))
        assert not subscription.active
        with pytest.raises(sig.UnknownSender):
            old.trigger()
        assert not server.has_sender("mine")
        server.addSender("s", ["e"]).getSignal("e").trigger(1)
        with pytest.raises(sig.UnknownSender):
            client.remoteRequest("mine", "x")
        assert heard == []


def test_without_auto_reconnect_a_loss_is_the_end(server: sig.ServerRouter) -> None:
    gone = threading.Event()
    with client_of(server) as client:
        client.carrier.auto_reconnect = False
        client.carrier.on_disconnected = gone.set
        server.carrier.stop()
        assert gone.wait(within(10))
        assert client.carrier.isConnected() is False
        assert not [thread for thread in sig_threads() if thread.startswith("sig-return")]


def test_disconnect_ends_the_attempts_to_connect() -> None:
    tcp_client = CarrierTCPClient()  # noqa: F405 - its delay is 5 s
    sig.ClientRouter(tcp_client)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        assert tcp_client.connect(*taken.getsockname()) is False
    assert [thread for thread in sig_threads() if thread.startswith("sig-return")]
    tcp_client.disconnect()
    assert not [thread for thread in sig_threads() if thread.startswith("sig-return")]
    assert tcp_client.auto_reconnect is True


@pytest.mark.parametrize("where", ["on_connected", "on_disconnected", "listener"])
def test_disconnect_inside_callbacks(server: sig.ServerRouter, where: str) -> None:
    done = threading.Event()
    with client_of(server) as client:
        tcp_client, address = client.carrier, server.carrier.server_address

        def leave(*anything: Any) -> None:
            tcp_client.disconnect()
            done.set()

        if where == "on_connected":
            tcp_client.disconnect()
            tcp_client.on_connected = leave
            assert tcp_client.connect(*address) is True  # it was, for a moment
        elif where == "on_disconnected":
            tcp_client.on_disconnected = leave
            server.carrier.stop()
        else:
            client.addRemoteListener(leave, "s", "e")
            server.addSender("s", ["e"]).getSignal("e").trigger()
        assert done.wait(within(10))
        assert tcp_client.isConnected() is False


def test_callbacks_that_raise_are_logged(server: sig.ServerRouter, caplog: pytest.LogCaptureFixture) -> None:
    def bad() -> None:
        raise RuntimeError("bad callback")

    tcp_client = CarrierTCPClient()  # noqa: F405
    tcp_client.on_connected = tcp_client.on_disconnected = bad
    sig.ClientRouter(tcp_client)
    assert tcp_client.connect(HOST, port_of(server)) is True
    tcp_client.disconnect()
    eventually(lambda: caplog.text.count("RuntimeError: bad callback") == 2)
