"""The server on asyncio: events, requests and callbacks, between its own program, threaded and asyncio clients."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.plugins import Plugins
from tests.support import eventually, nothing_left_behind, sig_threads, within  # noqa: F401 - a fixture
from tests.support.acceptors import Unpolled, made
from tests.support.plainpeer import PlainPeer
from tests.support.served import LOOPS, Served, run
from tests.support.until import until

CARRIERS = ["tcp", "unix", "local", "lossy+tcp"]
POLLED = ["tcp", "unix"]


def url_of(carrier: str, folder: Path) -> str:
    urls = {
        "tcp": "tcp://127.0.0.1:0",
        "unix": f"unix://{folder}/s.sock",
        "local": "local://aio-server",
        "lossy+tcp": "lossy+tcp://127.0.0.1:0?drop=0.0005&seed=5",
    }
    return urls[carrier]


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=CARRIERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path)


# -- events and requests


def test_events_and_requests_with_a_threaded_client(loop: str, url: str) -> None:
    heard: list[Any] = []
    there: list[Any] = []

    async def double(params: int) -> int:
        await asyncio.sleep(0)
        return 2 * params

    async def listen(info: sig.Info, data: Any) -> None:
        heard.append((info["event"], data))

    with Served(loop, url) as served, sig.ClientRouter(served.url, "msgpack") as client:
        server = served.server
        own = server.add_sender("own", ["e", "#c"], {"double": double, "echo": lambda params: params})
        server.add_listener(listen, "theirs", "e")
        client.add_remote_listener(lambda info, data: there.append(data), "own", "e")
        theirs = client.add_remote_sender("theirs", ["e"], {"twice": lambda params: [params, params]})
        for number in range(100):
            theirs.get_signal("e").trigger(number)
        assert client.remote_request("own", "double", 21) == 42
        assert client.remote_request("own", "echo", "x" * 100_000) == "x" * 100_000
        assert served.call(server.request("theirs", "twice", "a")) == ["a", "a"]
        assert served.call(server.request("own", "double", 4)) == 8
        served.do(lambda: [own.get_signal("e").trigger(number) for number in range(100)])
        eventually(lambda: there == list(range(100)))
        eventually(lambda: heard == [("e", number) for number in range(100)])


def test_events_and_requests_with_asyncio_clients(loop: str, url: str) -> None:
    async def main() -> None:
        heard: list[Any] = []
        there: list[Any] = []
        async with aio.ServerRouter(url) as server:
            own = server.add_sender("own", ["e"], {"echo": lambda params: params})
            server.add_listener(lambda info, data: heard.append(data), "s", "e")
            address = server.addresses[0]
            async with aio.ClientRouter(address) as one, aio.ClientRouter(address, "cbor") as two:
                await two.add_remote_listener(lambda info, data: there.append((info["sender"], data)))
                sender = await one.add_remote_sender("s", ["e"], {"m": lambda params: -params})
                own.get_signal("e").trigger("first")
                sender.get_signal("e").trigger("second")
                assert await two.remote_request("s", "m", 1) == -1
                assert await two.remote_request("own", "echo", [1]) == [1]
                assert await server.request("s", "m", 2) == -2
                assert await server.request_async("s", "m", 3) == -3
                with pytest.raises(sig.UnknownMethod):
                    await server.request("s", "other")
                await until(lambda: heard == ["second"])
                await until(lambda: ("own", "first") in there and ("s", "second") in there)

    run(loop, main())


@pytest.mark.parametrize("carrier", POLLED)
def test_no_thread_where_all_can_be_polled(loop: str, carrier: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.ServerRouter(url_of(carrier, tmp_path)) as server:
            server.add_sender("own", [], {"echo": lambda params: params})
            async with aio.ClientRouter(server.addresses[0]) as client:
                assert await client.remote_request("own", "echo", 1) == 1
                await until(lambda: threading.enumerate() == before)  # those that dialled, and took the address, ended
        assert threading.enumerate() == before

    before = threading.enumerate()
    run(loop, main())


def test_what_a_client_does_is_seen_here(loop: str) -> None:
    presence: list[Any] = []
    with Served(loop, "tcp://127.0.0.1:0") as served:
        server = served.server
        for event in ("#connect", "#disconnect"):
            server.add_listener(lambda info, data: presence.append((info["event"], info["sender"])), None, event)
        with sig.ClientRouter(served.url) as client:
            client.add_remote_sender("s", ["e"])
            assert server.has_sender("s") and not server.has_sender("other")
            view = server.get_sender("s")
            assert view is not None and list(view.events) == ["e", "#connect", "#disconnect"]
            with pytest.raises(sig.NotOwner, match="only who added a sender may trigger"):
                view.get_signal("e").trigger()
            with pytest.raises(sig.NotOwner, match="only who added a sender may remove"):
                served.call(server.remove_sender("s"))
            with pytest.raises(sig.SenderExists):
                server.add_sender("s")
            assert len(server.peers) == 1
            assert server.stats()["senders"] == 1
        eventually(lambda: presence == [("#connect", "s"), ("#disconnect", "s")])
        own = server.add_sender("own", ["e"])
        assert served.call(own.remove()) and not served.call(server.remove_sender("own"))


def test_an_event_is_triggered_on_another_thread(loop: str) -> None:
    there: list[int] = []
    with Served(loop, "tcp://127.0.0.1:0") as served, sig.ClientRouter(served.url) as client:
        signal = served.server.add_sender("own", ["e"]).get_signal("e")
        client.add_remote_listener(lambda info, data: there.append(data), "own", "e")
        for number in range(1000):
            signal.trigger(number)
        eventually(lambda: there == list(range(1000)))


# -- requests of this program


def test_a_request_ends_with_its_time_or_its_task_and_is_not_open_any_more(loop: str) -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def slow(params: Any) -> Any:
            await go.wait()
            return params

        async with aio.ServerRouter("tcp://127.0.0.1:0") as server, aio.ClientRouter(server.addresses[0]) as client:
            await client.add_remote_sender("s", ["e"], {"slow": slow})
            with pytest.raises(sig.RequestTimeout, match="request 'slow' to sender 's': no answer"):
                await server.request("s", "slow", 1, timeout=0.02)
            asked = server.request_async("s", "slow", 2)
            await until(lambda: server.stats()["requests"]["open"] == 1)
            asked.cancel()
            await asyncio.wait([asked])
            assert asked.cancelled()
            assert server.stats()["requests"]["open"] == 0
            go.set()
            assert await server.request("s", "slow", 3) == 3

    run(loop, main())


def test_a_request_fails_with_the_link(loop: str) -> None:
    async def main() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            async with aio.ClientRouter(server.addresses[0]) as client:
                blocked = asyncio.Event()
                await client.add_remote_sender("s", [], {"hang": lambda params: blocked.wait()})
                asked = server.request_async("s", "hang")
                await until(lambda: server.stats()["requests"]["open"] == 1)
                client._connection.link.cut()  # type: ignore[union-attr]
                with pytest.raises(sig.OutcomeUnknown):
                    await asked
                blocked.set()
            with pytest.raises(sig.UnknownSender):
                await server.request("nobody", "m")
            with pytest.raises(sig.ConfigError):
                await server.request("s", "m", timeout=-1)

    run(loop, main())


# -- handlers


def test_handlers_run_beside_each_other_so_many_at_a_time(loop: str) -> None:
    async def main() -> None:
        running: list[int] = []
        most: list[int] = []
        go = asyncio.Event()

        async def handle(params: int) -> int:
            running.append(params)
            most.append(len(running))
            await go.wait()
            running.remove(params)
            return params

        async with (
            aio.ServerRouter("tcp://127.0.0.1:0", max_handlers=3) as server,
            aio.ClientRouter(server.addresses[0]) as client,
        ):
            server.add_sender("s", [], {"m": handle})
            asked = [client.request_async("s", "m", number) for number in range(10)]
            await until(lambda: len(running) == 3)
            go.set()
            assert await asyncio.gather(*asked) == list(range(10))
        assert max(most) == 3

    run(loop, main())


def test_a_handler_that_raises_or_is_cancelled_tells_who_asked_at_once(loop: str) -> None:
    tasks: list[Any] = []

    async def hang(params: Any) -> None:
        tasks.append(asyncio.current_task())
        await asyncio.Event().wait()

    async def fail(params: Any) -> None:
        raise ValueError("no")

    with Served(loop, "tcp://127.0.0.1:0") as served, sig.ClientRouter(served.url) as client:
        served.server.add_sender("s", [], {"hang": hang, "fail": fail, "set": lambda params: {1, 2}})
        future = client.request_async("s", "hang")
        eventually(lambda: tasks)
        served.do(tasks[0].cancel)
        with pytest.raises(sig.RemoteError, match="CancelledError"):
            future.result(within(5))
        with pytest.raises(sig.RemoteError, match="ValueError: no"):
            client.remote_request("s", "fail")
        with pytest.raises(sig.EncodeError):
            client.remote_request("s", "set")
        assert served.server.stats()["requests"]["open"] == 0


# -- listeners


def test_listeners_that_raise_or_cancel_themselves_hear_the_next_event(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    async def raises(info: sig.Info, data: Any) -> None:
        heard.append(("raises", data))
        raise ValueError("mine")

    async def cancels(info: sig.Info, data: Any) -> None:
        heard.append(("cancels", data))
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    def plain(info: sig.Info, data: Any) -> None:
        heard.append(("plain", data))
        raise asyncio.CancelledError

    with Served(loop, "tcp://127.0.0.1:0") as served, sig.ClientRouter(served.url) as client:
        for listener in (raises, cancels, plain):
            served.server.add_listener(listener, "s", "e")
        signal = client.add_remote_sender("s", ["e"]).get_signal("e")
        for number in range(3):
            signal.trigger(number)
        eventually(lambda: len(heard) == 9)
        for name in ("raises", "cancels", "plain"):
            assert [data for who, data in heard if who == name] == [0, 1, 2]
        eventually(lambda: served.server.listener_errors == 9)
    assert "ValueError: mine" in caplog.text


def test_a_coroutine_listener_may_ask_who_it_hears(loop: str) -> None:
    heard: list[Any] = []
    with Served(loop, "tcp://127.0.0.1:0") as served, sig.ClientRouter(served.url) as client:
        server = served.server

        async def ask(info: sig.Info, data: Any) -> None:
            heard.append(await server.request("s", "m", data))

        server.add_listener(ask, "s", "e")
        signal = client.add_remote_sender("s", ["e"], {"m": lambda params: params + 1}).get_signal("e")
        for number in range(10):
            signal.trigger(number)
        eventually(lambda: heard == list(range(1, 11)))


def test_coroutine_listeners_may_be_added_before_any_loop_runs(loop: str) -> None:
    heard: list[Any] = []
    server = aio.ServerRouter("tcp://127.0.0.1:0")

    @server_listener(server, "own", "e")
    async def listen(info: sig.Info, data: Any) -> None:
        heard.append(data)

    signal = server.add_sender("own", ["e"]).get_signal("e")

    async def main() -> None:
        async with server:
            signal.trigger(1)
            await until(lambda: heard == [1])

    run(loop, main())


def server_listener(server: aio.ServerRouter, sender: str, event: str) -> Any:
    def add(function: Any) -> Any:
        server.add_listener(function, sender, event)
        return function

    return add


def held(server: aio.ServerRouter) -> list[str]:
    return [each["peer"] for each in server.stats()["peers"] if each["held"]]


@pytest.mark.parametrize("carrier", ["tcp", "local"])
def test_a_slow_coroutine_listener_holds_who_sends_back_and_nothing_is_lost(
    loop: str, carrier: str, tmp_path: Path
) -> None:
    heard: list[int] = []
    beside: list[int] = []
    gates: list[asyncio.Event] = []

    async def slow(info: sig.Info, data: Any) -> None:
        if not gates:
            gates.append(asyncio.Event())
        await gates[0].wait()
        heard.append(data[0])

    limits = sig.Limits(max_inbound=50_000, stall=3600)
    with Served(loop, url_of(carrier, tmp_path), limits=limits) as served:
        server = served.server
        server.add_listener(slow, "s", "e")
        server.add_listener(lambda info, data: beside.append(data[0]), "s", "e")
        with sig.ClientRouter(served.url) as client:
            signal = client.add_remote_sender("s", ["e"]).get_signal("e")
            sent = 0
            while not held(server):
                signal.trigger([sent, "x" * 1000])
                sent += 1
                assert sent < 100
                eventually(lambda: held(server) or len(beside) == sent)  # noqa: B023 - it is over before the next
            assert beside == list(range(len(beside))) and heard == []  # it delays no other
            served.do(gates[0].set)
            eventually(lambda: heard == list(range(sent)))
            eventually(lambda: not held(server))
            client.flush()
            assert beside == heard
            assert server.lost == {} and server.stats()["events"]["lost"] == {}


def test_a_listener_that_never_ends_loses_events_and_no_other_does(
    loop: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sig_core.aio.server.STOP", 0.05)
    beside: list[int] = []
    plain: list[int] = []

    async def never(info: sig.Info, data: Any) -> None:
        await asyncio.Event().wait()

    async def quick(info: sig.Info, data: Any) -> None:
        beside.append(data[0])

    with Served(loop, "tcp://127.0.0.1:0", limits=sig.Limits(max_inbound=20_000, stall=0.01)) as served:
        server = served.server
        server.add_listener(never, "s", "e")
        server.add_listener(quick, "s", "e")
        server.add_listener(lambda info, data: plain.append(data[0]), "s", "e")
        with sig.ClientRouter(served.url) as client:
            signal = client.add_remote_sender("s", ["e"]).get_signal("e")
            for number in range(200):
                signal.trigger([number, "x" * 1000])
                client.flush()
            eventually(lambda: (beside, plain) == (list(range(200)), list(range(200))))
        lost = served.do(lambda: server.lost["s", "e"])
        assert 150 < lost < 200
    assert "more are lost to it" in caplog.text
    assert "cancelled: it still runs" in caplog.text


def test_a_stream_of_events_ends_with_the_server(loop: str) -> None:
    async def main() -> None:
        heard: list[Any] = []
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            own = server.add_sender("own", ["e"])

            async def read() -> None:
                async for _, data in server.events("own", "e"):
                    heard.append(data)

            reading = asyncio.ensure_future(read())
            await until(lambda: own.has_listeners())
            own.get_signal("e").trigger(1)
            async with aio.ClientRouter(server.addresses[0]) as client, server.events("far", "e") as stream:
                (await client.add_remote_sender("far", ["e"])).get_signal("e").trigger("far")
                assert (await anext(stream))[1] == "far"
        await reading
        assert heard == [1]

    run(loop, main())


# -- a client that is slow


class Slow:
    """A client whose listener waits, until `go` is set, so that it does not read."""

    def __init__(self, url: str) -> None:
        self.go = threading.Event()
        self.heard: list[Any] = []
        self.client = sig.ClientRouter(url)

    def __enter__(self) -> Slow:
        self.client.start().add_remote_listener(self._hear, "own", "e")
        return self

    def __exit__(self, *exc: object) -> None:
        self.go.set()
        self.client.stop()

    def _hear(self, info: sig.Info, data: Any) -> None:
        self.go.wait(within(30))
        self.heard.append(data[0])


@pytest.mark.parametrize("carrier", ["tcp", "local"])
def test_a_slow_client_holds_triggers_back_until_it_reads_and_nothing_is_lost(
    loop: str, carrier: str, tmp_path: Path
) -> None:
    limits = sig.Limits(max_outbox=1 << 20, stall=3600)
    with Served(loop, url_of(carrier, tmp_path), limits=limits) as served:
        signal: Any = served.server.add_sender("own", ["e"]).get_signal("e")
        refused = asyncio.Event()

        async def flood(most: int) -> None:
            for number in range(most):
                if number == most - 1 or refused.is_set():
                    await signal.trigger_wait([number, "x" * 50_000])
                    continue
                try:
                    signal.trigger([number, "x" * 50_000])
                except sig.Backpressure:
                    refused.set()
                    await signal.trigger_wait([number, "x" * 50_000])
                await asyncio.sleep(0)  # what waits leaves only between turns

        with Slow(served.url) as slow:
            flooding = asyncio.run_coroutine_threadsafe(flood(1000), served.loop)  # 50 MB: more than any buffer holds
            eventually(refused.is_set)
            assert not flooding.done()
            slow.go.set()
            flooding.result(within(20))
            eventually(lambda: slow.heard == list(range(1000)))
        assert served.server.stats()["events"]["lost"] == {}


def test_a_trigger_that_would_wait_raises_and_says_what_to_do(loop: str) -> None:
    async def main() -> None:
        heard: list[Any] = []
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server, aio.ClientRouter(server.addresses[0]) as client:
            signal: Any = server.add_sender("own", ["e"]).get_signal("e")
            server.add_listener(lambda info, data: heard.append(("here", data)), "own", "e")
            await client.add_remote_listener(lambda info, data: heard.append(("there", data)), "own", "e")
            server._port.set_reading_paused(True)
            words = "event .e. of sender .own.: a client that listens is slow"
            with pytest.raises(sig.Backpressure, match=words) as told:
                signal.trigger(1)
            assert "`await signal.trigger_wait(...)`" in str(told.value)
            waiting = [asyncio.ensure_future(signal.trigger_wait(number)) for number in (2, 3)]
            for _ in range(5):
                await asyncio.sleep(0)
            assert heard == [] and not any(each.done() for each in waiting)
            server._port.set_reading_paused(False)
            await asyncio.gather(*waiting)
            await until(lambda: heard == [("here", 2), ("here", 3), ("there", 2), ("there", 3)])

    run(loop, main())


def test_on_another_thread_a_trigger_waits_for_a_slow_client_no_longer_than_it_may(loop: str) -> None:
    limits = sig.Limits(max_outbox=1 << 20, stall=0.05)
    with Served(loop, "tcp://127.0.0.1:0", limits=limits) as served:
        signal = served.server.add_sender("own", ["e"]).get_signal("e")
        with Slow(served.url) as slow:
            for number in range(300):
                signal.trigger([number, "x" * 50_000])
            slow.go.set()
            signal.trigger([300, ""])
            eventually(lambda: slow.heard and slow.heard[-1] == 300)
            assert slow.heard == sorted(slow.heard)


def test_who_waits_for_room_goes_on_when_the_server_stops(loop: str) -> None:
    async def main() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0", limits=sig.Limits(stall=3600)) as server:
            server._port.set_reading_paused(True)
            waiting = asyncio.ensure_future(server.wait_for_room())
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    run(loop, main())


# -- addresses, hooks, errors


def test_addresses_come_and_go(loop: str, url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            stays = server.addresses[0]
            there = await server.listen(url, ["json"])
            assert server.addresses == [stays, there]
            async with aio.ClientRouter(stays) as here:
                away = aio.ClientRouter(there, reconnect=None)
                await away.start()
                await until(lambda: len(server.peers) == 2)
                await server.unlisten(there)
                await until(lambda: len(server.peers) == 1 and not away.is_connected)
                assert server.addresses == [stays]
                await here.flush()
                await away.stop()
            with pytest.raises(sig.ConfigError, match="does not listen there"):
                await server.unlisten(there)
            with pytest.raises(sig.UnknownPlugin):
                await server.listen(url, ["no-such"])
            with pytest.raises(sig.ListenFailed):
                await server.listen(stays)
            with pytest.raises(sig.ConfigError):
                await server.listen("tcp://127.0.0.1:0?no=1")
            again = await server.listen(url)  # free again
            async with aio.ClientRouter(again) as back:
                await back.flush()

    run(loop, main())


@pytest.mark.parametrize("polled", [True, False])
def test_an_acceptor_that_the_program_made(loop: str, polled: bool) -> None:
    """Without a descriptor it is served by a thread, though its links can be polled."""
    acceptor = made("tcp://127.0.0.1:0") if polled else Unpolled(made("tcp://127.0.0.1:0"))
    with Served(loop) as served:
        served.server.add_sender("s", [], {"echo": lambda params: params})
        assert served.call(served.server.listen(acceptor)) == acceptor.address
        with sig.ClientRouter(acceptor.address) as client, PlainPeer(acceptor.address) as plain:
            assert client.remote_request("s", "echo", 1) == 1
            asked = {"sender": "s", "method": "echo", "params": [2]}
            assert plain.call("request", **asked) == [2]
            served.call(served.server.unlisten(acceptor.address))
            assert plain.rest() == b""
        assert served.server.addresses == []
    if isinstance(acceptor, Unpolled):
        assert acceptor.closed == 1


def test_hooks_are_told_on_the_loop(loop: str) -> None:
    told: list[Any] = []

    def sig_session_opened(client: str, codec: str) -> None:
        told.append(("opened", codec, threading.current_thread().name))

    def sig_session_closed(client: str, error: Exception) -> None:
        told.append(("closed", type(error), threading.current_thread().name))

    hooks = {"sig_session_opened": sig_session_opened, "sig_session_closed": sig_session_closed}
    plugins = Plugins()
    made = SimpleNamespace(**{key: sig.hookimpl(value) for key, value in hooks.items()})
    plugins.hook_plugins.register("audit", lambda: made)
    with Served(loop, "tcp://127.0.0.1:0", plugins=plugins) as served:
        with sig.ClientRouter(served.url):
            eventually(lambda: told == [("opened", "json", "served")])
        eventually(lambda: told[1:] == [("closed", sig.LinkClosed, "served")])
        client = sig.ClientRouter(served.url, reconnect=None).start()
        eventually(lambda: len(told) == 3)
    client.stop()
    assert told[3:] == [("closed", sig.LinkClosed, "served")]  # by the time the stop is done


def test_a_stop_leaves_no_reader_writer_or_timer(url: str) -> None:
    async def main() -> None:
        selector: Any = asyncio.get_running_loop()
        before = set(selector._selector.get_map())
        async with aio.ServerRouter(url) as server:
            own = server.add_sender("own", ["e"])
            async with aio.ClientRouter(server.addresses[0]) as client:
                await client.add_remote_listener(lambda info, data: None, "own", "e")
                own.get_signal("e").trigger("x" * 1_000_000)
                await client.flush()
            left = aio.ClientRouter(server.addresses[0], reconnect=None)
            await left.start()
        await left.stop()
        assert set(selector._selector.get_map()) == before
        assert all(handle.cancelled() for handle in selector._scheduled if "AsyncioLoop" in repr(handle))

    run("asyncio", main())


def test_errors_of_a_server_that_does_not_run(loop: str) -> None:
    async def main() -> None:
        server = aio.ServerRouter("tcp://127.0.0.1:0")
        with pytest.raises(sig.LocalProtocolError, match=r"this server is new: await start\(\) first"):
            await server.listen("tcp://127.0.0.1:0")
        with pytest.raises(sig.LocalProtocolError, match="this server is new, and listens nowhere"):
            await server.unlisten("tcp://127.0.0.1:1")
        async with server:
            with pytest.raises(sig.LocalProtocolError, match="a server starts once"):
                await server.start()
        with pytest.raises(sig.LocalProtocolError, match="this server is stopped: make another one"):
            await server.listen("tcp://127.0.0.1:0")
        with pytest.raises(sig.LocalProtocolError, match="this server is stopped"):
            await server.start()
        await server.stop()
        with pytest.raises(sig.ConfigError):
            aio.ServerRouter(7)  # type: ignore[arg-type]
        with pytest.raises(sig.ConfigError, match="max_handlers"):
            aio.ServerRouter(max_handlers=0)
        unused = aio.ServerRouter()
        await unused.stop()

    run(loop, main())


def test_a_start_that_fails_leaves_nothing(loop: str) -> None:
    async def main() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            second = aio.ServerRouter("local://first", server.addresses[0])
            with pytest.raises(sig.ListenFailed):
                await second.start()
            assert second.addresses == [] or not second._clients.peers
            async with aio.ServerRouter("local://first"):
                pass

    run(loop, main())


def test_the_threaded_server_refuses_coroutine_functions() -> None:
    async def never(*args: Any) -> None:
        raise AssertionError

    with sig.ServerRouter() as server:
        with pytest.raises(sig.ConfigError, match="coroutine function"):
            server.add_listener(never)
        with pytest.raises(sig.ConfigError, match="coroutine function"):
            server.add_sender("s", [], {"m": never})


# -- ends


@pytest.mark.parametrize("carrier", ["tcp", "unix", "local"])
def test_who_asked_before_a_stop_is_answered(loop: str, carrier: str, tmp_path: Path) -> None:
    url = url_of(carrier, tmp_path)

    async def main() -> None:
        go, inside = asyncio.Event(), asyncio.Event()

        async def answer(params: Any) -> Any:
            inside.set()
            await go.wait()
            return params

        server = await aio.ServerRouter(url).start()
        server.add_sender("s", [], {"m": answer})
        async with aio.ClientRouter(server.addresses[0], reconnect=None) as client:
            asked = [client.request_async("s", "m", number) for number in range(3)]
            await inside.wait()
            await client.flush()
            stopping = [asyncio.ensure_future(server.stop()) for _ in range(2)]
            await asyncio.sleep(0)
            go.set()
            await asyncio.gather(*stopping)
            assert [await each for each in asked] == [0, 1, 2]

    run(loop, main())


@pytest.mark.parametrize("how", ["handler", "listener"])
def test_a_callback_may_stop_its_server(loop: str, how: str) -> None:
    async def main() -> None:
        server = await aio.ServerRouter("tcp://127.0.0.1:0").start()
        stopped = asyncio.Event()

        async def stop(*args: Any) -> None:
            await server.stop()
            stopped.set()

        server.add_sender("s", [], {"stop": stop})
        server.add_listener(stop, "c", "e")
        async with aio.ClientRouter(server.addresses[0], reconnect=None) as client:
            if how == "handler":
                with pytest.raises(sig.SigError):
                    await client.remote_request("s", "stop")
            else:
                (await client.add_remote_sender("c", ["e"])).get_signal("e").trigger()
            async with asyncio.timeout(within(1)):  # much less than a callback is given
                await stopped.wait()
        await server.stop()

    run(loop, main())


def test_callbacks_that_hang_are_cancelled(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sig_core.aio.server.STOP", 0.05)

    async def main() -> None:
        ended: list[str] = []

        async def hang(*args: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("ended")

        server = await aio.ServerRouter("tcp://127.0.0.1:0", max_handlers=2).start()
        server.add_sender("s", [], {"hang": hang})
        server.add_listener(hang, "c", "e")
        async with aio.ClientRouter(server.addresses[0], reconnect=None) as client:
            asked = [client.request_async("s", "hang") for _ in range(5)]  # three of them never begin
            sender = await client.add_remote_sender("c", ["e"])
            sender.get_signal("e").trigger()
            await client.flush()
            await until(lambda: len(server._handlers._running) == 2)
            await server.stop()
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(each, sig.SigError) for each in results)
        await until(lambda: ended == ["ended"] * 3)

    run(loop, main())


def test_a_stop_ends_although_a_client_does_not_read(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sig_core.aio.server.STOP", 0.1)
    with Served(loop, "tcp://127.0.0.1:0", limits=sig.Limits(max_outbox=1 << 20, stall=0.01)) as served:
        signal = served.server.add_sender("own", ["e"]).get_signal("e")
        slow = Slow(served.url)
        slow.client = sig.ClientRouter(served.url, reconnect=None)
        with slow:
            for number in range(300):
                signal.trigger([number, "x" * 50_000])
            served.call(served.server.stop())
            assert served.server.peers == []


async def cancel_after(steps: int, call: Any) -> bool:
    """Run a coroutine for so many turns of the loop, then cancel it; tell whether it was still running."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    cancelled = task.cancel()
    await asyncio.wait([task])
    return cancelled


def test_a_start_or_listen_that_is_cancelled_leaves_nothing(loop: str, url: str) -> None:
    async def main() -> None:
        cancelled = 0
        for steps in range(8):
            server = aio.ServerRouter(url, "tcp://127.0.0.1:0")
            cancelled += await cancel_after(steps, server.start())
            await server.stop()
            await until(lambda: not sig_threads())
            async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
                cancelled += await cancel_after(steps, server.listen(url))
                await until(lambda: not [each for each in sig_threads() if each.startswith("sig-listen")])
                if len(server.addresses) == 1:
                    assert await server.listen(url)  # it was given back
        assert cancelled > 0

    run(loop, main())


def test_a_stop_or_unlisten_that_is_cancelled_is_finished_by_the_next(
    loop: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sig_core.aio.server.STOP", 0.1)

    async def main() -> None:
        cancelled = 0
        for steps in range(8):
            server = await aio.ServerRouter(url).start()
            hang = asyncio.Event()
            server.add_sender("s", [], {"hang": lambda params, hang=hang: hang.wait()})
            async with aio.ClientRouter(server.addresses[0], reconnect=None) as client:
                asked = client.request_async("s", "hang")
                await until(lambda server=server: server._handlers._running)
                if steps % 2:
                    cancelled += await cancel_after(steps // 2, server.unlisten(server.addresses[0]))
                cancelled += await cancel_after(steps, server.stop())
                await server.stop()
                with pytest.raises(sig.SigError):
                    await asked
                await until(lambda client=client: not client.is_connected)
            assert server.peers == []
            await until(lambda: not sig_threads())
        assert cancelled > 0

    run(loop, main())


def test_an_address_that_is_taken_while_the_server_stops_is_given_back(loop: str, url: str) -> None:
    async def main() -> None:
        server = await aio.ServerRouter("tcp://127.0.0.1:0").start()
        taking = asyncio.ensure_future(server.listen(url))
        await asyncio.sleep(0)
        await server.stop()
        try:
            await taking  # it may have been in time
        except sig.LocalProtocolError as error:
            assert "this server is stopped" in str(error)
        async with aio.ServerRouter(url) as again, aio.ClientRouter(again.addresses[0]) as client:
            await client.flush()

    run(loop, main())


def test_two_stops_at_once_end_together(loop: str) -> None:
    async def main() -> None:
        server = await aio.ServerRouter("tcp://127.0.0.1:0").start()
        inside, go = asyncio.Event(), asyncio.Event()

        async def answer(params: Any) -> None:
            inside.set()
            await go.wait()

        server.add_sender("s", [], {"m": answer})
        async with aio.ClientRouter(server.addresses[0], reconnect=None) as client:
            asked = client.request_async("s", "m")
            await inside.wait()
            stops = [asyncio.ensure_future(server.stop()) for _ in range(3)]
            for _ in range(5):
                await asyncio.sleep(0)
            assert not any(each.done() for each in stops)
            go.set()
            await asyncio.gather(*stops)
            assert await asked is None
            assert server.peers == []

    run(loop, main())


@pytest.mark.parametrize("name", ["request", "remove_sender", "wait_for_room"])
def test_a_cancelled_call_leaves_a_server_that_works(loop: str, name: str) -> None:
    calls: dict[str, Any] = {
        "request": lambda server, name: server.request("other", "echo", name),
        "remove_sender": lambda server, name: server.remove_sender(name),
        "wait_for_room": lambda server, name: server.wait_for_room(),
    }

    async def main() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server, aio.ClientRouter(server.addresses[0]) as client:
            await client.add_remote_sender("other", [], {"echo": lambda params: params})
            for steps in range(6):
                server.add_sender(f"s{steps}")
                await cancel_after(steps, calls[name](server, f"s{steps}"))
                assert await server.request("other", "echo", steps) == steps
            assert server.stats()["requests"]["open"] == 0

    run(loop, main())


# -- loops


def test_a_server_belongs_to_one_loop(loop: str) -> None:
    with Served(loop, "tcp://127.0.0.1:0") as served:
        server = served.server
        for call in (
            lambda: server.listen("tcp://127.0.0.1:0"),
            lambda: server.unlisten(served.url),
            lambda: server.request("s", "m"),
            server.wait_for_room,
            server.stop,
        ):
            with pytest.raises(sig.LocalProtocolError, match="started on another loop"):
                run(loop, call())
        assert len(server.addresses) == 1


def test_a_loop_that_was_closed_without_a_stop(loop: str, url: str, caplog: pytest.LogCaptureFixture) -> None:
    server = aio.ServerRouter(url)
    signal = server.add_sender("own", ["e"]).get_signal("e")

    async def begin() -> None:
        await server.start()
        signal.trigger(1)

    with caplog.at_level(logging.CRITICAL):
        run(loop, begin())
        with pytest.raises(sig.LocalProtocolError, match="nothing leaves any more: the loop of this server is closed"):
            signal.trigger(2)
        run(loop, server.stop())
    assert server._state == "stopped"
    eventually(lambda: not sig_threads())


def test_two_servers_on_two_loops_talk(loop: str) -> None:
    with Served(loop, "local://two-a") as first, Served(loop, "local://two-b") as second:
        first.server.add_sender("s", [], {"m": lambda params: params})

        async def ask() -> Any:
            async with aio.ClientRouter(first.url) as client:
                return await client.remote_request("s", "m", 5)

        assert second.call(ask()) == 5
