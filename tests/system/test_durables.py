"""Durable listeners over sockets, with a file: both faces of clients and servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.store.memory_store import MemoryStore
from tests.support import within
from tests.support.faces import FACES, Face, Place

faces = pytest.mark.parametrize("face", FACES[:2], ids=lambda face: face.name)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(within(20)):
        while not what():
            await asyncio.sleep(0.005)


class Heard:
    """What a durable listener heard. `raises`: values at which it raises, once each."""

    def __init__(self, *, awaited: bool = False, raises: list[Any] | None = None) -> None:
        self.events: list[tuple[int, Any, bool]] = []
        self._raises = raises or []
        self.listener: Any = self._await if awaited else self._take

    def _take(self, info: Any, data: Any) -> None:
        self.events.append((info["position"], data, info.get("repeated", False)))
        if data in self._raises:
            self._raises.remove(data)
            raise ValueError(data)

    async def _await(self, info: Any, data: Any) -> None:
        await asyncio.sleep(0)
        self._take(info, data)

    @property
    def values(self) -> list[Any]:
        return [data for _, data, _ in self.events]


def acknowledged(client: Any, name: str = "billing") -> int:
    real = getattr(client, "real", client)
    settled: int = real._state.registrations._durables[name].settled
    return settled


@faces
@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_it_comes_and_goes_and_hears_each_event_once(face: Face, codec: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0", store=tmp_path / "events") as server:
            url = server.addresses[0]
            async with face.client(url, codec) as shop:
                order = (await shop.add_remote_sender("shop", ["#order"])).get_signal("#order")
                for number in range(3):
                    heard = Heard()
                    async with face.client(url) as billing:
                        await billing.add_remote_listener(heard.listener, event="#order", durable="billing")
                        await until(lambda client=billing, last=100 * number: acknowledged(client) == last)
                    assert heard.events == [(n, n, False) for n in range(100 * number - 99, 100 * number + 1) if number]
                    for value in range(100 * number + 1, 100 * number + 101):
                        order.trigger(value)
                    await shop.flush()

    face.run(scenario())


@faces
@pytest.mark.parametrize("awaited", [False, True])
def test_one_that_raises_hears_it_again_before_all_else(
    face: Face, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if awaited and face.name == "threads":
        pytest.skip("a coroutine function is for asyncio")
    monkeypatch.setattr("sig_core.session.client_state.durable_listener.FIRST", 0.01)

    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0", store=MemoryStore()) as server:
            async with face.client(server.addresses[0]) as client:
                heard = Heard(awaited=awaited, raises=[2])
                await client.add_remote_listener(heard.listener, event="#order", durable="billing")
                order = (await client.add_remote_sender("shop", ["#order"])).get_signal("#order")
                for value in (1, 2, 3):
                    order.trigger(value)
                await until(lambda: acknowledged(client) == 3)
                assert heard.values == [1, 2, 2, 3]
                assert [repeated for _, _, repeated in heard.events] == [False, False, True, False]

    face.run(scenario())


@faces
def test_a_link_that_is_lost_and_a_server_that_is_started_anew_lose_nothing(face: Face, tmp_path: Path) -> None:
    async def scenario() -> None:
        place, heard = Place("tcp://127.0.0.1:0"), Heard()
        place.url = place.open(store=tmp_path / "events").addresses[0]
        fast = sig.Reconnect(first=0.01)
        async with face.client(place.url, reconnect=fast) as client, face.client(place.url, reconnect=fast) as shop:
            await client.add_remote_listener(heard.listener, event="#order", durable="billing")
            order = (await shop.add_remote_sender("shop", ["#order"])).get_signal("#order")
            for number in range(3):
                done: Any = order.trigger(number, confirm=10)
                assert (await done if face.name != "threads" else done) == 1
                await until(lambda number=number: number in heard.values)  # type: ignore[misc]
                assert place.server is not None
                await asyncio.to_thread(place.server.stop)
                place.open(store=tmp_path / "events")
                await until(lambda: client.is_connected and shop.is_connected)
                await shop.flush()
            await until(lambda: acknowledged(client) == 3)
            first = [(position, data) for position, data, repeated in heard.events if not repeated]
            assert first == [(1, 0), (2, 1), (3, 2)]
        assert place.server is not None
        await asyncio.to_thread(place.server.stop)

    face.run(scenario())


@faces
def test_what_contradicts_itself_is_refused(face: Face) -> None:
    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0", store=MemoryStore()) as server:
            async with face.client(server.addresses[0]) as client:
                with pytest.raises(sig.ConfigError, match="leave delivery and on_lost out"):
                    await client.add_remote_listener(print, event="#e", durable="d", delivery=sig.Delivery())
                for name in ("", 7, "x" * 256):
                    with pytest.raises(sig.ConfigError, match="durable"):
                        await client.add_remote_listener(print, event="#e", durable=name)
                await client.add_remote_listener(print, event="#e", durable="d")
                with pytest.raises(sig.ConfigError, match="this program listens to it already"):
                    await client.add_remote_listener(print, event="#e", durable="d")
                async with face.client(server.addresses[0]) as other:
                    with pytest.raises(sig.Busy, match="one at a time can"):
                        await other.add_remote_listener(print, event="#e", durable="d")

    face.run(scenario())


@faces
def test_a_listener_may_acknowledge_by_itself(face: Face) -> None:
    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0", store=MemoryStore()) as server:
            url, infos, heard = server.addresses[0], list[Any](), Heard()
            explicit = sig.Durable("billing", acknowledge="explicit")
            async with face.client(url) as shop:
                order = (await shop.add_remote_sender("shop", ["#order"])).get_signal("#order")
                async with face.client(url) as client:
                    found = await client.add_remote_listener(
                        lambda info, data: infos.append(info), event="#order", durable=explicit
                    )
                    for value in (1, 2, 3):
                        order.trigger(value)
                    await until(lambda: len(infos) == 3)
                    found.acknowledge(infos[1])
                    await until(lambda: acknowledged(client) == 2)
                    with pytest.raises(sig.ConfigError):
                        found.acknowledge({"position": 4})
                async with face.client(url) as client:
                    usual = await client.add_remote_listener(heard.listener, event="#order", durable="billing")
                    await until(lambda: heard.events == [(3, 3, True)])
                    with pytest.raises(sig.LocalProtocolError, match="acknowledge='explicit'"):
                        usual.acknowledge(infos[0])

    face.run(scenario())


def test_what_a_durable_can_not_be_is_refused_where_it_is_said() -> None:
    for wrong in ({"name": ""}, {"name": 7}, {"name": "d", "acknowledge": "never"}):
        with pytest.raises(sig.ConfigError, match="durable"):
            sig.Durable(**wrong)  # type: ignore[arg-type]


def test_a_server_on_a_loop_keeps_events_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        heard = Heard(awaited=True)
        for expected in ([1], [1, 2]):
            async with aio.ServerRouter("tcp://127.0.0.1:0", store=tmp_path / "events") as server:
                async with aio.ClientRouter(server.addresses[0]) as client:
                    found = await client.add_remote_listener(heard.listener, event="#order", durable="billing")
                    await until(lambda expected=expected: heard.values == expected[:-1] or len(expected) == 1)  # type: ignore[misc]
                    found.remove()
                    order = (await client.add_remote_sender("shop", ["#order"])).get_signal("#order")
                    assert await order.trigger(expected[-1], confirm=10) == 1
        async with aio.ServerRouter("tcp://127.0.0.1:0", store=tmp_path / "events") as server:
            async with aio.ClientRouter(server.addresses[0]) as client:
                await client.add_remote_listener(heard.listener, event="#order", durable="billing")
                await until(lambda: heard.values == [1, 2])

    Face("asyncio").run(scenario())


def test_what_a_server_s_own_program_fires_is_kept(tmp_path: Path) -> None:
    heard = Heard()
    with sig.ServerRouter("tcp://127.0.0.1:0", store=tmp_path / "events") as server:
        with sig.ClientRouter(server.addresses[0]) as client:
            client.add_remote_listener(heard.listener, durable="all")
        order = server.add_sender("shop", ["#order"]).get_signal("#order")
        order.trigger(5)
        with sig.ClientRouter(server.addresses[0]) as client:
            client.add_remote_listener(heard.listener, durable="all")
            asyncio.run(until(lambda: 5 in heard.values))
    assert heard.values[0] == {"events": ["#order", "#connect", "#disconnect"], "requests": None}


def test_what_a_server_s_own_program_has_confirmed_is_on_disk(tmp_path: Path) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", store=tmp_path / "events") as server:
        order = server.add_sender("shop", ["#order"]).get_signal("#order")
        assert order.trigger(1, confirm=10) == 0
        with sig.ClientRouter(server.addresses[0]) as client:
            client.add_remote_listener(print, event="#order", durable="billing")
        assert order.trigger(2, confirm=10) == 1
        (found,) = server._exchange.durables.all()  # type: ignore[union-attr]
        assert found.record.last == 1

    async def scenario() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0", store=tmp_path / "events") as server:
            order = server.add_sender("shop", ["#order"]).get_signal("#order")
            assert await asyncio.gather(*(order.trigger(value, confirm=10) for value in (3, 4))) == [1, 1]
            (found,) = server._exchange.durables.all()  # type: ignore[union-attr]
            assert found.record.last == 3

    asyncio.run(scenario())


def test_who_has_no_store_says_how_to_have_one() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        with pytest.raises(sig.SigError, match="sig serve --store FILE"):
            client.add_remote_listener(print, event="#e", durable="d")


def test_a_file_that_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text("something else " * 1000)
    with pytest.raises(sig.StoreDamaged):
        sig.ServerRouter("tcp://127.0.0.1:0", store=file).start()
    assert file.read_text().startswith("something else")


@faces
def test_one_that_leaves_amid_its_events_leaves_alone(face: Face) -> None:
    async def scenario() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0", store=MemoryStore()) as server:
            url = server.addresses[0]
            async with face.client(url) as billing, face.client(url) as shop:
                lost: list[Any] = []
                billing.on("disconnected", lambda state, error: lost.append(error))
                first = await billing.add_remote_listener(Heard().listener, event="#order", durable="billing")
                first.remove()
                order = (await shop.add_remote_sender("shop", ["#order"])).get_signal("#order")
                for value in range(1, 5001):
                    order.trigger(value)
                await shop.flush()
                heard: list[int] = []
                while (await shop.durables())[0]["waiting"]:
                    some = Heard()
                    subscription = await billing.add_remote_listener(some.listener, event="#order", durable="billing")
                    await until(lambda some=some: some.events)
                    subscription.remove()
                    await billing.durables()
                    heard += some.values
                assert lost == [] and (await shop.durables())[0]["heard_by"] is None
                assert sorted(set(heard)) == list(range(1, max(heard) + 1))

    face.run(scenario())
