"""State events: who comes late gets the last value first, marked, once; on each face, with a server of each."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from tests.support.faces import Face, Place
from tests.support.until import until

STATE = {"state": ["#changed"]}


def noting(heard: list[Any]) -> Any:
    return lambda info, data: heard.append((data, info.get("last", False)))


def test_who_comes_late_gets_the_last_value_first(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as one, face.client(url, "msgpack") as two:
            signal = (await one.add_remote_sender("temp", ["#changed", "cold"], **STATE)).get_signal("#changed")
            early: list[Any] = []
            await two.add_remote_listener(noting(early), "temp")
            for value in (1, 2):
                signal.trigger(value)
            await one.flush()
            patterns = [("temp", "#changed"), ("temp", "#changed"), ("temp", None), (None, "#changed"), (None, None)]
            late: list[list[Any]] = [[] for _ in patterns]
            for heard, pattern in zip(late, patterns, strict=True):
                await two.add_remote_listener(noting(heard), *pattern)
            signal.trigger(3)
            await one.flush()
            await until(lambda: all((3, False) in heard for heard in [*late, early]))
            assert early == [(1, False), (2, False), (3, False)]
            assert late == [[(2, True), (3, False)]] * len(patterns)
            assert two.lost.total() == 0

    face.run(scenario())


def test_it_comes_with_what_was_added_and_only_while_the_sender_is_connected(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as one, face.client(url) as two:
            sender = await one.add_remote_sender("temp", ["#changed", "cold"], **STATE)
            signal = sender.get_signal("#changed")
            assert await two.last("temp", "#changed", "none") == "none"
            signal.event_info["unit"] = "K"
            signal.trigger(1)
            sender.get_signal("cold").trigger(2)
            await one.flush()
            assert await two.last("temp", "#changed") == 1
            assert await two.last("temp", "cold", "none") == "none"
            assert await two.last_values() == [({"sender": "temp", "event": "#changed", "unit": "K", "last": True}, 1)]
            assert await two.remote_state() == {"temp": ["#changed"]}
            await one.remove_sender("temp")
            assert await two.last("temp", "#changed", "none") == "none"
            await two.add_remote_listener(noting(heard), "temp")
            await one.add_remote_sender("temp", ["#changed"])
            await one.flush()
            await two.flush()
            assert [marked for _, marked in heard] == [False] * len(heard)

    face.run(scenario())


def test_presence_names_state_events(face: Face, url: str) -> None:
    async def scenario() -> None:
        told: list[Any] = []
        async with face.client(url) as one, face.client(url) as two:
            await two.add_remote_listener(lambda info, data: told.append((info["event"], data.get("state"))), "temp")
            await one.add_remote_sender("temp", ["#changed", "cold"], **STATE)
            await one.remove_sender("temp")
            await until(lambda: len(told) == 2)
            assert told == [("#connect", ["#changed"]), ("#disconnect", ["#changed"])]

    face.run(scenario())


@pytest.mark.parametrize("state", [["other"], "cold", ["#connect"], [True], [""]])
def test_what_is_no_event_of_the_sender_is_no_state(face: Face, url: str, state: Any) -> None:
    async def scenario() -> None:
        async with face.client(url) as one:
            for add in (one.add_sender, one.add_remote_sender):
                with pytest.raises(sig.ConfigError):
                    made = add("temp", ["#changed"], state=state)
                    await made
            assert await one.list_remote_senders() == []

    face.run(scenario())


def test_values_of_own_senders_reach_own_listeners(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as one:
            sender = one.add_sender("own", ["e"], state="e")
            sender.get_signal("e").trigger(1)
            one.add_listener(noting(heard), "own")
            one.add_listener(noting(heard))
            sender.get_signal("e").trigger(2)
            assert heard == [(1, True), (1, True), (2, False), (2, False)]
            assert await one.last("own", "e") == 2

    face.run(scenario())


def test_values_are_there_again_after_the_server_was_started_anew(face: Face, place: Place) -> None:
    async def scenario() -> None:
        early: list[Any] = []
        late: list[Any] = []
        again = sig.Reconnect(first=0.01, most=0.05)
        place.open()
        async with face.client(place.url, reconnect=again) as one, face.client(place.url, reconnect=again) as two:
            signal = (await one.add_remote_sender("temp", ["#changed"], **STATE)).get_signal("#changed")
            await two.add_remote_listener(noting(early), "temp", "#changed")
            signal.trigger(1)
            await one.flush()
            await until(lambda: early == [(1, False)])
            await place.close()
            await until(lambda: not (one.is_connected or two.is_connected))
            place.open()
            await until(lambda: one.is_connected and two.is_connected)
            async with face.client(place.url) as three:
                await three.add_remote_listener(noting(late), None, "#changed")
                await until(lambda: late == [(1, True)])
            signal.trigger(2)
            await one.flush()
            await until(lambda: (2, False) in early)
            assert early == [(1, False), (2, False)], "who has a value is not told it again"
        await place.close()

    face.run(scenario())


def test_who_missed_a_value_while_away_is_told_it_when_it_is_back(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        again = sig.Reconnect(first=0.01, most=0.05)
        async with face.client(url) as one, face.client(url, reconnect=again) as two:
            signal = (await one.add_remote_sender("temp", ["#changed"], **STATE)).get_signal("#changed")
            await two.add_remote_listener(noting(heard), "temp", "#changed")
            signal.trigger(1)
            await one.flush()
            await until(lambda: len(heard) == 1)
            back: list[str] = []
            two.on("reconnected", lambda state, error: back.append(state))
            link = getattr(two, "real", two)._connection.link
            if face.name == "threads":
                link.cut()
            else:
                link.lose(sig.LinkLost("cut"))
            signal.trigger(2)
            signal.trigger(3)
            await one.flush()
            await until(lambda: bool(back))
            await until(lambda: heard[-1][0] == 3)
            signal.trigger(4)
            await one.flush()
            await until(lambda: heard[-1][0] == 4)
            told = [data for data, _ in heard]
            assert told == sorted(set(told)) and told[-2:] == [3, 4]

    face.run(scenario())
