"""A session that goes on over a link that was cut, whatever the face: as if nothing had been."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.support import within
from tests.support.certificates import Authority
from tests.support.faces import Face, Place
from tests.support.middle import Middle
from tests.support.until import until

CODECS = ("json", "msgpack", "cbor")
HERE = "tcp://127.0.0.1:0"


def port_of(server: sig.ServerRouter) -> int:
    return int(server.addresses[0].partition("?")[0].rstrip("/").rpartition(":")[2])


@dataclass
class Side:
    """What one of two clients heard, was asked, was answered, and was told of its link."""

    client: Any
    events: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    presence: list[Any] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    def answer(self, params: int) -> int:
        self.asked.append(params)
        return -params

    async def begin(self, own: str, other: str) -> Any:
        self.client.on("disconnected", lambda state, error: self.told.append(error))
        made = await self.client.add_remote_sender(own, ["e"], {"f": self.answer})
        await self.client.add_remote_listener(lambda info, data: self.events.append(data), other, "e")
        await self.client.add_remote_listener(lambda info, data: self.presence.append(data), other, "#disconnect")
        return made.get_signal("e")

    async def ask(self, other: str, count: int) -> None:
        for number in range(count):
            self.answers.append(await self.client.remote_request(other, "f", number, within(60)))


async def fire(signal: Any, count: int, at: Callable[[int], None]) -> None:
    for number in range(count):
        if hasattr(signal, "trigger_wait"):
            await signal.trigger_wait(number)
        else:
            await asyncio.to_thread(signal.trigger, number) if number % 100 == 0 else signal.trigger(number)
        at(number)
        if number % 50 == 0:
            await asyncio.sleep(0.001)


async def exchange(one: Side, two: Side, events: int, requests: int, cuts: int, cut: Callable[[], None]) -> None:
    """Fire and ask in both directions, and cut the links so often meanwhile."""
    first, second = await one.begin("one", "two"), await two.begin("two", "one")

    def cut_at(number: int) -> None:
        if number % (events // cuts) == events // cuts // 2:
            cut()

    await asyncio.gather(
        *(fire(first, events, cut_at), fire(second, events, lambda number: None)),
        *(one.ask("two", requests), two.ask("one", requests)),
    )
    await until(lambda: len(one.events) == len(two.events) == events, 60)
    for side in (one, two):
        assert side.events == list(range(events))
        assert side.asked == list(range(requests))
        assert side.answers == [-number for number in range(requests)]
        assert (side.presence, side.told, side.client.lost.total()) == ([], [], 0)
        assert side.client.stats()["losses"] == 0
    assert one.client.stats()["resumed"] + two.client.stats()["resumed"] >= cuts // 4


async def exchanges(
    face: Face, url: str, codec: str, cut: Callable[[], None], events: int, requests: int, cuts: int
) -> None:
    one = Side(face.client(url, codec, resume=within(30)))
    two = Side(face.client(url, codec, resume=within(30)))
    async with one.client, two.client:
        await exchange(one, two, events, requests, cuts, cut)


@pytest.mark.parametrize("codec", CODECS)
def test_each_event_and_request_comes_once_and_in_order(face: Face, codec: str) -> None:
    with sig.ServerRouter(HERE) as server, Middle(port_of(server)) as middle:
        face.run(exchanges(face, f"tcp://127.0.0.1:{middle.port}", codec, middle.cut, 1500, 60, 6))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("codec", CODECS)
def test_a_hundred_cuts_in_a_hundred_thousand_events(face: Face, codec: str) -> None:
    with sig.ServerRouter(HERE) as server, Middle(port_of(server)) as middle:
        url = f"tcp://127.0.0.1:{middle.port}"
        face.run_long(exchanges(face, url, codec, middle.cut, 100_000, 10_000, 100), 300)


def test_links_that_are_half_open_at_the_server(face: Face) -> None:
    with sig.ServerRouter(HERE) as server, Middle(port_of(server)) as middle:
        face.run(exchanges(face, f"tcp://127.0.0.1:{middle.port}", "json", middle.halve, 600, 30, 3))


def test_over_tls(face: Face, authority: Authority) -> None:
    with sig.ServerRouter(f"tls+{HERE}" + authority.query("server")) as server, Middle(port_of(server)) as middle:
        url = f"tls+tcp://127.0.0.1:{middle.port}" + authority.query("client")
        face.run(exchanges(face, url, "json", middle.cut, 600, 30, 3))


@pytest.mark.parametrize("scheme", ["unix", "local"])
def test_over_streams_and_packets_of_this_machine(face: Face, scheme: str, tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        one = Side(face.client(url, resume=within(30)))
        two = Side(face.client(url, resume=within(30)))

        def cut() -> None:
            link = getattr(one.client, "real", one.client)._connection.link
            lose = getattr(link, "lose", None) or link._failed
            lose(sig.LinkLost("it was cut"))

        async with one.client, two.client:
            await exchange(one, two, 600, 30, 3, cut)

    url = f"unix://{tmp_path / 'sock'}" if scheme == "unix" else "local://resume"
    with sig.ServerRouter(url):
        face.run(scenario(url))


# -- what does not go on


Scenario = Callable[[sig.ServerRouter, Middle, Any], Coroutine[Any, Any, None]]


def run_with_middle(face: Face, scenario: Scenario, **options: Any) -> None:
    limits = options.pop("limits", None)

    async def run() -> None:
        with sig.ServerRouter(HERE, limits=limits) as server, Middle(port_of(server)) as middle:
            await scenario(server, middle, face.client(f"tcp://127.0.0.1:{middle.port}", **options))

    face.run(run())


def test_its_senders_leave_when_its_time_is_over(face: Face) -> None:
    gone: list[Any] = []

    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any) -> None:
        server.add_listener(lambda info, data: gone.append(info["sender"]), None, "#disconnect")
        told: list[str] = []
        client.on("disconnected", lambda state, error: told.append(str(error)))
        async with client:
            sender = await client.add_remote_sender("s", ["e"])
            middle.close()
            middle.cut()
            await until(lambda: server.stats()["links"]["waiting"] == 1)
            assert (gone, server.has_sender("s")) == ([], True)
            sender.get_signal("e").trigger(1)  # which waits
            await until(lambda: told)
            assert "the session did not go on" in told[0]
            await until(lambda: gone == ["s"])
            assert not server.has_sender("s")
            assert server.stats()["links"]["waiting"] == 0

    run_with_middle(face, scenario, resume=0.5, reconnect=None)


def test_a_server_that_was_started_anew_takes_it_in_as_a_new_client(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        states: list[str] = []
        client = face.client(place.url, resume=within(30), reconnect=sig.Reconnect(first=0.01, most=0.05))
        for state in ("disconnected", "reconnected"):
            client.on(state, lambda state, error: states.append(state))
        async with client:
            await client.add_remote_sender("s", ["e"])
            place.server._clients.abort_all()  # type: ignore[union-attr] # it is killed, as far as the client can tell
            await place.close()
            server = place.open()
            await until(lambda: states == ["disconnected", "reconnected"])
            await until(lambda: server.has_sender("s"))
            assert client.stats()["resumed"] == 0

    face.run(scenario())


def test_with_a_server_that_lets_none_wait_all_is_as_without(face: Face) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any) -> None:
        states: list[str] = []
        for state in ("disconnected", "reconnected"):
            client.on(state, lambda state, error: states.append(state))
        async with client:
            await client.add_remote_sender("s", ["e"])
            middle.cut()
            await until(lambda: states == ["disconnected", "reconnected"])
            assert client.stats()["resumed"] == 0

    soon = sig.Reconnect(first=0.01, most=0.05)
    run_with_middle(face, scenario, resume=30, reconnect=soon, limits=sig.Limits(max_resume=0))


def test_a_stop_while_there_is_no_link_ends_it(face: Face) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any) -> None:
        async with client:
            await client.add_remote_sender("s", ["e"])
            middle.close()
            middle.cut()
            await until(lambda: server.stats()["links"]["waiting"] == 1)
        server.stop()

    run_with_middle(face, scenario, resume=30)


def test_a_request_is_answered_though_its_link_was_cut_meanwhile(face: Face) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any) -> None:
        asked: list[Any] = []

        def handler(params: Any) -> str:
            asked.append(params)
            middle.cut()
            return "done"

        server.add_sender("here", [], {"do": handler})
        async with client:
            assert await client.remote_request("here", "do", 1, within(30)) == "done"
            assert asked == [1]
            await until(lambda: client.stats()["resumed"] == 1)

    run_with_middle(face, scenario, resume=30)


@pytest.mark.parametrize("seconds", [0, 0.09, 3601, -1, "30", True])
def test_seconds_that_are_none(face: Face, seconds: Any) -> None:
    with pytest.raises(sig.ConfigError, match=r"resume=.*: must be None, or seconds from 0.1 to 3600, such as 30"):
        face.client("tcp://127.0.0.1:1", resume=seconds)
