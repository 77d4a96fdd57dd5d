"""`add_remote_senders`: many at once, all of them or none; the first event of each makes its way out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.session.client_state import registrations
from tests.support import eventually, within

WINDOWS = pytest.mark.parametrize(("ahead", "together"), [(1000, 100), (7, 3), (1, 1)])


@pytest.fixture
def url() -> Iterator[str]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server.addresses[0]


def names(client: sig.ClientRouter) -> list[Any]:
    return sorted(client.list_remote_senders())


@WINDOWS
def test_all_of_them_fire_and_answer(url: str, ahead: int, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "AHEAD", ahead)
    monkeypatch.setattr(registrations, "TOGETHER", together)
    heard: list[Any] = []
    here: list[Any] = []
    with sig.ClientRouter(url) as many, sig.ClientRouter(url, "msgpack") as other:
        many.add_listener(lambda info, data: here.append(info["sender"]), None, sig.EVENT_CONNECT)
        other.add_remote_listener(lambda info, data: heard.append((info["sender"], info["event"])))
        wanted = {f"s{n}": ["e", "#c"] if n % 2 else "e" for n in range(50)}
        made = many.add_remote_senders(wanted, {"double": lambda params: params * 2})
        assert [each.name for each in made] == list(wanted) == here
        assert names(other) == sorted(wanted)
        for each in made:
            each.get_signal("e").trigger(each.name)
        eventually(lambda: len(heard) == 100)
        assert Counter(event for _, event in heard) == {sig.EVENT_CONNECT: 50, "e": 50}
        assert [name for name, event in heard if event == "e"] == list(wanted)
        assert other.remote_request("s49", "double", 4) == 8
        assert many.stats()["senders"] == 50


@WINDOWS
@pytest.mark.parametrize("at", [0, 20, 49])
def test_none_of_them_if_one_is_taken(
    url: str, at: int, ahead: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations, "AHEAD", ahead)
    monkeypatch.setattr(registrations, "TOGETHER", together)
    with sig.ClientRouter(url) as many, sig.ClientRouter(url) as other:
        other.add_remote_sender(f"s{at}")
        wanted = {f"s{n}": "e" for n in range(50)}
        with pytest.raises(sig.SenderExists, match=f"'s{at}'"):
            many.add_remote_senders(wanted)
        assert names(other) == [f"s{at}"]
        assert not any(many.has_sender(name) for name in wanted)
        other.remove_sender(f"s{at}")
        assert len(many.add_remote_senders(wanted)) == 50


def test_what_is_wrong_here_is_said_before_anything_is_asked(url: str) -> None:
    heard: list[Any] = []
    with sig.ClientRouter(url) as client:
        client.add_remote_listener(lambda info, data: heard.append(info), None, sig.EVENT_CONNECT)
        client.add_remote_sender("remote")
        client.add_sender("local")
        for wanted, error in (
            ({"a": "e", "remote": "e"}, sig.SenderExists),
            ({"a": "e", "local": "e"}, sig.SenderExists),
            ({"a": "e", "": "e"}, sig.ConfigError),
            ({"a": "e", "b": [""]}, sig.ConfigError),
        ):
            with pytest.raises(error):
                client.add_remote_senders(wanted)  # type: ignore[arg-type] # a dict of other things is what it is
        client.flush()
        assert client.add_remote_senders({}) == []
        assert names(client) == ["remote"]
        eventually(lambda: len(heard) == 1)


def test_one_that_can_not_be_asked_for_takes_the_others_with_it() -> None:
    server = sig.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(max_frame=4096))
    with server, sig.ClientRouter(server.addresses[0]) as client:
        with pytest.raises(sig.MessageTooBig):
            client.add_remote_senders({"a": "e", "b": [f"event {n}" for n in range(1000)], "c": "e"})
        assert names(client) == []


def test_a_lost_link_leaves_none_of_them() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        client = sig.ClientRouter(server.addresses[0], reconnect=None).start()
        threading.Thread(target=server.stop).start()
        with pytest.raises(sig.SigError):
            for n in range(1000):
                client.add_remote_senders({f"{n}/{each}": "e" for each in range(1000)})
        left = [name for name in client.senders if client.has_sender(name)]
        assert left == []
        client.stop()


def test_inside_a_callback(url: str) -> None:
    made: list[Any] = []
    with sig.ClientRouter(url) as client:

        def grow(info: sig.Info, data: Any) -> None:
            made.extend(client.add_remote_senders({f"{data}/{n}": "e" for n in range(10)}))

        client.add_remote_listener(grow, "root", "go")
        client.add_remote_sender("root", "go").get_signal("go").trigger("child")
        eventually(lambda: len(made) == 10)
        assert names(client) == sorted(["root", *(f"child/{n}" for n in range(10))])


def test_the_first_event_of_a_sender_from_several_threads(url: str) -> None:
    heard: list[Any] = []
    with sig.ClientRouter(url) as client, sig.ClientRouter(url) as listener:
        listener.add_remote_listener(lambda info, data: heard.append(data), None, "#e")
        for signal in [each.get_signal("#e") for each in client.add_remote_senders({f"s{n}": "#e" for n in range(20)})]:
            begin = threading.Barrier(4)

            def fire(number: int, begin: threading.Barrier = begin, signal: sig.Signal = signal) -> None:
                begin.wait(within(10))
                signal.trigger(number)

            threads = [threading.Thread(target=fire, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(within(10))
        eventually(lambda: len(heard) == 80)
        assert Counter(heard) == dict.fromkeys(range(4), 20)
        assert client.stats()["events"]["fired"] == 80
        assert not listener.lost
