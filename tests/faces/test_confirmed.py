"""Triggers that the server confirms, on each face and with a server of each."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import within
from tests.support.faces import Face
from tests.support.middle import Middle
from tests.support.until import until


async def confirmed(signal: Any, data: Any, seconds: float = 0.0) -> int:
    """Trigger with `confirm` on either face, and await what it gives."""
    seconds = seconds or within(10)
    if isinstance(signal, aio.Signal):
        given = signal.trigger(data, confirm=seconds)
        assert inspect.isawaitable(given)
        links: int = await given
        return links
    return await asyncio.to_thread(signal.trigger, data, seconds)


def test_it_says_to_how_many_links_it_went(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as one, face.client(url, "msgpack") as two, face.client(url, "cbor") as three:
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            assert await confirmed(signal, 1) == 0
            await two.add_remote_listener(lambda info, data: heard.append((info, data)), "s")
            await two.add_remote_listener(lambda info, data: None, "s", "e")
            assert await confirmed(signal, 2) == 1
            await three.add_remote_listener(lambda info, data: None)
            signal.event_info["unit"] = "K"
            assert await confirmed(signal, 3) == 2
            await until(lambda: len(heard) == 2)
            assert heard[1] == ({"sender": "s", "event": "e", "unit": "K"}, 3)
            assert one.stats()["events"]["fired"] == 3

    face.run(scenario())


def test_many_are_in_flight_and_stay_in_order_with_others(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as one, face.client(url) as two:
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            await two.add_remote_listener(lambda info, data: heard.append(data), "s")
            if isinstance(signal, aio.Signal):
                waiting = []
                for number in range(400):
                    given = signal.trigger(number, within(20) if number % 2 else None)
                    waiting += [] if given is None else [given]
                assert await asyncio.gather(*waiting) == [1] * 200
            else:
                found = await asyncio.gather(*(confirmed(signal, number, within(20)) for number in range(400)))
                assert found == [1] * 400
            await until(lambda: len(heard) == 400)
            assert sorted(heard) == list(range(400))
            assert heard == list(range(400)) or not isinstance(signal, aio.Signal)

    face.run(scenario())


def test_a_value_that_a_listener_cannot_carry_is_not_counted_for_its_link(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with (
            face.client(url, "msgpack") as one,
            face.client(url, "json") as two,
            face.client(url, "cbor") as three,
        ):
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            for client in (two, three):
                await client.add_remote_listener(lambda info, data: None, "s")
            assert await confirmed(signal, b"bytes") == 1
            assert await confirmed(signal, "text") == 2

    face.run(scenario())


def test_what_cannot_be_sent_is_raised_and_what_is_refused_too(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as one:
            sender = await one.add_remote_sender("s", ["e"])
            signal = sender.get_signal("e")
            with pytest.raises(sig.EncodeError, match="'e' of sender 's'"):
                await confirmed(signal, object())
            for seconds in (-1, True, "1", 1e9):
                with pytest.raises(sig.ConfigError, match="timeout"):
                    signal.trigger(1, seconds)
            assert await confirmed(signal, 1) == 0
            await one.remove_sender("s")
            with pytest.raises(sig.UnknownSender, match="no longer connected"):
                await confirmed(signal, 1)
            assert one.stats()["events"]["fired"] == 1

    face.run(scenario())


def test_a_sender_of_this_program_alone_has_nobody_to_confirm(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as one:
            signal = one.add_sender("own", ["e"]).get_signal("e")
            one.add_listener(lambda info, data: heard.append(data), "own")
            assert await confirmed(signal, 1) == 0
            assert heard == [1]

    face.run(scenario())


def test_a_lost_link_is_no_success(face: Face) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle) -> None:
        async with face.client(f"tcp://127.0.0.1:{middle.port}", reconnect=sig.Reconnect(keep=10_000)) as one:
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")
            assert await confirmed(signal, 1) == 0
            middle.change = lambda data: b""
            with pytest.raises(sig.RequestTimeout, match="'e' of sender 's'"):
                await confirmed(signal, 2, 0.2)
            waiting = asyncio.ensure_future(confirmed(signal, 3))
            await until(lambda: one.stats()["events"]["fired"] == 3)
            server.stop()
            middle.cut()
            with pytest.raises(sig.OutcomeUnknown, match="'e' of sender 's'"):
                await waiting
            await until(lambda: not one.is_connected)
            with pytest.raises(sig.LinkClosed):  # though what is not to be confirmed would be kept
                await confirmed(signal, 4)
            signal.trigger(5)
            assert one.stats()["events"]["waiting"] == 1

    with sig.ServerRouter("tcp://127.0.0.1:0") as server, Middle(int(server.addresses[0].rsplit(":", 1)[1])) as middle:
        face.run(scenario(server, middle))
