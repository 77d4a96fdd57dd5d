"""Every public call, inside every callback and from other threads: none waits for itself. A watchdog counts."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within

PATIENCE = 20.0  # seconds for one call, wherever it is made: the watchdog

Call = Callable[["House"], object]


class House:
    """A server and two clients; `own` of them makes the calls."""

    def __init__(self, server: sig.ServerRouter, own: Any, other: sig.ClientRouter) -> None:
        self.server = server
        self.own = own
        self.other = other
        self.made = 0

    def name(self) -> str:
        """A name that is free."""
        self.made += 1
        return f"made-{threading.get_ident()}-{self.made}"


def _nothing(info: sig.Info, data: Any) -> None:
    return None


CLIENT: dict[str, Call] = {
    "add_sender": lambda h: h.own.add_sender(h.name(), ["e"]).remove(),
    "get_sender": lambda h: h.own.get_sender("nobody"),
    "remove_sender": lambda h: h.own.remove_sender("nobody"),
    "has_sender": lambda h: h.own.has_sender("own"),
    "senders": lambda h: h.own.senders,
    "add_listener": lambda h: h.own.add_listener(_nothing, "own", "e").remove(),
    "remove_listener": lambda h: h.own.remove_listener(_nothing, "own", "e"),
    "listeners_at": lambda h: h.own.listeners_at((None, None)),
    "stats": lambda h: h.own.stats(),
    "request": lambda h: h.own.request("other", "echo", 1),
    "request_async": lambda h: h.own.request_async("other", "echo", 1).result(within(10)),
    "add_remote_sender": lambda h: h.own.add_remote_sender(h.name(), ["e"]).get_signal("e").trigger(1),
    "add_remote_senders": lambda h: h.own.add_remote_senders({h.name(): "e", h.name(): ["e"]}),
    "remove_remote_sender": lambda h: h.own.remove_remote_sender(h.own.add_remote_sender(h.name())),
    "add_remote_listener": lambda h: h.own.add_remote_listener(_nothing, "other", "e").remove(),
    "remove_remote_listener": lambda h: h.own.remove_remote_listener(_nothing, "other", "e"),
    "remote_request": lambda h: h.own.remote_request("other", "echo", 1),
    "request_many": lambda h: h.own.request_many([("other", "echo", 1)] * 3),
    "whoami": lambda h: h.own.whoami(),
    "ledger": lambda h: h.own.ledger("other", "e"),
    "explain": lambda h: h.own.explain("anyone", "see", "other"),
    "remote_senders": lambda h: h.own.remote_senders(),
    "list_remote_senders": lambda h: h.own.list_remote_senders(),
    "remote_state": lambda h: h.own.remote_state(),
    "last": lambda h: h.own.last("other", "e"),
    "last_values": lambda h: h.own.last_values(),
    "durables": lambda h: _refused(h.own.durables),
    "drop_durable": lambda h: _refused(lambda: h.own.drop_durable("nothing")),
    "flush": lambda h: h.own.flush(),
    "server_stats": lambda h: h.own.server_stats(),
    "on": lambda h: h.own.on("disconnected", _nothing),
    "is_connected": lambda h: h.own.is_connected,
    "codec": lambda h: h.own.codec,
    "start": lambda h: _refused(h.own.start),
    "stop": lambda h: h.own.stop(),  # the last: nothing works after it
}

SERVER: dict[str, Call] = {
    name: call
    for name, call in CLIENT.items()
    if name in dir(sig.ServerRouter) and name not in ("start", "stop", "on", "codec")
} | {
    "listen": lambda h: h.server.unlisten(h.server.listen("tcp://127.0.0.1:0")),
    "unlisten": lambda h: _refused(lambda: h.server.unlisten("tcp://127.0.0.1:1")),
    "last": lambda h: h.server.last("other", "e"),
    "addresses": lambda h: h.server.addresses,
    "reload": lambda h: _refused(h.server.reload),
    "reload_soon": lambda h: h.server.reload_soon(),
    "peers": lambda h: h.server.peers,
    "start": lambda h: _refused(h.server.start),
    "stop": lambda h: h.server.stop(),
}

# Not for programs: what the parts of a router call of each other.
INSIDE = {"after_fork", "events", "incoming", "other", "topic", "listener_failed"} | {"limits"}  # which is no call


def _refused(call: Callable[[], object]) -> None:
    with pytest.raises(sig.SigError):
        call()


@pytest.mark.parametrize(("router", "calls"), [(sig.ClientRouter, CLIENT), (sig.ServerRouter, SERVER)])
def test_none_is_left_out(router: type, calls: dict[str, Call]) -> None:
    camel = {name for name in dir(router) if name != name.lower()}
    public = {name for name, _ in inspect.getmembers(router) if not name.startswith("_")} - camel - INSIDE
    assert public - set(calls) == set()


def make_all(house: House, calls: dict[str, Call], failures: list[str]) -> None:
    """Make each call; note what it raised."""
    for name, call in calls.items():
        try:
            call(house)
        except BaseException as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")


def watched(run: Callable[[Callable[[], None]], object], house: House, calls: dict[str, Call]) -> None:
    """Let `run` have its argument called in some place, and wait until it has come back from there."""
    done, failures = threading.Event(), list[str]()

    def inside() -> None:
        if not done.is_set():
            make_all(house, calls, failures)
            done.set()

    run(inside)
    assert done.wait(within(PATIENCE)), f"a call hangs; so far {failures}"
    assert failures == []


PLACES: dict[str, Callable[[House], Callable[[Callable[[], None]], object]]] = {
    "another thread": lambda h: lambda inside: threading.Thread(target=inside).start(),
    "a listener": lambda h: lambda inside: _with_listener(h, inside, "other", "e"),
    "a listener of presence": lambda h: lambda inside: _with_listener(h, inside, "late", sig.EVENT_CONNECT),
    "a handler": lambda h: lambda inside: _with_handler(h, inside),
    "a callback of a future": lambda h: lambda inside: h.own.request_async("other", "echo", 1).add_done_callback(
        lambda future: inside()
    ),
}


def _with_listener(house: House, inside: Callable[[], None], sender: str, event: str) -> None:
    add = getattr(house.own, "add_remote_listener", house.own.add_listener)
    add(lambda info, data: inside(), sender, event)
    if sender == "late":
        house.other.add_remote_sender("late", ["e"])
    else:
        found = house.other.get_sender("other")
        assert found is not None
        found.get_signal("e").trigger(1)


def _with_handler(house: House, inside: Callable[[], None]) -> None:
    add = getattr(house.own, "add_remote_sender", house.own.add_sender)
    add("asked", [], {"m": lambda params: inside()})
    house.other.request_async("asked", "m")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "local://everywhere"])
def test_every_call(address: str, who: str, place: str) -> None:
    with sig.ServerRouter(address) as server:
        url = server.addresses[0]
        with sig.ClientRouter(url, "msgpack") as other, sig.ClientRouter(url) as client:
            other.add_remote_sender("other", ["e"], {"echo": lambda params: params})
            house = House(server, client if who == "client" else server, other)
            watched(PLACES[place](house), house, CLIENT if who == "client" else SERVER)


@pytest.mark.parametrize("who", ["client", "server"])
def test_every_call_from_many_threads_at_once(who: str) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
        with sig.ClientRouter(url, "msgpack") as other, sig.ClientRouter(url) as client:
            other.add_remote_sender("other", ["e"], {"echo": lambda params: params})
            house = House(server, client if who == "client" else server, other)
            calls = dict(CLIENT if who == "client" else SERVER)
            del calls["stop"]
            failures: list[str] = []
            threads = [threading.Thread(target=make_all, args=(house, calls, failures)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(within(PATIENCE))
            assert not any(thread.is_alive() for thread in threads), "a call hangs"
            assert failures == []


def test_every_call_inside_a_state_callback() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
        with sig.ClientRouter(url, "msgpack") as other, sig.ClientRouter(url) as client:
            other.add_remote_sender("other", ["e"], {"echo": lambda params: params})
            house = House(server, client, other)

            def run(inside: Callable[[], None]) -> None:
                client.on("reconnected", lambda state, error: inside())
                client._connection.link.reader.cut()  # type: ignore[union-attr]

            watched(run, house, CLIENT)
            eventually(lambda: not client.is_connected)
