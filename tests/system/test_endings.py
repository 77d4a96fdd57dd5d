"""What ends with a stop: nothing that was triggered before, and nobody who waits is forgotten."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import sig_core as sig
from sig_core.address import Address
from sig_core.plugins import default_plugins
from tests.support import eventually, within
from tests.support.rawpeer import EVENT, RawPeer, control, raw_server, welcome

ADDED = {"route": 1, "events": [["e", 2]]}


def test_a_future_ends_when_the_client_stops_inside_a_callback() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        never = threading.Event()
        server.add_sender("s", ["e"], {"never": lambda params: never.wait(within(20))})
        with sig.ClientRouter(server.addresses[0]) as client:
            future = client.request_async("s", "never")
            stopped = threading.Event()
            client.add_remote_listener(lambda info, data: (client.stop(), stopped.set()), "s", "e")
            sender = server.get_sender("s")
            assert sender is not None
            sender.get_signal("e").trigger()
            assert stopped.wait(within(10))
            with pytest.raises(sig.SigError):
                future.result(within(5))
        never.set()


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "local://answered"])
def test_who_asked_before_a_stop_is_answered(url: str) -> None:
    """The stop is on another thread than the handler."""
    stopping = threading.Event()

    def answer(params: Any) -> Any:
        stopping.wait(within(10))
        return params

    with sig.ServerRouter(url) as server, sig.ClientRouter(server.addresses[0]) as client:
        client.add_remote_sender("s", [], {"m": answer})
        future = server.request_async("s", "m", 1)
        link = client._connection.open_link()
        eventually(lambda: link.reader.runner.answering)
        settle = link.reader.settle
        link.reader.settle = lambda seconds: (stopping.set(), settle(seconds))[1]  # type: ignore[method-assign]
        client.stop()
        assert future.result(within(10)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "local://told"])
def test_who_waits_is_told_at_once_although_a_callback_blocks(url: str) -> None:
    """A thread may ask while a callback of the same client is busy, on every carrier; and a stop ends its wait."""
    entered, release, errors = threading.Event(), threading.Event(), []

    def block(*args: Any) -> None:
        entered.set()
        release.wait(within(30))

    with sig.ServerRouter(url) as server, sig.ClientRouter(server.addresses[0]) as client:

        def wait() -> None:
            try:
                client.remote_request("s", "block", timeout=within(30))
            except sig.SigError as error:
                errors.append(error)

        threads = [threading.Thread(target=wait) for _ in range(2)]
        server.add_sender("s", [], {"block": block})
        client.add_remote_listener(block, "c", "e")
        client.add_remote_sender("c", ["e"]).get_signal("e").trigger()
        assert entered.wait(within(10))
        try:
            for thread in threads:
                thread.start()
            eventually(lambda: len(server._exchange.requests) == 2, 5)
            client.stop()
            eventually(lambda: len(errors) == 2, 5)
        finally:
            release.set()
            for thread in threads:
                thread.join(within(40))


def _flooded_server(url: str) -> Any:
    """Trigger without end, until the event that is given is set."""
    stop = threading.Event()

    def flood() -> None:
        with sig.ClientRouter(url, "msgpack") as client:
            signal = client.add_remote_sender("flood", ["e"]).get_signal("e")
            while not stop.is_set():
                signal.trigger(0)

    thread = threading.Thread(target=flood)
    thread.start()
    return stop, thread


def test_what_was_triggered_before_a_stop_arrives_although_input_floods_in() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0], "msgpack") as listener:
        heard: dict[int, int] = {}

        def count(info: sig.Info, data: Any) -> None:
            heard[data] = heard.get(data, 0) + 1

        listener.add_remote_listener(count, event="#done")
        ended: set[Any] = set()
        listener.add_remote_listener(lambda info, data: ended.add(info["sender"]), event="#disconnect")
        stop, thread = _flooded_server(server.addresses[0])
        try:
            for number in range(30):
                with sig.ClientRouter(server.addresses[0], "msgpack") as client:
                    client.add_remote_listener(lambda info, data: None, "flood", "e")
                    signal = client.add_remote_sender(number, ["#done"]).get_signal("#done")
                    for _ in range(300):
                        signal.trigger(number)
        finally:
            stop.set()
            thread.join(within(10))
        eventually(lambda: {*range(30)} <= ended)
        assert {number: heard.get(number, 0) for number in range(30)} == dict.fromkeys(range(30), 300)


def test_what_is_in_the_systems_buffers_at_a_stop_arrives_although_input_was_not_read() -> None:
    """Closing a socket with unread input makes the system throw its output away."""
    with raw_server() as (url, listening):
        client, made = sig.ClientRouter(url), []

        def begin() -> None:
            made.append(client.start().add_remote_sender("s", ["e"]))

        beginning = threading.Thread(target=begin)
        beginning.start()
        with RawPeer(listening.accept()[0]) as server:
            server.read_preface()
            server.read()
            server.send(welcome())
            server.send(control({"id": server.message()["id"], "status": 0, "response": ADDED}))
            beginning.join(within(10))
            for _ in range(10):  # 1 MB: the system takes it, though nobody reads
                made[0].get_signal("e").trigger("x" * 100_000)
            server.send(control({"method": "bind", "params": {"route": 9, "sender": "x", "event": "y"}}) * 2000)
            client.stop()
            try:
                arrived = sum(kind == EVENT for kind, _, _ in server.frames())
            except ConnectionResetError:
                arrived = -1
            assert arrived == 10


def test_stop_is_bounded_on_a_link_whose_send_blocks() -> None:
    carrier = default_plugins().carriers.get("local")
    acceptor = carrier.listen(Address.parse("local://deaf"))
    client = sig.ClientRouter("local://deaf")
    starting = threading.Thread(target=client.start)
    starting.start()
    link = acceptor.accept(within(10))
    assert link is not None
    link.receive(within(10))
    link.send(welcome())
    starting.join(within(10))
    made: list[sig.Sender] = []
    adding = threading.Thread(target=lambda: made.append(client.add_remote_sender("s", ["e"])))
    adding.start()
    link.receive(within(10))
    link.send(control({"id": 1, "status": 0, "response": ADDED}))
    adding.join(within(10))
    made[0].get_signal("e").trigger("x" * (1 << 21))  # it passes alone, and fills the queue
    stopping = threading.Thread(target=client.stop)
    stopping.start()
    stopping.join(within(6))
    bounded = not stopping.is_alive()
    link.close()
    acceptor.close()
    stopping.join(within(10))
    assert bounded


def test_stop_of_a_server_is_bounded_however_many_callbacks_hang() -> None:
    release, inside = threading.Event(), []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        client.add_remote_sender("back", ["e"], {"x": lambda params: params})

        def hang(info: sig.Info, data: Any) -> None:
            server.request("back", "x", data)  # hands the role over, so that the next one comes in
            inside.append(data)
            release.wait(within(30))

        server.add_listener(hang, "back", "e")
        signal = client.get_sender("back").get_signal("e")  # type: ignore[union-attr]
        for n in range(6):
            signal.trigger(n)
        eventually(lambda: len(inside) == 6)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        stopping.join(within(7))  # 2 s for goodbyes, 2 s for callbacks, and time to spare
        bounded = not stopping.is_alive()
        release.set()
        stopping.join(within(20))
        assert bounded
