"""Every carrier with every codec: events, requests, presence, errors."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within

NUMBERS = itertools.count(1)


@pytest.fixture(params=["tcp", "unix", "local"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "tcp": "tcp://127.0.0.1:0",
        "unix": f"unix://{tmp_path}/s.sock",
        "local": f"local://matrix-{next(NUMBERS)}",
    }[request.param]


@pytest.fixture(params=["json", "msgpack", "cbor"])
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(url: str) -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter(url) as running:
        yield running


class Handler:
    def echo(self, params: Any) -> Any:
        return params

    def fail(self, params: Any) -> Any:
        raise ValueError("on purpose")

    def bad(self, params: Any) -> Any:
        return {1, 2}


class Labelled(sig.Signal):
    def trigger(self, data: Any = None) -> None:
        self.event_info["label"] = "x"
        super().trigger(data)


def test_events_of_all_kinds_in_order(server: sig.ServerRouter, codec: str) -> None:
    url, heard = server.addresses[0], []
    values = [None, True, 1, 1.5, "é€", [1, [2]], {"a": {"b": None}}, 2**64 - 1, -(2**63), "x" * 1_000_000, ""]

    def note(kind: str) -> Any:
        return lambda info, data: heard.append((kind, info["sender"], info["event"], data))

    with sig.ClientRouter(url, codec, class_signal=Labelled) as sender, sig.ClientRouter(url, codec) as listener:
        listener.add_remote_listener(note("specific"), 7, "#e")
        listener.add_remote_listener(note("channel"), event="#e")
        listener.add_remote_listener(note("sender"), 7)
        listener.add_remote_listener(note("router"))
        labels: list[Any] = []
        listener.add_remote_listener(lambda info, data: labels.append(info.get("label")), 7, "#e")
        made = sender.add_remote_sender(7, ["#e"])
        for value in values:
            made.get_signal("#e").trigger(value)
        sender.flush()
        eventually(lambda: len(heard) == 2 + 4 * len(values))
    kinds = ("router", "sender", "channel", "specific")
    assert [entry[:3] for entry in heard[:2]] == [("router", 7, "#connect"), ("sender", 7, "#connect")]
    assert heard[2:] == [(kind, 7, "#e", value) for value in values for kind in kinds]
    assert labels == ["x"] * len(values)


def test_requests_both_ways(server: sig.ServerRouter, codec: str) -> None:
    url = server.addresses[0]
    server.add_sender("home", [], Handler())
    with sig.ClientRouter(url, codec) as one, sig.ClientRouter(url, "json") as two:
        one.add_remote_sender("away", [], Handler())
        for ask in (two.remote_request, server.request, one.remote_request):
            assert ask("away", "echo", {"a": [1, "é"]}) == {"a": [1, "é"]}
            with pytest.raises(sig.RemoteError, match="on purpose"):
                ask("away", "fail")
            with pytest.raises(sig.EncodeError):
                ask("away", "bad")
            with pytest.raises(sig.UnknownMethod):
                ask("away", "none")
            with pytest.raises(sig.UnknownSender):
                ask("nobody", "echo")
        assert one.remote_request("home", "echo", 1) == 1
        assert one.request_async("home", "echo", [2]).result(within(10)) == [2]
        assert server.request_async("away", "echo", [3]).result(within(10)) == [3]
        with pytest.raises(sig.RemoteError, match="ValueError"):
            two.remote_request("home", "fail")
        assert sorted(map(str, two.list_remote_senders())) == ["away", "home"]


def test_events_between_the_server_program_and_clients(server: sig.ServerRouter, codec: str) -> None:
    heard: list[Any] = []
    server.add_listener(lambda info, data: heard.append((info["sender"], info["event"], data)), "away")
    home = server.add_sender("home", ["e"])
    with sig.ClientRouter(server.addresses[0], codec) as client:
        got = threading.Event()
        client.add_remote_listener(lambda info, data: got.set() if data == [1] else None, "home", "e")
        home.get_signal("e").trigger([1])
        assert got.wait(within(10))
        away = client.add_remote_sender("away", ["e"])
        away.get_signal("e").trigger({"n": 1})
        eventually(lambda: len(heard) == 2)
        view = server.get_sender("away")
        assert view is not None
        assert view.is_connected()
        with pytest.raises(sig.NotOwner):
            view.get_signal("e").trigger(1)
        with pytest.raises(sig.NotOwner):
            server.remove_sender("away")
        with pytest.raises(sig.SenderExists):
            server.add_sender("away", [])
        with pytest.raises(sig.SenderExists):
            client.add_remote_sender("home", [])
    eventually(lambda: len(heard) == 3)
    assert [event for _, event, _ in heard] == ["#connect", "e", "#disconnect"]
    server.add_sender("away", ["e"])  # the name is free again


def test_several_carriers_each_with_its_codecs(tmp_path: Path) -> None:
    with sig.ServerRouter() as server:
        tcp = server.listen("tcp://127.0.0.1:0", ["json"])
        unix = server.listen(f"unix://{tmp_path}/s.sock", ["msgpack", "cbor"])
        with pytest.raises(sig.HandshakeError, match="no codec in common"):
            sig.ClientRouter(tcp, "msgpack").start()
        with sig.ClientRouter(tcp) as a, sig.ClientRouter(unix, ["json", "cbor"]) as b:
            assert b.codec == "cbor"
            heard: list[Any] = []
            a.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            signal = b.add_remote_sender("s", ["e"]).get_signal("e")
            for value in (1, b"\xff", 3):
                signal.trigger(value)
            eventually(lambda: len(heard) == 2 and a.lost)
            assert heard == [1, 3]
            assert a.lost == {("s", "e"): 1}
            assert a.is_connected
