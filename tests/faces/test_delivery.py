"""Listeners with a queue of their own, whatever the face."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import within
from tests.support.faces import Face, Place
from tests.support.until import until


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a server; which face that has is of no matter here."""
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server.addresses[0]


class Gate:
    """A listener that is slow until it is let go: on threads it blocks, on asyncio it awaits."""

    def __init__(self, face: Face) -> None:
        self.got: list[Any] = []
        self._open = threading.Event()
        self.listener: Any = self._block if face.name == "threads" else self._wait

    def _block(self, info: sig.Info, data: Any) -> None:
        assert self._open.wait(within(20))
        self.got.append(data)

    async def _wait(self, info: sig.Info, data: Any) -> None:
        while not self._open.is_set():
            await asyncio.sleep(0.005)
        self.got.append(data)

    def open(self) -> None:
        self._open.set()


@pytest.mark.parametrize(
    ("overflow", "last", "reason"),
    [("oldest", [97, 98, 99], "queue full"), ("newest", [1, 2, 3], "queue full"), ("latest", [99], "superseded")],
)
def test_a_slow_listener_delays_no_other(face: Face, url: str, overflow: str, last: list[int], reason: str) -> None:
    async def scenario() -> None:
        slow, quick, lost = Gate(face), [], []
        async with face.client(url) as one, face.client(url) as two:
            hears = await two.add_remote_listener(
                slow.listener, "s", "e", delivery=sig.Delivery(3, overflow), on_lost=lambda *loss: lost.append(loss)
            )
            await two.add_remote_listener(lambda info, data: quick.append(data), "s", "e")
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            signal.trigger(0)
            await until(lambda: hears.stats()["delivered"] == 1)
            for number in range(1, 100):
                signal.trigger(number)
            await until(lambda: len(quick) == 100)
            await until(lambda: hears.stats()["fired"] == 100)
            slow.open()
            await until(lambda: slow.got == [0, *last])
            count = 99 - len(last)
            await until(lambda: sum(loss[0] for loss in lost) == count)
            assert {loss[1] for loss in lost} == {reason} and lost[0][2]["event"] == "e"
            assert hears.stats() == {"fired": 100, "delivered": 1 + len(last), "waiting": 0, "lost": {reason: count}}
            assert two.lost.total() == 0  # it came to the program

    face.run(scenario())


def test_block_loses_nothing(face: Face, url: str) -> None:
    async def scenario() -> None:
        slow = Gate(face)
        async with face.client(url) as one, face.client(url) as two:
            sender = await one.add_remote_sender("s", ["a", "b"])
            hears = await two.add_remote_listener(slow.listener, "s", delivery=sig.Delivery(5))
            for number in range(3000):
                sender.get_signal("ab"[number % 2]).trigger(number)
            await one.flush()
            await until(lambda: hears.stats()["waiting"] >= 5)
            slow.open()
            await until(lambda: slow.got == list(range(3000)))
            assert hears.stats()["lost"] == {} and two.lost.total() == 0

    face.run(scenario())


def test_a_listener_that_asks_while_its_queue_is_full(face: Face, url: str) -> None:
    async def scenario() -> None:
        answers: list[int] = []
        async with face.client(url) as one, face.client(url) as two:
            await one.add_remote_sender("echo", [], {"say": lambda params: params})

            def ask(info: sig.Info, data: int) -> None:
                answers.append(two.real.remote_request("echo", "say", data))

            async def ask_async(info: sig.Info, data: int) -> None:
                answers.append(await two.remote_request("echo", "say", data))

            listener = ask if face.name == "threads" else ask_async
            await two.add_remote_listener(listener, "s", "e", delivery=sig.Delivery(2))
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            for number in range(200):
                signal.trigger(number)
            await until(lambda: answers == list(range(200)))

    face.run(scenario())


def test_by_key(face: Face, url: str) -> None:
    async def scenario() -> None:
        slow = Gate(face)
        async with face.client(url) as one, face.client(url) as two:
            newest = sig.Delivery(overflow="latest", key=lambda info, data: data["room"])
            hears = await two.add_remote_listener(slow.listener, "s", "e", delivery=newest)
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            signal.trigger({"room": "first"})
            await until(lambda: hears.stats()["delivered"] == 1)
            for number in range(10):
                signal.trigger({"room": "ab"[number % 2], "n": number})
            signal.trigger([])  # the key can't be found
            await until(lambda: hears.stats()["fired"] == 12)
            slow.open()
            await until(lambda: slow.got[1:] == [{"room": "a", "n": 8}, {"room": "b", "n": 9}])
            assert hears.stats()["lost"] == {"superseded": 8, "the key function failed": 1}
            assert two.stats()["listener_errors"] == 1

    face.run(scenario())


def test_what_the_link_loses_is_counted_at_the_listener(face: Face, url: str) -> None:
    async def scenario() -> None:
        got, lost = [], []
        async with face.client(url) as one, face.client(url, "json") as two:
            hears = await two.add_remote_listener(
                lambda info, data: got.append(data), delivery=sig.Delivery(), on_lost=lambda *loss: lost.append(loss)
            )
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            await until(lambda: len(got) == 1)  # presence
            session = two._state.connection.open_session()
            two._state.inbound(session)._lose("s", "e", 7, "slow listener")
            about = {"sender": "s", "event": "e"}
            await until(lambda: lost == [(7, "slow listener", about, about)])
            signal.trigger(1)
            await until(lambda: len(got) == 2)
            assert hears.stats() == {"fired": 9, "delivered": 2, "waiting": 0, "lost": {"slow listener": 7}}

    face.run(scenario())


def test_removing_and_coming_back(face: Face, place: Place) -> None:
    async def scenario() -> None:
        slow, url, server = Gate(face), place.url, place.open()
        quick = sig.Reconnect(first=0.01)
        async with face.client(url, reconnect=quick) as one, face.client(url, reconnect=quick) as two:
            back: list[str] = []
            for client in (one, two):
                client.on("reconnected", lambda state, error: back.append(state))
            hears = await two.add_remote_listener(slow.listener, "s", "e", delivery=sig.Delivery(10, "oldest"))
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            for number in range(3):
                signal.trigger(number)
            await until(lambda: hears.stats()["fired"] == 3)
            server._clients.abort_all()
            await until(lambda: len(back) == 2)  # though the listener hangs
            signal.trigger(3)
            await until(lambda: hears.stats()["fired"] == 4)
            slow.open()
            await until(lambda: slow.got == [0, 1, 2, 3])
            hears.remove()
            signal.trigger(4)
            await one.flush()
            assert not hears.active and slow.got == [0, 1, 2, 3]

    face.run(scenario())


def test_stopping_with_a_full_queue_and_a_listener_that_hangs(face: Face, url: str) -> None:
    async def scenario() -> None:
        slow = Gate(face)
        async with face.client(url) as one:
            two = face.client(url)
            await two.start()
            hears = await two.add_remote_listener(slow.listener, "s", "e", delivery=sig.Delivery(2))
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            for number in range(10):
                signal.trigger(number)
            await until(lambda: hears.stats()["delivered"] == 1 and hears.stats()["waiting"])
            await asyncio.wait_for(two.stop(), within(10))
            stats = hears.stats()
            assert stats["waiting"] == 0 and stats["fired"] == stats["delivered"] + sum(stats["lost"].values())
            slow.open()

    face.run(scenario())


def test_stopping_delivers_what_waits(face: Face, url: str) -> None:
    async def scenario() -> None:
        slow = Gate(face)
        async with face.client(url) as one:
            two = face.client(url)
            await two.start()
            hears = await two.add_remote_listener(slow.listener, "s", "e", delivery=sig.Delivery())
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            for number in range(10):
                signal.trigger(number)
            await until(lambda: hears.stats()["fired"] == 10)
            asyncio.get_running_loop().call_later(0.1, slow.open)
            await asyncio.wait_for(two.stop(), within(10))
            figures = hears.stats()
            assert (figures["waiting"], figures["lost"]) == (0, {}) and figures["delivered"] >= 3
            assert slow.got == list(range(figures["delivered"]))  # the others had not come here yet

    face.run(scenario())


async def awaited(*args: Any) -> None:
    """What a router on threads never awaits."""


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on_lost": print}, "on_lost: only a listener with a queue of its own is told: say delivery="),
        ({"delivery": 1000}, "delivery 1000: a sig.Delivery"),
        ({"delivery": "latest"}, "delivery 'latest': a sig.Delivery"),
        ({"delivery": sig.Delivery(), "on_lost": 5}, "on_lost 5 can't be called"),
    ],
)
def test_what_contradicts_itself(face: Face, url: str, options: dict[str, Any], text: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as client:
            for add in (client.add_listener, client.add_remote_listener):
                with pytest.raises(sig.ConfigError, match=text):
                    await _maybe(add(lambda info, data: None, "s", "e", **options))
            assert client.stats()["subscriptions"] == 0

    face.run(scenario())


def test_coroutine_functions_are_for_asyncio(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as client:
            options = {"delivery": sig.Delivery(), "on_lost": awaited}
            if face.name == "threads":
                for listener, more in ((awaited, {"delivery": sig.Delivery()}), (print, options)):
                    with pytest.raises(sig.ConfigError, match="is a coroutine function"):
                        await client.add_remote_listener(listener, "s", "e", **more)
            else:
                assert await client.add_remote_listener(awaited, "s", "e", **options)

    face.run(scenario())


async def _maybe(what: Any) -> Any:
    return await what if asyncio.iscoroutine(what) or isinstance(what, asyncio.Future) else what


@pytest.mark.parametrize("overflow", ["block", "oldest", "newest", "latest"])
def test_listeners_of_a_server(overflow: str) -> None:
    got: list[Any] = []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        hears = server.add_listener(
            lambda info, data: got.append((info["sender"], data)), None, "#e", delivery=sig.Delivery(5, overflow)
        )
        remote = client.add_remote_sender("remote", ["#e"]).get_signal("#e")
        own = server.add_sender("own", ["#e"]).get_signal("#e")
        for number in range(500):
            remote.trigger(number)
            own.trigger(number)
        client.flush()
    stats = hears.stats()
    assert stats is not None and stats["fired"] == 1000 and stats["waiting"] == 0
    assert stats["delivered"] == len(got) == 1000 - sum(stats["lost"].values())
    for sender in ("remote", "own"):
        numbers = [number for name, number in got if name == sender]
        assert numbers == sorted(numbers)
        assert overflow != "latest" or numbers[-1] == 499
    assert overflow != "block" or stats["lost"].keys() <= {"queue full"}


def test_listeners_of_a_server_on_asyncio() -> None:
    async def main() -> None:
        got: list[Any] = []
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server, aio.ClientRouter(server.addresses[0]) as client:
            go = asyncio.Event()

            async def slow(info: sig.Info, data: Any) -> None:
                await go.wait()
                got.append(data)

            hears = server.add_listener(slow, "remote", "e", delivery=sig.Delivery(5))
            signal = (await client.add_remote_sender("remote", ["e"])).get_signal("e")
            for number in range(5000):
                signal.trigger(number)
            await client.flush()
            assert hears.stats()["waiting"] < 5000
            go.set()
            await until(lambda: got == list(range(5000)))

    asyncio.run(asyncio.wait_for(main(), within(30)))


def test_in_one_program() -> None:
    router, got = sig.Router(), []
    sender = router.add_sender("s", ["e"])
    with sender.add_listener(lambda info, data: got.append(data), "e", delivery=sig.Delivery()) as hears:
        for number in range(10):
            sender.get_signal("e").trigger(number)
        while (stats := hears.stats()) and stats["waiting"]:
            threading.Event().wait(0.001)
    assert router.add_listener(print, "s", "e").stats() is None


def test_the_server_knows_of_what_only_the_newest_is_wanted(face: Face, place: Place) -> None:
    async def scenario() -> None:
        server = place.open()
        async with face.client(place.url) as screen:
            newest = sig.Delivery(overflow="latest")

            def wanted() -> list[bool]:
                (session,) = (each.session for each in server._clients._connections)
                return [session.port.calls.wants_newest("s", event) for event in ("a", "b")]

            first = await screen.add_remote_listener(print, "s", "a", delivery=newest)
            by_key = sig.Delivery(overflow="latest", key=lambda info, data: data)
            await screen.add_remote_listener(print, "s", "b", delivery=by_key)
            assert wanted() == [True, False]
            second = await screen.add_remote_listener(print, "s", "a")
            assert wanted() == [False, False]
            second.remove()
            await screen.flush()
            assert wanted() == [True, False]
            third = await screen.add_remote_listener(print, "s", "a", delivery=newest)
            first.remove()
            await screen.flush()
            assert wanted() == [True, False]
            third.remove()
            await screen.flush()
            assert wanted() == [False, False]

    face.run(scenario())
