"""Death, silence, garbage, floods and misuse."""

from __future__ import annotations

import json
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.protocol.wire import PREFACE
from tests.support import eventually, sig_threads, within

SENDER = """
import sys, sig_core as sig
client = sig.ClientRouter(sys.argv[1], "json").start()
client.add_remote_sender("mortal", ["e"], {"hang": lambda p: __import__("time").sleep(60)})
print("ready", flush=True)
sys.stdin.read()
"""


def raw(server: sig.ServerRouter) -> socket.socket:
    host, port = server.addresses[0].removeprefix("tcp://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=within(10))


def hello(**changes: Any) -> bytes:
    fields = {"codecs": ["json"], "client": os.urandom(16).hex(), "max_frame": 65536, "keepalive": 10, **changes}
    body = json.dumps(fields).encode()
    return PREFACE + struct.pack("<IBI", 5 + len(body), 0, 0) + body


def drain(sock: socket.socket) -> bytes:
    """Read until the server closes."""
    data = b""
    try:
        while part := sock.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def test_killed_sender_is_missed_at_once_and_its_requests_end() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        gone = threading.Event()
        client.add_remote_listener(lambda info, data: gone.set(), "mortal", sig.EVENT_DISCONNECT)
        process = subprocess.Popen(
            [sys.executable, "-c", SENDER, server.addresses[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            asked = client.request_async("mortal", "hang")
            client.flush()  # the number of the sender is known now, so the request has left
            client.flush()  # and the server has it
            process.kill()
            before = time.monotonic()
            assert gone.wait(within(1.0))
            assert time.monotonic() - before < within(1.0)
            with pytest.raises(sig.OutcomeUnknown):
                asked.result(within(10))
        with pytest.raises(sig.UnknownSender):
            client.remote_request("mortal", "hang")


def test_silent_peer_is_dropped_and_a_long_callback_is_not() -> None:
    limits = sig.Limits(keepalive=0.6)
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        with sig.ClientRouter(server.addresses[0], limits=limits) as client, raw(server) as silent:
            entered, release = threading.Event(), threading.Event()
            client.add_remote_sender("slow", ["e"])
            client.add_remote_listener(lambda info, data: (entered.set(), release.wait(within(30))), "slow", "e")
            client.get_sender("slow").get_signal("e").trigger()  # type: ignore[union-attr]
            assert entered.wait(within(10))
            silent.sendall(hello())
            eventually(lambda: len(server.peers) == 2)
            started = time.monotonic()
            eventually(lambda: len(server.peers) == 1, 5)
            assert time.monotonic() - started < within(2.0)
            assert b"silent" in drain(silent)
            threading.Event().wait(limits.keepalive * 3)  # the callback goes on for several keep-alive times
            assert server.has_sender("slow")
            release.set()
            client.flush()


@pytest.mark.slow
def test_client_notices_a_silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(sig.ConnectFailed, match="no answer to the hello"):
            sig.ClientRouter(url, limits=sig.Limits(handshake=0.2)).start()
        held: list[socket.socket] = []

        def serve() -> None:
            for _ in range(2):
                sock, _ = listening.accept()
                held.append(sock)
            welcome = {"codec": "json", "node": "0" * 32, "token": "00", "max_frame": 65536, "keepalive": 10}
            body = json.dumps(welcome).encode()
            held[1].sendall(PREFACE + struct.pack("<IBI", 5 + len(body), 0, 0) + body)

        thread = threading.Thread(target=serve)
        thread.start()
        with sig.ClientRouter(url, limits=sig.Limits(keepalive=0.5)) as client:
            eventually(lambda: not client.is_connected, 5)
            with pytest.raises(sig.LinkClosed, match="silent"):
                client.flush()
        thread.join()
        for sock in held:
            sock.close()


GARBAGE = {
    "random": os.urandom(3000),
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00",
    "board": b"\x00\x01\x02\x00",
    "bad preface": b"\xf5SIX\r\n\x00\x01",
    "4 GiB": hello() + b"\xff\xff\xff\xff\x01\x01\x00\x00\x00",
    "deep control": hello() + struct.pack("<IBI", 5 + 200_000, 0, 0) + b"[" * 200_000,
    "reserved flag": hello() + b"\x05\x00\x00\x00\x81\x01\x00\x00\x00",
    "reply to nothing, then type 9": hello() + struct.pack("<IBII", 10, 3, 1, 7) + b"1" + b"\x05\0\0\0\x09\0\0\0\0",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_closes_its_own_link_alone(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sig")
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(handshake=0.5, keepalive=1)) as server:
        with sig.ClientRouter(server.addresses[0]) as client:
            heard: list[Any] = []
            client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            signal = client.add_remote_sender("s", ["e"]).get_signal("e")
            signal.trigger(1)
            with raw(server) as sock:
                sock.sendall(GARBAGE[kind])
                drain(sock)
            eventually(lambda: len(server.peers) == 1)
            signal.trigger(2)
            eventually(lambda: heard == [1, 2])
        eventually(lambda: "link closed" in caplog.text)


def test_plain_json_gets_an_error_line_where_it_is_not_served() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", codecs=["cbor"]) as server, raw(server) as sock:
        sock.sendall(b'{"id":1,"method":"list_senders","params":{}}\n')
        answer = json.loads(drain(sock))
        assert answer["status"] == -7
        assert "plain" in answer["exception"]


def test_two_hundred_bad_peers_beside_a_healthy_pair() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(handshake=0.5)) as server:
        url = server.addresses[0]
        with sig.ClientRouter(url, "msgpack") as a, sig.ClientRouter(url, "msgpack") as b:
            heard: list[int] = []
            b.add_remote_listener(lambda info, data: heard.append(data), "a", "e")
            signal = a.add_remote_sender("a", ["e"]).get_signal("e")
            socks = [raw(server) for _ in range(200)]
            for number, sock in enumerate(socks):
                sock.sendall([b"\xf5SI", hello()[:40], os.urandom(50), b""][number % 4])
            for n in range(5000):
                signal.trigger(n)
            eventually(lambda: len(heard) == 5000)
            assert heard == list(range(5000))
            eventually(lambda: len(server.peers) == 2, 5)
            for sock in socks:
                sock.close()


def test_a_thousand_connects_and_many_idle_links_are_one_thread() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for _ in range(1000):
            with raw(server) as sock:
                sock.sendall(hello())
        eventually(lambda: not server.peers, 20)
        idle = []
        for _ in range(1500):  # each says hello at once: of those that do not there may be few
            idle.append(raw(server))
            idle[-1].sendall(hello())
        eventually(lambda: len(server.peers) == 1500, 20)
        assert len([name for name in sig_threads() if "late" not in name]) == 1
        with sig.ClientRouter(server.addresses[0]) as client:
            client.add_remote_sender("s", ["e"]).get_signal("e").trigger()
            client.flush()
        for sock in idle:
            sock.close()
        eventually(lambda: not server.peers, 20)


def test_a_listener_that_never_returns_costs_its_sender_no_more_than_the_stall() -> None:
    limits = sig.Limits(max_outbox=200_000, stall=0.3)
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        url, release = server.addresses[0], threading.Event()
        with sig.ClientRouter(url, "msgpack") as sender, sig.ClientRouter(url, "msgpack") as stuck:
            entered = threading.Event()
            heard: list[int] = []

            def listen(info: sig.Info, data: Any) -> None:
                entered.set()
                release.wait(within(60))
                heard.append(data[0])

            stuck.add_remote_listener(listen, "s", "e")
            signal = sender.add_remote_sender("s", ["e"]).get_signal("e")
            count = 20_000
            for n in range(count):
                signal.trigger([n, "x" * 1000])
            sender.flush(within(30))
            assert entered.wait(within(10))
            release.set()
            eventually(lambda: len(heard) + stuck.lost.total() == count, 30)
            assert stuck.lost.total() > 0
            assert heard == sorted(heard)


def test_stop_is_legal_everywhere_and_restart_is_immediate() -> None:
    server = sig.ServerRouter("tcp://127.0.0.1:0").start()
    url = server.addresses[0]
    client = sig.ClientRouter(url).start()
    stopped = threading.Event()

    def stop(info: sig.Info, data: Any) -> None:
        client.stop()
        stopped.set()

    client.add_remote_listener(stop, "s", "e")
    client.add_remote_sender("s", ["e"]).get_signal("e").trigger()
    assert stopped.wait(within(10))
    client.stop()
    with pytest.raises(sig.SigError):
        client.flush()
    eventually(lambda: not server.has_sender("s"))  # a stop inside a callback does not wait for its end
    server.add_sender("s", [], {"stop": lambda p: server.stop()})
    with sig.ClientRouter(url) as other, pytest.raises(sig.SigError):
        other.remote_request("s", "stop", timeout=within(10))
    server.stop()
    with sig.ServerRouter(url) as again:
        assert again.addresses == [url]


def test_stop_while_clients_flood_and_ask() -> None:
    server = sig.ServerRouter("tcp://127.0.0.1:0").start()
    url, errors = server.addresses[0], []

    def work() -> None:
        client = sig.ClientRouter(url, "msgpack")
        try:
            signal = client.start().add_remote_sender(threading.get_ident(), ["e"]).get_signal("e")
            while True:
                signal.trigger("x" * 100)
                client.remote_request("s", "x", 1)
        except sig.SigError as error:
            errors.append(error)
        finally:
            client.stop()

    server.add_sender("s", [], {"x": lambda p: p})
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(server.peers) == 4)
    server.stop()
    for thread in threads:
        thread.join(within(30))
        assert not thread.is_alive()
    assert len(errors) == 4


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("tcp//127.0.0.1", sig.ConfigError, "no scheme"),
        ("tcp://127.0.0.1:99999", sig.ConfigError, "range"),
        ("tcp://127.0.0.1:0?nodelai=1", sig.ConfigError, "did you mean 'nodelay'"),
        ("tpc://127.0.0.1:0", sig.UnknownPlugin, "did you mean 'tcp'"),
        ("unix://", sig.ConfigError, "path"),
        ("losy+tcp://127.0.0.1:0", sig.UnknownPlugin, "unknown wrapper 'losy', did you mean 'lossy'"),
    ],
)
def test_bad_urls(url: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        sig.ServerRouter(url).start()


def test_bad_use() -> None:
    with pytest.raises(sig.LocalProtocolError, match=r"call start\(\) first"):
        sig.ServerRouter().listen("tcp://127.0.0.1:0")
    with pytest.raises(sig.LocalProtocolError, match="not started"):
        sig.ClientRouter("tcp://127.0.0.1:1").add_remote_sender("s")
    with pytest.raises(sig.ConnectFailed, match="is a server running there"):
        sig.ClientRouter("tcp://127.0.0.1:1").start()
    with pytest.raises(sig.ConfigError, match="keepalive"):
        sig.Limits(keepalive=0)
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        with pytest.raises(sig.ListenFailed, match="in use"):
            sig.ServerRouter(server.addresses[0]).start()
        with pytest.raises(sig.UnknownPlugin, match="did you mean 'json'"):
            sig.ClientRouter(server.addresses[0], "jsno").start()
        with pytest.raises(sig.LocalProtocolError):
            server.start()
        heard: list[Any] = []
        client.add_listener(lambda info, data: heard.append(data), "s", "e")
        signal = client.add_remote_sender("s", ["e"]).get_signal("e")
        for value in ({1}, object(), 2**64, float("nan"), {1: 2}, "\ud800", b"x"):
            with pytest.raises(sig.EncodeError):
                signal.trigger(value)
        with pytest.raises(sig.MessageTooBig):
            signal.trigger("x" * 17_000_000)
        assert heard == []  # nothing is delivered of what can't be encoded, not even here
        signal.trigger(1)
        assert heard == [1]
        with pytest.raises(sig.ConfigError, match="can't be called"):
            client.add_remote_listener(5)  # type: ignore[arg-type]
        with pytest.raises(sig.ConfigError, match="timeout"):
            client.remote_request("s", "x", timeout=-1)
        with pytest.raises(sig.SenderExists):
            client.add_remote_sender("s")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_lets_go(tmp_path: Path) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        client.add_remote_sender("s", ["e"], {"x": lambda p: p})
        child = os.fork()
        if child == 0:
            ok = not client.is_connected
            os._exit(0 if ok else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.remote_request("s", "x", 5) == 5
        assert server.has_sender("s")
