"""Addresses that come and go while a server runs: acceptors that a program made, and `unlisten`."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import pytest

import sig_core as sig
from sig_core.contract import PollableAcceptor
from tests.support import eventually, within
from tests.support.acceptors import Unpolled, made
from tests.support.plainpeer import Packets, PlainPeer

URLS = ["tcp://127.0.0.1:0", "unix", "local://addresses"]


@pytest.fixture(params=URLS)
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    return f"unix://{tmp_path}/a.sock" if request.param == "unix" else str(request.param)


def test_an_acceptor_that_the_program_made(url: str) -> None:
    heard: list[Any] = []
    with sig.ServerRouter() as server:
        acceptor = made(url)
        assert server.listen(acceptor) == acceptor.address
        assert server.addresses == [acceptor.address]
        server.add_sender("s", ["e"])
        with sig.ClientRouter(acceptor.address) as client:
            client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            server.get_sender("s").get_signal("e").trigger(1)  # type: ignore[union-attr]
            eventually(lambda: heard == [1])
    with pytest.raises(sig.ConnectFailed):
        sig.ClientRouter(acceptor.address).start()


def test_an_acceptor_without_a_descriptor() -> None:
    acceptor = Unpolled(made("tcp://127.0.0.1:0"))
    assert not isinstance(acceptor, PollableAcceptor)
    with sig.ServerRouter() as server:
        server.listen(acceptor)
        with PlainPeer(acceptor.address) as peer:
            assert peer.call("get_version") == "1.01"
            server.unlisten(acceptor.address)
            assert peer.rest() == b""
        eventually(lambda: acceptor.closed == 1)
        assert server.addresses == []
    assert acceptor.closed == 1


def test_a_server_that_does_not_run_takes_none() -> None:
    acceptor = Unpolled(made("tcp://127.0.0.1:0"))
    server = sig.ServerRouter()
    with pytest.raises(sig.LocalProtocolError, match="this server is new"):
        server.listen(acceptor)
    with server:
        pass
    with pytest.raises(sig.LocalProtocolError, match="this server is stopped"):
        server.listen(acceptor)
    assert acceptor.closed == 0  # it is still the program's
    acceptor.close()


def test_codecs_of_one_address() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        there = server.listen(made("tcp://127.0.0.1:0"), codecs=["cbor"])
        with PlainPeer(there) as peer, PlainPeer(server.addresses[0]) as other:
            assert other.call("get_version") == "1.01"
            peer.send({"id": 1, "method": "get_version"})
            assert "not served at this address" in peer.read()["exception"]
            assert peer.rest() == b""
        acceptor = Unpolled(made("local://unknown-codec"))
        with pytest.raises(sig.UnknownPlugin):
            server.listen(acceptor, codecs=["no-such"])
        assert (acceptor.closed, len(server.addresses)) == (0, 2)
        acceptor.close()


def test_unlisten_sends_those_away_who_came_there_and_no_others(url: str) -> None:
    ended: list[str] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        stays = server.addresses[0]
        there = server.listen(url)
        server.add_listener(lambda info, data: ended.append(info["sender"]), None, "#disconnect")
        away = sig.ClientRouter(there, reconnect=None).start()
        with sig.ClientRouter(stays) as here, PlainPeer(stays) as plain:
            away.add_remote_sender("away", ["e"])
            here.add_remote_sender("here", ["e"])
            plain.call("add_sender", sender="plain", events=["e"])
            server.unlisten(there)
            eventually(lambda: ended == ["away"])
            assert server.addresses == [stays]
            eventually(lambda: len(server.peers) == 2)
            assert plain.call("get_version") == "1.01"
            here.flush()
            with pytest.raises(sig.ConnectFailed):
                sig.ClientRouter(there).start()
            assert server.listen(url if "://127" not in url else there) == there  # free again
            with sig.ClientRouter(there) as back:
                back.flush()
        away.stop()


def test_unlisten_sends_plain_peers_away_in_any_state(url: str) -> None:
    if url.startswith("local:"):
        with sig.ServerRouter(url) as server, Packets(url) as packets:
            packets.send({"id": 1, "method": "get_version"})
            assert packets.read()[0]["status"] == 0
            server.unlisten(url)
            eventually(lambda: server.peers == [])
            with pytest.raises(EOFError):
                packets.read()
        return
    go = threading.Event()
    with sig.ServerRouter(url) as server:
        there = server.addresses[0]
        server.add_sender("s", [], {"m": lambda params: go.wait(within(10))})
        with PlainPeer(there) as silent, PlainPeer(there) as begun, PlainPeer(there) as asks:
            begun.sock.sendall(b'{"id":')
            asks.send({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
            eventually(lambda: server.stats()["requests"]["open"] == 1 and len(server.peers) == 3)
            server.unlisten(there)
            assert (begun.rest(), asks.rest()) == (b"", b"")
            silent.rest()
            go.set()
            eventually(lambda: server.peers == [])
        assert server.addresses == []


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "", "nothing", "local://nowhere"])
def test_unlisten_where_nobody_listens(address: str) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", "local://there") as server:
        with pytest.raises(sig.ConfigError) as raised:
            server.unlisten(address)
        assert all(each in str(raised.value) for each in (address, *server.addresses))
        assert len(server.addresses) == 2


def test_unlisten_twice_and_from_two_threads() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        for _ in range(20):
            there = server.listen("local://twice")
            failed: list[type[BaseException]] = []
            begin = threading.Barrier(2)

            def end(there: str = there, begin: Any = begin, failed: Any = failed) -> None:
                begin.wait()
                try:
                    server.unlisten(there)
                except Exception as error:
                    failed.append(type(error))

            threads = [threading.Thread(target=end) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(server.addresses) == 1
            assert set(failed) <= {sig.ConfigError}


def test_unlisten_inside_a_callback() -> None:
    done = threading.Event()
    with sig.ServerRouter("tcp://127.0.0.1:0", "local://inside") as server:

        def end(info: sig.Info, data: Any) -> None:
            server.unlisten("local://inside")
            done.set()

        server.add_listener(end, "s", "e")
        with sig.ClientRouter("local://inside", reconnect=None) as client:
            client.add_remote_sender("s", ["e"]).get_signal("e").trigger()
            assert done.wait(within(10))
            eventually(lambda: server.peers == [])
        assert len(server.addresses) == 1


def test_unlisten_after_a_stop() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        there = server.addresses[0]
    with pytest.raises(sig.SigError):
        server.unlisten(there)


@pytest.mark.skipif(sys.platform != "linux", reason="there are no names without a file")
@pytest.mark.parametrize("prefix", ["", "slow+"])
def test_a_name_without_a_file(prefix: str) -> None:
    with sig.ServerRouter(f"{prefix}unix:@sig-{os.getpid()}") as server:
        (address,) = server.addresses
        with sig.ClientRouter(address) as client:
            client.add_remote_sender("s", ["e"])
            assert server.has_sender("s")
