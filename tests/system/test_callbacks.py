"""Callbacks that ask, in every direction; order; what subscribing promises; two programs that answer each other."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within


@pytest.fixture
def url() -> Iterator[str]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server.addresses[0]


def test_requests_inside_listeners_and_handlers_and_rings(url: str) -> None:
    with contextlib.ExitStack() as stack:
        a, b, c = (stack.enter_context(sig.ClientRouter(url, codec)) for codec in ("json", "msgpack", "cbor"))
        a.add_remote_sender("a", ["e"], {"one": lambda p: p + 1, "ring": lambda p: a.remote_request("b", "two", p)})
        handlers = {
            "two": lambda p: b.remote_request("a", "one", p) * 2,
            "ring3": lambda p: b.remote_request("c", "to a", p),
        }
        b.add_remote_sender("b", [], handlers)
        c.add_remote_sender("c", [], {"to a": lambda p: c.remote_request("a", "one", p)})
        assert a.remote_request("b", "two", 1) == 4  # A -> B -> A
        assert c.remote_request("a", "ring", 1) == 4  # C -> A -> B -> A
        assert a.remote_request("b", "ring3", 1) == 2  # A -> B -> C -> A
        answers: list[Any] = []
        own = a.add_remote_sender("own", ["e"], {"x": lambda p: p})
        a.add_remote_listener(lambda info, data: answers.append(a.remote_request("b", "two", data)), "own", "e")
        a.add_remote_listener(lambda info, data: answers.append(a.remote_request("own", "x", data)), "own", "e")
        for n in range(20):
            own.get_signal("e").trigger(n)
        eventually(lambda: len(answers) == 40)
        assert answers == [value for n in range(20) for value in ((n + 1) * 2, n)]
        chained: list[Any] = []
        future = a.request_async("b", "two", 5)
        future.add_done_callback(lambda done: chained.append(a.remote_request("b", "two", done.result())))
        eventually(lambda: chained == [26])


def test_a_handler_that_waits_lets_those_run_that_came_with_it(url: str) -> None:
    ran: list[int] = []

    def first(last: int) -> int:
        while last not in ran:
            owner.remote_request("asker", "nothing")  # each time it reads on, and runs what has come
        return len(ran)

    with sig.ClientRouter(url) as owner, sig.ClientRouter(url) as asker:
        owner.add_remote_sender("owner", [], {"first": first, "next": ran.append})
        asker.add_remote_sender("asker", ["go"], {"nothing": lambda p: None})
        futures: list[Future[Any]] = []

        def burst(info: sig.Info, count: int) -> None:  # what a callback asks for leaves together
            futures.append(asker.request_async("owner", "first", count - 1))
            futures.extend(asker.request_async("owner", "next", n) for n in range(count))

        asker.add_remote_listener(burst, "asker", "go")
        go = asker.get_sender("asker")
        assert go is not None
        go.get_signal("go").trigger(30)
        eventually(lambda: len(futures) == 31)
        assert futures[0].result(within(5)) == 30
        for future in futures[1:]:
            assert future.result(within(5)) is None
        assert ran == list(range(30))


def test_depth_is_bounded(url: str) -> None:
    with sig.ClientRouter(url) as a, sig.ClientRouter(url) as b:
        a.add_remote_sender("a", [], {"down": lambda n: n if n == 0 else a.remote_request("b", "down", n - 1)})
        b.add_remote_sender("b", [], {"down": lambda n: n if n == 0 else b.remote_request("a", "down", n - 1)})
        assert a.remote_request("b", "down", 20) == 0
        with pytest.raises(sig.SigError, match="which is the limit"):
            a.remote_request("b", "down", 60)
        assert a.remote_request("b", "down", 2) == 0


def test_the_servers_own_callbacks_may_ask(url: str) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        answers: list[Any] = []
        client.add_remote_sender("c", ["e"], {"x": lambda p: p, "back": lambda p: client.remote_request("s", "y", p)})
        server.add_sender("s", [], {"y": lambda p: p * 10, "z": lambda p: server.request("c", "back", p)})
        server.add_listener(lambda info, data: answers.append(server.request("c", "x", data)), "c", "e")
        other = client.get_sender("c")
        assert other is not None
        for n in range(50):
            other.get_signal("e").trigger(n)
        eventually(lambda: len(answers) == 50)
        assert sorted(answers) == list(range(50))
        assert client.remote_request("s", "z", 3) == 30


def test_order_of_one_thread_and_of_events_before_a_request(url: str) -> None:
    with sig.ClientRouter(url, "msgpack") as sender, sig.ClientRouter(url, "msgpack") as receiver:
        seen: dict[int, list[int]] = {0: [], 1: [], 2: [], 3: []}
        receiver.add_remote_sender("count", [], {"now": lambda who: len(seen[who])})
        receiver.add_remote_listener(lambda info, data: seen[data[0]].append(data[1]), "s")
        made = sender.add_remote_sender("s", ["a", "b"])
        wrong: list[Any] = []

        def fire(who: int) -> None:
            signals = [made.get_signal("a"), made.get_signal("b")]
            for n in range(3000):
                signals[n % 2].trigger([who, n])
                if n % 500 == 499 and sender.remote_request("count", "now", who) != n + 1:
                    wrong.append((who, n))

        threads = [threading.Thread(target=fire, args=(who,)) for who in seen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(within(60))
        eventually(lambda: all(len(numbers) == 3000 for numbers in seen.values()))
        assert all(numbers == list(range(3000)) for numbers in seen.values())
        assert wrong == []


def test_subscribing_and_unsubscribing_keep_their_word(url: str) -> None:
    with sig.ClientRouter(url) as sender, sig.ClientRouter(url) as receiver:
        signal = sender.add_remote_sender("s", ["e"]).get_signal("e")
        for n in range(100):
            heard = threading.Event()
            subscription = receiver.add_remote_listener(lambda info, data, heard=heard: heard.set(), "s", "e")
            signal.trigger(n)
            assert heard.wait(within(10)), n
            subscription.remove()
            heard.clear()
            signal.trigger(n)
            sender.flush()
            receiver.flush()
            assert not heard.is_set()


@pytest.mark.timeout(120)
def test_two_clients_that_answer_each_others_events(url: str) -> None:
    seconds = float(os.environ.get("SIG_SOAK", "3"))
    with sig.ClientRouter(url, "msgpack") as a, sig.ClientRouter(url, "msgpack") as b:
        fired, heard = {"a": 0, "b": 0}, {"a": 0, "b": 0}
        ends = time.monotonic() + seconds
        signals = {name: client.add_remote_sender(name, ["e"]).get_signal("e") for name, client in (("a", a), ("b", b))}

        def answer(mine: str, other: str) -> Any:
            def listener(info: sig.Info, data: Any) -> None:
                heard[other] += 1
                if time.monotonic() < ends:
                    signals[mine].trigger(data + 1)
                    fired[mine] += 1

            return listener

        a.add_remote_listener(answer("a", "b"), "b", "e")
        b.add_remote_listener(answer("b", "a"), "a", "e")
        for _ in range(200):  # so many balls are in the air at once
            signals["a"].trigger(0)
        fired["a"] += 200
        eventually(lambda: time.monotonic() > ends, seconds + 5)
        lost = a.lost.total() + b.lost.total()
        eventually(lambda: sum(heard.values()) + lost == sum(fired.values()), 20)
        assert sum(fired.values()) > 1000
        assert a.listener_errors == b.listener_errors == 0


def test_a_callback_that_fires_a_flood(url: str) -> None:
    with sig.ClientRouter(url, "msgpack") as a, sig.ClientRouter(url, "msgpack") as b:
        count, heard = 100_000, []
        signal = a.add_remote_sender("a", ["start", "e"]).get_signal("e")
        b.add_remote_listener(lambda info, data: heard.append(data), "a", "e")
        a.add_remote_listener(lambda info, data: [signal.trigger(n) for n in range(count)], "a", "start")
        a.get_sender("a").get_signal("start").trigger()  # type: ignore[union-attr]
        eventually(lambda: len(heard) + b.lost.total() == count, 60)
        assert heard == sorted(heard)
        assert a.listener_errors == 0


def test_a_future_is_waited_for_inside_a_listener_of_a_client() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        server.add_sender("s", ["go"], {"x": lambda params: client.remote_request("own", "y", params)})
        client.add_remote_sender("own", [], {"y": lambda params: params + 1})
        got: list[Any] = []

        def go(info: sig.Info, data: Any) -> None:
            futures = [client.request_async("s", "x", n) for n in range(5)]
            got.append([future.result(within(10)) for future in futures])
            got.append(client.request_async("nobody", "x").exception(within(10)))

        client.add_remote_listener(go, "s", "go")
        server.senders["s"].get_signal("go").trigger()
        eventually(lambda: len(got) == 2)
        assert got[0] == [1, 2, 3, 4, 5]
        assert isinstance(got[1], sig.UnknownSender)


def test_a_future_inside_a_listener_of_a_client_ends_with_the_link() -> None:
    release, asking, got = threading.Event(), threading.Event(), []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_sender("s", ["go"], {"hang": lambda params: release.wait(within(20))})
        client = sig.ClientRouter(server.addresses[0]).start()

        def go(info: sig.Info, data: Any) -> None:
            future = client.request_async("s", "hang")
            asking.set()
            got.append(future.exception(within(15)))

        client.add_remote_listener(go, "s", "go")
        server.senders["s"].get_signal("go").trigger()
        assert asking.wait(within(10))
        client.stop()
        eventually(lambda: got)
        release.set()
        assert isinstance(got[0], sig.OutcomeUnknown | sig.LinkClosed)


def test_a_future_is_waited_for_inside_a_listener_of_the_server() -> None:
    """Its answer needs the server's dispatch thread, which is the one that waits."""
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        server.add_sender("own", [], {"y": lambda params: params + 1})
        sender = client.add_remote_sender("c", ["go"], {"x": lambda params: client.remote_request("own", "y", params)})
        got: list[Any] = []

        def go(info: sig.Info, data: Any) -> None:
            futures = [server.request_async("c", "x", n) for n in range(5)]
            got.append([future.result(within(10)) for future in futures])

        server.add_listener(go, "c", "go")
        sender.get_signal("go").trigger()
        eventually(lambda: got)
        assert got == [[1, 2, 3, 4, 5]]


def test_an_answer_does_not_wait_for_the_next_handler() -> None:
    there = threading.Event()
    calm = sig.Limits(keepalive=300)  # no sign of life takes the answers along
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sig.ServerRouter("tcp://127.0.0.1:0", limits=calm))
        a, b = (stack.enter_context(sig.ClientRouter(server.addresses[0], "msgpack", limits=calm)) for _ in range(2))
        b.add_remote_sender("b", [], {"quick": lambda number: number, "slow": lambda _: there.wait(within(10))})
        for _ in range(5):
            there.clear()
            quick = [a.request_async("b", "quick", number) for number in range(20)]
            slow = a.request_async("b", "slow")
            assert [future.result(within(10)) for future in quick] == list(range(20))
            there.set()
            assert slow.result(within(10))


def test_what_a_callback_asks_for_leaves_while_it_goes_on(url: str) -> None:
    arrived, results = threading.Semaphore(0), []
    with sig.ClientRouter(url, "msgpack") as a, sig.ClientRouter(url, "msgpack") as b:
        b.add_remote_sender("b", [], {"note": lambda _: arrived.release()})
        a.remote_request("b", "note")  # now it knows the way; to learn it takes the thread that the callback keeps
        assert arrived.acquire(timeout=within(10))

        def listener(info: Any, data: Any) -> None:
            for _ in range(3):
                a.request_async("b", "note")
            results.append([arrived.acquire(timeout=within(10)) for _ in range(3)])

        a.add_remote_listener(listener, "t", "e")
        signal = b.add_remote_sender("t", ["e"]).get_signal("e")
        for _ in range(5):
            signal.trigger(0)
        eventually(lambda: results == [[True] * 3] * 5)
