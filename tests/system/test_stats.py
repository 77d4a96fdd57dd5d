"""Statistics: what was fired is delivered, on its way, or lost, at each listener, and the counts say so."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually


def by_peer(server: sig.ServerRouter, client: sig.ClientRouter) -> dict[str, Any]:
    """The server's counts of one client."""
    ident = client._state.connection._client
    (found,) = [peer for peer in server.stats()["peers"] if peer.get("client") == ident]
    return found


def adds_up(events: dict[str, Any]) -> bool:
    return events["fired"] == events["out"] + events["waiting"] + sum(events["lost"].values())


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "local://counted"])
def test_fired_is_delivered_at_every_listener(url: str) -> None:
    with sig.ServerRouter(url) as server:
        here: list[Any] = []
        server.add_listener(lambda info, data: here.append(data), "temp", "changed")
        address = server.addresses[0]
        with sig.ClientRouter(address) as one, sig.ClientRouter(address) as two, sig.ClientRouter(address) as sender:
            one.add_remote_listener(lambda info, data: None, "temp", "changed")
            two.add_remote_listener(lambda info, data: None, "temp")
            temp = sender.add_remote_sender("temp", ["changed", "other"])
            for number in range(500):
                temp.get_signal("changed").trigger(number)
            temp.get_signal("other").trigger()
            sender.flush()
            eventually(lambda: (one.stats()["events"]["in"], two.stats()["events"]["in"]) == (500, 502))
            eventually(lambda: len(here) == 500)
            counts = {"in": 0, "refused": 0, "fired": 500, "out": 500, "waiting": 0, "lost": {}}
            eventually(lambda: by_peer(server, one)["events"] == counts)  # it counts a moment after it has sent
            eventually(lambda: by_peer(server, two)["events"]["out"] == 502)  # with #connect
            assert by_peer(server, sender)["events"]["in"] == 501
            assert sender.stats()["events"] == {
                "in": 0, "lost": 0, "fired": 501, "waiting": 0, "dropped": 0, "unsent": 0
            }
            total = server.stats(peers=False)
            assert "peers" not in total
            assert total["links"] == {"open": 3, "ever": 3, "waiting": 0, "resumed": 0}
            assert (total["senders"], total["subscriptions"]) == (1, 3)
            assert total["events"]["in"] == 501
            assert total["events"]["out"] == 500 + 502 + 500
            assert adds_up(total["events"])
        eventually(lambda: server.stats()["links"]["open"] == 0)
        gone = server.stats()  # what those who left had is not forgotten
        assert gone["links"] == {"open": 0, "ever": 3, "waiting": 0, "resumed": 0}
        assert gone["events"]["in"] == 501
        assert adds_up(gone["events"])
        assert gone["subscriptions"] == 1


def test_bytes_are_the_same_at_both_ends() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        client.flush()

        def same() -> bool:  # the server counts what has left a moment after it has
            mine, theirs = client.stats()["bytes"], by_peer(server, client)["bytes"]
            return bool(mine == {"in": theirs["out"], "out": theirs["in"]})

        eventually(same)
        mine = client.stats()["bytes"]
        assert mine["in"] > 100 < mine["out"]


def test_what_a_slow_listener_loses_is_counted_by_reason() -> None:
    limits = sig.Limits(max_outbox=200_000, stall=0.05)
    with sig.ServerRouter("local://slow-stats", limits=limits) as server:
        address = server.addresses[0]
        with sig.ClientRouter(address) as slow, sig.ClientRouter(address) as sender:
            go = threading.Event()
            heard: list[int] = []

            def listen(info: sig.Info, data: Any) -> None:
                go.wait(30)
                heard.append(data["n"])

            slow.add_remote_listener(listen, "temp", "changed")
            temp = sender.add_remote_sender("temp", ["changed"])
            count = 0
            stuck = by_peer(server, slow)
            while not (stuck["events"]["lost"] and stuck["events"]["waiting"]):
                for _ in range(100):
                    temp.get_signal("changed").trigger({"n": count, "filling": "x" * 5000})
                    count += 1
                sender.flush()
                stuck = by_peer(server, slow)
            assert stuck["queue"]["limit"] == 200_000
            assert 0 < stuck["queue"]["fill"] <= 1
            assert stuck["events"]["waiting"] > 0
            assert adds_up(stuck["events"])
            assert set(stuck["events"]["lost"]) == {"slow listener"}
            go.set()
            eventually(lambda: len(heard) + slow.stats()["events"]["lost"] == count, 30)
            eventually(lambda: by_peer(server, slow)["events"]["waiting"] == 0)
            at_rest = by_peer(server, slow)["events"]
            assert at_rest["fired"] == count
            assert at_rest["lost"]["slow listener"] == slow.stats()["events"]["lost"]
            assert slow.stats()["events"]["in"] == len(heard)


def test_what_waits_for_a_link_that_breaks_is_lost() -> None:
    limits = sig.Limits(max_outbox=1_000_000, stall=0.05)
    with sig.ServerRouter("tcp://127.0.0.1:0", limits=limits) as server:
        with sig.ClientRouter(server.addresses[0]) as sender:
            stuck = sig.ClientRouter(server.addresses[0], reconnect=None).start()
            wait = threading.Event()
            stuck.add_remote_listener(lambda info, data: wait.wait(30), "temp")
            temp = sender.add_remote_sender("temp", ["changed"])
            while not by_peer(server, stuck)["events"]["waiting"]:
                for _ in range(20):
                    temp.get_signal("changed").trigger("x" * 20_000)
                sender.flush()
            stuck._connection.open_link().reader.cut()
            eventually(lambda: server.stats()["links"]["open"] == 1)
            wait.set()
            stuck.stop()
        total = server.stats()["events"]
        assert total["lost"]["link ended"] > 0
        assert adds_up(total)


def test_a_breach_and_a_value_that_cannot_be_carried_are_counted() -> None:
    pytest.importorskip("msgpack")
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        address = server.addresses[0]
        with sig.ClientRouter(address, "json") as plain, sig.ClientRouter(address, "msgpack") as sender:
            plain.add_remote_listener(lambda info, data: None, "temp", "changed")
            temp = sender.add_remote_sender("temp", ["changed"])
            temp.get_signal("changed").trigger(b"bytes are not of JSON")
            temp.get_signal("changed").trigger("text")
            sender.flush()
            eventually(lambda: plain.stats()["events"]["lost"] == 1)
            events = by_peer(server, plain)["events"]
            assert events["lost"] == {"json can't carry the value": 1}
            assert (events["fired"], events["out"]) == (2, 1)


def test_requests_have_their_times() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        assert server.stats()["requests"] == {"open": 0, "answered": 0, "failed": 0, "p50": None, "p99": None}
        client.add_remote_sender("sum", [], {"add": sum, "break": lambda params: 1 // 0})
        with sig.ClientRouter(server.addresses[0]) as asking:
            for number in range(20):
                assert asking.remote_request("sum", "add", [number, 1]) == number + 1
            with pytest.raises(sig.RemoteError):
                asking.remote_request("sum", "break")
            told = asking.server_stats(peers=True)
            requests = told["requests"]
            assert (requests["open"], requests["answered"], requests["failed"]) == (0, 20, 1)
            assert 0 < requests["p50"] <= requests["p99"] < 10
            assert 0 < asking.stats()["requests"]["p50"] < 10
            assert told["peers"][0]["peer"] == "this program"
            assert len(told["peers"]) == 3


def test_a_router_alone_counts_too() -> None:
    router = sig.Router()
    router.add_sender("temp")
    router.add_listener(lambda info, data: 1 // 0, "temp")
    router.get_sender("temp").get_signal(sig.EVENT_CONNECT).trigger()  # type: ignore[union-attr]
    assert router.stats() == {"senders": 1, "subscriptions": 1, "listener_errors": 1}
