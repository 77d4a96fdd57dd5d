"""Limits of roles from outside: over a count -9, over a rate slower, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.tokens import digest
from tests.support.faces import Face
from tests.support.heard import Heard
from tests.support.plainpeer import PlainPeer
from tests.support.rawpeer import RawPeer, hello
from tests.support.until import until

MANY, FEW, FAST = "sig_" + "1" * 64, "sig_" + "2" * 64, "sig_" + "3" * 64
LIMITS = {"links": 2, "names": 2, "listeners": 2, "requests": 3}
ALL: dict[str, Any] = {
    "add": ["*"],
    "see": ["*"],
    "listen": [{"sender": "*"}],
    "request": [{"sender": "*"}],
    "operate": ["*"],
}
RULES: dict[str, Any] = {
    "version": 1,
    "roles": {
        "all": ALL,
        "few": {"limits": LIMITS},
        "slow": {"limits": {"events_per_second": 400, "bytes_per_second": 100_000}},
    },
    "who": [
        {"token": digest(MANY), "user": "many", "roles": ["all"]},
        {"token": digest(FEW), "user": "few", "roles": ["all", "few"]},
        {"token": digest(FAST), "user": "fast", "roles": ["all", "slow"]},
    ],
}


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES) as made:
        yield made


def test_counts_are_of_all_links_together(server: sig.ServerRouter, face: Face) -> None:
    async def scenario() -> None:
        url, go_on = server.addresses[0], threading.Event()
        server.add_sender("slow", [], {"get": lambda params: go_on.wait(60)})
        async with face.client(url, token=FEW) as one, face.client(url, token=FEW) as two:
            with pytest.raises(sig.HandshakeError, match="'few' has 2 links") as full:
                await face.client(url, token=FEW, reconnect=None).start()
            assert full.value.status == -9
            await one.add_remote_sender("a")
            await two.add_remote_sender("b")
            await one.add_remote_listener(print, "a", "e")
            await two.add_remote_listener(print, "b", "e")
            for client in (one, two):
                with pytest.raises(sig.Busy, match="'few' has 2 names"):
                    await client.add_remote_sender("c")
                with pytest.raises(sig.Busy, match="'few' has 2 listeners"):
                    await client.add_remote_listener(print, "c", "e")
            asked = [asyncio.ensure_future((one, two)[n % 2].remote_request("slow", "get")) for n in range(3)]
            await until(lambda: server.stats()["requests"]["open"] == 3)
            with pytest.raises(sig.Busy, match="'few' has 3 requests"):
                await two.remote_request("slow", "get")
            go_on.set()
            assert await asyncio.gather(*asked) == [True] * 3
            assert await one.remote_request("slow", "get") is True
            await one.remove_remote_sender("a")
            await two.add_remote_sender("c")
        told = server.stats()["access"]
        assert told["limited"] == {"links": 1, "names": 2, "listeners": 2, "requests": 1}
        await until(lambda: not server.peers)
        async with face.client(url, token=FEW), face.client(url, token=FEW):
            pass

    face.run(scenario())


def test_over_a_rate_all_arrives_later(server: sig.ServerRouter, face: Face) -> None:
    async def scenario() -> None:
        url, heard = server.addresses[0], Heard()
        async with face.client(url, token=FAST) as fast, face.client(url, token=MANY) as many:
            await many.add_remote_listener(heard, "s", "e")
            signal = (await fast.add_remote_sender("s", ["e"])).get_signal("e")
            for number in range(600):
                signal.trigger(number)
            await fast.flush()
            signal.trigger("x" * 150_000)
            await fast.flush()
            await until(lambda: len(heard.values) == 601)
            assert heard.values[:600] == list(range(600))
            assert not many.lost and not fast.lost
        assert server.stats()["access"]["held"] >= 2

    face.run(scenario())


def test_plain_peers_too(server: sig.ServerRouter) -> None:
    url = server.addresses[0]
    with PlainPeer(url) as one, PlainPeer(url) as two, PlainPeer(url) as three:
        for peer in (one, two):
            peer.call("login", token=FEW)
        three.send({"id": 1, "method": "login", "params": {"token": FEW}})
        assert three.read()["status"] == -9
        assert three.rest() == b""
        for number, (peer, status) in enumerate([(one, 0), (two, 0), (one, -9)]):
            peer.send({"id": 1, "method": "add_sender", "params": {"sender": f"s{number}"}})
            assert peer.read()["status"] == status


def test_a_client_that_comes_back_takes_the_place_of_its_own_link() -> None:
    rules = {**RULES, "roles": {**RULES["roles"], "few": {"limits": {"links": 1}}}}
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=rules) as server:
        url, mine = server.addresses[0], {"client": "ab" * 16, "auth": {"token": FEW}}
        with RawPeer.connect(url) as old, RawPeer.connect(url) as new, RawPeer.connect(url) as other:
            old.send(hello(**mine))
            old.read_preface()
            token = old.message()["token"]
            other.send(hello(**{**mine, "client": "cd" * 16}))
            other.read_preface()
            assert other.message()["refused"]["status"] == -9
            new.open(**mine, token=token)
            assert old.message()["method"] == "goodbye"
