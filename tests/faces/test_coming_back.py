"""A link that is lost, whatever the face: what was there is there again, in order, and what was lost is counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import sig_core as sig
from tests.support.faces import Face, Place
from tests.support.until import until

SOON = sig.Reconnect(first=0.01, most=0.05)
KEEPING = sig.Reconnect(first=0.01, most=0.05, keep=1_000_000)
STATES = ("connected", "disconnected", "reconnected", "gave_up")


class Told:
    """What became of a client's link."""

    def __init__(self, client: Any) -> None:
        self.states: list[str] = []
        self.errors: list[Any] = []
        for state in STATES:
            client.on(state, self._note)

    def _note(self, state: str, error: Any) -> None:
        self.errors.append(error)
        self.states.append(state)

    async def wait(self, state: str, times: int = 1) -> None:
        await until(lambda: self.states.count(state) >= times)


def test_all_that_was_there_is_there_again(face: Face, place: Place) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        place.open()
        one, two = face.client(place.url, reconnect=SOON), face.client(place.url, reconnect=SOON)
        told, others = Told(one), Told(two)
        async with one, two:
            await one.add_remote_listener(lambda info, data: heard.append((info["event"], data)), "s")
            sender = await two.add_remote_sender("s", ["a", "#b"], {"double": lambda params: params * 2})
            made = await two.add_remote_senders({f"m{n}": "e" for n in range(10)})
            sender.get_signal("a").trigger(1)
            await two.flush()
            await until(lambda: ("a", 1) in heard)
            await place.close()
            await told.wait("disconnected")
            await others.wait("disconnected")
            assert not one.is_connected
            with pytest.raises(sig.LinkClosed, match="coming back"):
                await one.remote_request("s", "double", 1)
            with pytest.raises(sig.LinkClosed):
                sender.get_signal("a").trigger(2)
            server = place.open()
            await told.wait("reconnected")
            await others.wait("reconnected")
            assert list(server.stats(peers=False)) and sorted(map(str, await one.list_remote_senders())) == sorted(
                ["s", *(each.name for each in made)]
            )
            assert await one.remote_request("s", "double", 4) == 8
            sender.get_signal("#b").trigger(3)
            made[3].get_signal("e").trigger(None)
            await two.flush()
            await until(lambda: ("#b", 3) in heard)
            assert told.states == ["connected", "disconnected", "reconnected"]
            assert told.errors[0] is None and told.errors[2] is None and one.stats()["losses"] == 1
            assert one.lost.total() == 0

    face.run(scenario())


def test_who_lost_its_id_to_another_takes_a_new_one_and_goes_on(face: Face, place: Place) -> None:
    async def scenario() -> None:
        server = place.open()
        client = face.client(place.url, reconnect=SOON)
        told = Told(client)
        async with client:
            await client.add_remote_sender("s", ["e"], {"double": lambda params: params * 2})
            identities = server._clients.identities
            ((ident, (_, owner, session)),) = identities._clients.items()
            identities._clients[ident] = ("00", owner, session)  # the token that its next owner got
            server._clients.abort_all()
            await told.wait("reconnected")
            assert told.errors[-1] is None
            assert ident not in identities._clients
            assert server.has_sender("s")

    face.run(scenario())


def test_events_wait_for_the_next_link(face: Face, place: Place) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        place.open()
        client = face.client(place.url, "msgpack", reconnect=KEEPING)
        told = Told(client)
        async with client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            await place.close()
            await told.wait("disconnected")
            for number in range(100):
                signal.trigger(number)
            assert client.stats()["events"]["waiting"] == 100
            server = place.open()
            server.add_listener(lambda info, data: heard.append(data), "s", "e")
            await told.wait("reconnected")
            signal.trigger("new")
            await client.flush()
            await until(lambda: "new" in heard)
            assert heard == [*(n for n in range(100) if n in heard), "new"]
            assert len(heard) == 101
            events = client.stats()["events"]
            assert (events["fired"], events["waiting"], events["dropped"], events["unsent"]) == (101, 0, 0, 0)

    face.run(scenario())


def test_what_waits_is_bounded_and_dropped_by_count(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        client = face.client(place.url, reconnect=sig.Reconnect(first=30, keep=1000))
        told = Told(client)
        async with client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            await place.close()
            await told.wait("disconnected")
            for number in range(1000):
                signal.trigger(number)
            events = client.stats()["events"]
            assert 0 < events["waiting"] < 100 and events["waiting"] + events["dropped"] == 1000
        assert client.stats()["events"]["dropped"] == 1000

    face.run(scenario())


def test_open_requests_end_with_the_link(face: Face, place: Place) -> None:
    async def scenario() -> None:
        server = place.open()
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        release = __import__("threading").Event()

        def wait(params: Any) -> None:
            loop.call_soon_threadsafe(asked.set)
            release.wait(30)

        server.add_sender("s", [], {"wait": wait})
        client = face.client(place.url, reconnect=SOON)
        async with client:
            waiting = asyncio.ensure_future(client.remote_request("s", "wait"))
            later = client.request_async("s", "wait")
            await asked.wait()
            closing = asyncio.ensure_future(place.close())
            with pytest.raises(sig.OutcomeUnknown, match="'wait'"):
                await waiting
            with pytest.raises(sig.OutcomeUnknown, match="'wait'"):
                await later
            release.set()
            await closing

    face.run(scenario())


def test_it_gives_up_after_so_many_attempts(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        client = face.client(place.url, reconnect=sig.Reconnect(first=0.01, most=0.01, attempts=3))
        told = Told(client)
        async with client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            await place.close()
            await told.wait("gave_up")
            assert told.states == ["connected", "disconnected", "gave_up"]
            assert isinstance(told.errors[-1], sig.ConnectFailed)
            with pytest.raises(sig.LinkClosed, match="gave up"):
                await client.flush()
            with pytest.raises(sig.LinkClosed):
                signal.trigger(1)

    face.run(scenario())


def test_a_client_that_never_comes_back(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        client = face.client(place.url, reconnect=None)
        told = Told(client)
        async with client:
            await place.close()
            await told.wait("disconnected")
            assert client.stats()["state"] == "disconnected"
            with pytest.raises(sig.LinkClosed, match="not connected"):
                await client.add_remote_sender("s")

    face.run(scenario())


def test_who_is_dropped_again_and_again_waits_longer(face: Face, place: Place) -> None:
    async def scenario() -> None:
        server = place.open()
        client = face.client(place.url, reconnect=sig.Reconnect(first=0.01, most=60, factor=1, attempts=4, jitter=0))
        told = Told(client)
        async with client:
            for times in range(1, 6):
                await until(lambda: server.peers or "gave_up" in told.states)
                server.unlisten(server.addresses[0])
                await told.wait("disconnected", times)
                if times < 5:
                    server.listen(place.url)
                    await told.wait("reconnected", times)
            await told.wait("gave_up")
            assert told.states.count("reconnected") == 4, "each came back, none lived long"

    face.run(scenario())


def test_a_sender_whose_name_was_taken_meanwhile(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        client = face.client(place.url, reconnect=SOON)
        told = Told(client)
        async with client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            other = (await client.add_remote_sender("t", ["e"])).get_signal("e")
            await place.close()
            await told.wait("disconnected")
            server = sig.ServerRouter()
            place.server = server.start()
            server.add_sender("s")
            server.listen(place.url)
            await told.wait("reconnected")
            assert isinstance(told.errors[-1], sig.SenderExists)
            with pytest.raises(sig.LinkClosed, match="'s' is not at the server"):
                signal.trigger(1)
            other.trigger(1)
            await client.flush()

    face.run(scenario())


def test_it_is_stopped_while_it_comes_back(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        client = face.client(place.url, reconnect=SOON)
        told = Told(client)
        await client.start()
        await place.close()
        await told.wait("disconnected")
        await client.stop()
        place.open()
        assert client.stats()["state"] == "stopped" and not client.is_connected
        assert place.server is not None and place.server.peers == []

    face.run(scenario())
