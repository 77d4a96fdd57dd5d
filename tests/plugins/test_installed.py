"""Distributions of others, installed: one server speaks over all their carriers at once, in every codec."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.program import Program, programs
from tests.support import eventually
from tests.support.environment import Environment

pytestmark = pytest.mark.xdist_group("plugins")  # one process installs them

CODECS = {"udp": "msgpack", "ws": "json-zstd", "can": "cbor", "tcp": "json"}  # of the client over each carrier
COUNT = 200


class World:
    """A server on four carriers, and a client on each."""

    def __init__(self, start: Any, bus: Path) -> None:
        bus.mkdir()
        self._start = start
        places = "udp://127.0.0.1:0", "ws://127.0.0.1:0/sig", f"can://{bus}?interface=folder&id=0x21&fd=1"
        self.server: Program = start("server.py", *places, "tcp://127.0.0.1:0")
        self.urls = dict(zip(CODECS, self.server.ready, strict=True))
        self.clients = {scheme: self.start_client(scheme) for scheme in CODECS}

    def start_client(self, scheme: str) -> Program:
        made: Program = self._start("client.py", self.urls[scheme], CODECS[scheme], f"of {scheme}")
        return made

    def restart(self) -> None:
        """Kill the server, and start another one on the same places."""
        self.server.kill()
        self.server = self._start("server.py", *self.urls.values())
        assert self.server.ready == list(self.urls.values())

    def heard(self, at: str, sender: str, event: str) -> list[Any]:
        """Return the data of an event of the client of one carrier, as the client of another heard it."""
        heard = self.clients[at].call("heard")
        return [data for each, name, data in heard if (each, name) == (f"of {sender}", event)]


@pytest.fixture
def world(installed: Environment, tmp_path: Path) -> Iterator[World]:
    with programs(installed) as start:
        yield World(start, tmp_path / "bus")


def ticks(first: int, last: int) -> list[Any]:
    return [{"number": number, "text": "t" * (number % 70)} for number in range(first, last)]


@pytest.mark.slow
def test_events_requests_and_presence_between_all_carriers(world: World) -> None:
    for client in world.clients.values():
        client.call("fire", 0, COUNT)
    came = list(CODECS)
    pairs = [(at, sender) for at in CODECS for sender in CODECS if at != sender]
    for at, sender in pairs:
        eventually(lambda at=at, sender=sender: len(world.heard(at, sender, "#tick")) >= COUNT)
        assert world.heard(at, sender, "#tick") == ticks(0, COUNT), (at, sender)
        value = [at, {"to": sender}, 2**40, "ü" * 3000]
        assert world.clients[at].call("ask", f"of {sender}", value) == value
        assert len(world.heard(at, sender, "#connect")) == (came.index(at) < came.index(sender))
        assert world.heard(at, sender, "#disconnect") == []


@pytest.mark.slow
def test_clients_that_are_killed_are_missed_and_may_come_again(world: World) -> None:
    for scheme in CODECS:
        at = "tcp" if scheme != "tcp" else "udp"
        before = len(world.heard(at, scheme, "#connect"))
        world.clients[scheme].kill()
        eventually(lambda at=at, scheme=scheme: len(world.heard(at, scheme, "#disconnect")) == 1)
        world.clients[scheme] = world.start_client(scheme)
        eventually(lambda at=at, scheme=scheme, before=before: len(world.heard(at, scheme, "#connect")) == before + 1)
        world.clients[scheme].call("fire", 0, 5)
        eventually(lambda at=at, scheme=scheme: world.heard(at, scheme, "#tick") == ticks(0, 5))


@pytest.mark.slow
def test_clients_find_a_server_that_was_killed_and_is_back(world: World) -> None:
    world.clients["udp"].call("fire", 0, 10)
    eventually(lambda: len(world.heard("can", "udp", "#tick")) == 10)
    world.restart()
    for client in world.clients.values():
        eventually(lambda client=client: client.call("states") == ["reconnected"])
    for scheme in CODECS:
        world.clients[scheme].call("fire", 10, 20)
    for at in CODECS:
        for sender in CODECS:
            eventually(lambda at=at, sender=sender: world.heard(at, sender, "#tick")[-10:] == ticks(10, 20))
    for program in (*world.clients.values(), world.server):
        program.end()


@pytest.mark.slow
def test_they_are_listed_and_work(installed: Environment) -> None:
    listed = {(row["kind"], row["name"]): row for row in installed.rows("plugins", "--json")}
    names = {"can": "sig-can", "udp": "sig-udp", "ws": "sig-websocket"}
    for key, distribution in [(("carrier", name), each) for name, each in names.items()]:
        row = listed[key]
        assert (row["distribution"], row["version"], row["state"]) == (distribution, "1.0.0", "installed")
    assert listed["carrier", "wss"]["distribution"] == "sig-websocket"
    assert listed["codec", "json-zstd"]["distribution"] == "sig-json-zstd"
    run = installed.sig("doctor", "--json")
    found = {(row["kind"], row["name"]): row for row in map(json.loads, run.stdout.splitlines())}
    for carrier in names:
        for codec in ("json", "json-zstd"):
            assert found["round trip", f"{carrier} x {codec}"]["state"] == "ok", run.stdout
