"""The example of a carrier that somebody wrote: over TCP, compressed."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import sig_core.compat as sig
from tests.support import eventually, within

PROGRAM = Path(__file__).parents[2] / "examples" / "compressed_carrier.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compressed_carrier", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compressed = load()


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    carrier = compressed.CompressedServer()
    with sig.ServerRouter(carrier) as router:
        router.port = carrier.start("127.0.0.1", 0)
        yield router
        carrier.stop()


@contextmanager
def client_of(server: Any) -> Iterator[sig.ClientRouter]:
    carrier = compressed.CompressedClient()
    router = sig.ClientRouter(carrier)
    carrier.connect("127.0.0.1", server.port)
    try:
        yield router
    finally:
        carrier.disconnect()


def test_the_program() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM)], capture_output=True, text=True, timeout=within(30), check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    asked, heard, travelled = run.stdout.splitlines()
    assert asked == "measured in degrees Celsius"
    assert heard == "#measured of sensor: 1440 values, the last is 25.9"
    plain, packed = [int(word) for word in travelled.split() if word.isdigit()]
    assert packed * 10 < plain


def test_it_is_compressed_json() -> None:
    carrier = compressed.CompressedServer()
    message = {"data": "x" * 1000}
    data = carrier.pack(message)
    assert len(data) < 50
    assert b"x" * 1000 in zlib.decompress(data)
    assert carrier.unpack(data) == message
    assert carrier.unpack(b"something else") is None


def test_events_requests_and_the_end_of_two_clients(server: sig.ServerRouter) -> None:
    heard: list[Any] = []
    with client_of(server) as one:
        one.addRemoteListener(lambda info, data: heard.append((info["event"], data)), "s")
        with client_of(server) as two:
            sender = two.addRemoteSender("s", ["e"], {"double": lambda params: params * 2})
            for n in range(50):
                sender.getSignal("e").trigger(n)
            assert one.remoteRequest("s", "double", 4) == server.request("s", "double", 4) == 8
            with pytest.raises(sig.SenderExists):
                one.addRemoteSender("s", [])
        eventually(lambda: len(heard) == 52)
        assert [event for event, _ in heard] == ["#connect", *["e"] * 50, "#disconnect"]
        assert [data for event, data in heard if event == "e"] == list(range(50))
        with pytest.raises(sig.UnknownSender):
            one.remoteRequest("s", "double", 4)


def test_callbacks_may_ask_over_the_same_connection(server: sig.ServerRouter) -> None:
    answers: list[Any] = []
    server.addSender("server", ["e"], {"x": lambda params: params + 1})
    with client_of(server) as client:
        client.addRemoteListener(lambda info, data: answers.append(client.remoteRequest("server", "x", data)), "server")
        server.getSender("server").getSignal("e").trigger(1)
        eventually(lambda: answers == [2])


def test_when_the_server_ends_the_client_knows(server: sig.ServerRouter) -> None:
    with client_of(server) as client:
        sender = client.addRemoteSender("s", ["e"])
        server.carrier.stop()
        eventually(lambda: not sender.isConnected())
        with pytest.raises(sig.CarrierError):
            client.remoteRequest("s", "x")


@pytest.mark.parametrize("garbage", [b"\0\0\0\4abcd", b"\xff\xff\xff\xff", b"\0\0", b"\0\0\0\x09abc"], ids=repr)
def test_garbage_ends_one_connection_and_no_other(server: sig.ServerRouter, garbage: bytes) -> None:
    with client_of(server) as client, socket.create_connection(("127.0.0.1", server.port), within(5)) as sock:
        eventually(lambda: len(server.peers) == 2)
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(10) == b""
        eventually(lambda: len(server.peers) == 1)
        client.addRemoteSender("s", [])


def test_many_threads_ask_at_once(server: sig.ServerRouter) -> None:
    server.addSender("s", [], {"same": lambda params: params})
    answers: dict[int, Any] = {}
    with client_of(server) as client:

        def ask(number: int) -> None:
            answers[number] = client.remoteRequest("s", "same", number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(within(10))
    assert answers == {number: number for number in range(20)}
