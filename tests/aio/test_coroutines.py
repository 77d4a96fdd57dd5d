"""Coroutine functions as listeners and handlers, streams of events, and back-pressure: what asyncio alone has."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.io.client import asyncio_writer
from tests.support import nothing_left_behind, sig_threads, within  # noqa: F401 - a fixture
from tests.support.until import until

Scenario = Callable[[aio.ClientRouter, aio.ClientRouter], Awaitable[None]]


@pytest.fixture
def url() -> Iterator[str]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server.addresses[0]


def run(url: str, scenario: Scenario, **options: Any) -> None:
    """Run a scenario with two clients, `options` being those of the first."""

    async def main() -> None:
        async with aio.ClientRouter(url, **options) as one, aio.ClientRouter(url) as two:
            await scenario(one, two)

    asyncio.run(asyncio.wait_for(main(), within(30)))


# -- listeners


def test_events_of_one_subscription_stay_in_order_and_delay_no_other(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        slow: list[int] = []
        quick: list[int] = []
        go_on = asyncio.Event()

        async def dawdle(info: sig.Info, data: int) -> None:
            await go_on.wait()
            for _ in range(data % 3):
                await asyncio.sleep(0)
            slow.append(data)

        await one.add_remote_listener(dawdle, "s", "e")
        await one.add_remote_listener(lambda info, data: quick.append(data), "s", "e")
        signal = (await two.add_remote_sender("s", ["e"])).get_signal("e")
        for number in range(50):
            signal.trigger(number)
        await until(lambda: quick == list(range(50)))
        assert slow == []
        go_on.set()
        await until(lambda: slow == list(range(50)))

    run(url, scenario)


def test_one_that_raises_or_is_cancelled_goes_on(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        heard: list[int] = []

        async def listener(info: sig.Info, data: int) -> None:
            heard.append(data)
            if data == 0:
                raise ValueError("zero")
            if data == 1:
                raise asyncio.CancelledError
            if data == 2:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)

        await one.add_remote_listener(listener, "s", "e")
        signal = (await two.add_remote_sender("s", ["e"])).get_signal("e")
        for number in range(5):
            signal.trigger(number)
        await until(lambda: heard == [0, 1, 2, 3, 4])
        assert one.listener_errors == 3
        assert "ValueError: zero" in caplog.text

    run(url, scenario)


def test_one_that_is_removed_hears_nothing_that_waits(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        heard: list[int] = []
        go_on = asyncio.Event()

        async def listener(info: sig.Info, data: int) -> None:
            heard.append(data)
            await go_on.wait()

        subscription = await one.add_remote_listener(listener, "s", "e")
        signal = (await two.add_remote_sender("s", ["e"])).get_signal("e")
        for number in range(3):
            signal.trigger(number)
        await until(lambda: heard == [0])
        subscription.remove()
        go_on.set()
        await two.flush()
        await one.flush()
        assert heard == [0]

    run(url, scenario)


def test_one_that_never_ends_holds_the_events_back_and_may_not_wait_for_the_link(url: str) -> None:
    """What it can't follow waits with the server, within `max_inbound`; what it asks meanwhile fails at once."""

    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        outcome: list[Any] = []
        piled_up, go_on = asyncio.Event(), asyncio.Event()
        rest: list[int] = []

        async def listener(info: sig.Info, data: str) -> None:
            if outcome:
                rest.append(len(data))
                return
            outcome.append("begun")
            await piled_up.wait()
            try:
                await one.remote_request("s", "m", timeout=within(20))
            except sig.Overflow as error:
                outcome.append(error)
            await go_on.wait()

        await one.add_remote_listener(listener, "s", "e")
        signal = (await two.add_remote_sender("s", ["e"], {"m": lambda params: None})).get_signal("e")
        for _ in range(200):
            await signal.trigger_wait("x" * 10_000)
        await two.flush()
        await until(lambda: not one._connection.link.reader._reads)  # type: ignore[union-attr]
        piled_up.set()
        await until(lambda: len(outcome) == 2)
        assert "bytes of events came while a callback waits" in str(outcome[1])
        go_on.set()
        await until(lambda: len(rest) == 199)
        assert one.is_connected and one.lost.total() == 0

    run(url, scenario, limits=sig.Limits(max_inbound=65_536))


def test_local_events_reach_coroutine_listeners_too(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        heard: list[int] = []

        async def listener(info: sig.Info, data: int) -> None:
            heard.append(data)

        one.add_listener(listener, "local", "e")
        signal = one.add_sender("local", ["e"]).get_signal("e")
        signal.trigger(1)
        await asyncio.to_thread(signal.trigger, 2)
        await until(lambda: heard == [1, 2])

    run(url, scenario)


# -- handlers


def test_so_many_handlers_run_at_once(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        running, most = 0, 0
        go_on = asyncio.Event()

        async def handler(params: int) -> int:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await go_on.wait()
            running -= 1
            return params

        await one.add_remote_sender("s", [], {"m": handler})
        asked = [two.request_async("s", "m", n) for n in range(20)]
        await until(lambda: running == 3)
        await two.flush()
        await one.flush()
        assert most == 3
        go_on.set()
        assert await asyncio.gather(*asked) == list(range(20))
        assert most == 3

    run(url, scenario, max_handlers=3)


def test_who_asked_a_handler_that_is_cancelled_is_told_at_once(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        async def cancels_itself(params: Any) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        def raises(params: Any) -> None:
            raise asyncio.CancelledError

        await one.add_remote_sender("s", [], {"a": cancels_itself, "b": raises})
        for method in ("a", "b"):
            with pytest.raises(sig.RemoteError, match="CancelledError"):
                await two.remote_request("s", method, timeout=within(30))
        assert one.is_connected

    run(url, scenario)


@pytest.mark.parametrize("most", [0, True, 1.5])
def test_a_bad_number_of_handlers(most: Any) -> None:
    with pytest.raises(sig.ConfigError, match="max_handlers"):
        aio.ClientRouter("tcp://127.0.0.1:1", max_handlers=most)


# -- streams


def test_events_as_an_iterator(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        signal = (await two.add_remote_sender("temp", ["#changed"])).get_signal("#changed")
        async with one.events("temp", "#changed") as stream:
            for number in range(3):
                signal.trigger(number)
            got = []
            async for info, data in stream:
                got.append((info["event"], data))
                if data == 2:
                    break
            assert got == [("#changed", 0), ("#changed", 1), ("#changed", 2)]
        assert one.stats()["subscriptions"] == 0
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    run(url, scenario)


def test_a_stream_that_is_read_too_slowly_loses_the_oldest_and_counts_them(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        signal = (await two.add_remote_sender("s", ["e"])).get_signal("e")
        async with one.events("s", "e", queue=10) as stream:
            for number in range(100):
                signal.trigger(number)
            await two.flush()
            await until(lambda: stream.lost == 90)
            assert [data async for _, data in _first(stream, 10)] == list(range(90, 100))
            assert one.lost["s", "e"] == 90

    run(url, scenario)


async def _first(stream: Any, count: int) -> Any:
    for _ in range(count):
        yield await anext(stream)


def test_a_stream_that_nobody_holds_hears_no_more(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        await two.add_remote_sender("s", ["e"])
        stream = one.events("s", "e")
        waiting = asyncio.ensure_future(anext(stream))
        await until(lambda: one.stats()["subscriptions"] == 1)
        waiting.cancel()
        await asyncio.wait([waiting])
        del stream, waiting
        gc.collect()
        await until(lambda: one.stats()["subscriptions"] == 0)

    run(url, scenario)


def test_a_stream_ends_with_its_client(url: str) -> None:
    async def main() -> None:
        client = await aio.ClientRouter(url).start()
        waiting = asyncio.ensure_future(_all(client.events("s")))
        await until(lambda: client.stats()["subscriptions"] == 1)
        await client.stop()
        assert await waiting == []

    async def _all(stream: Any) -> list[Any]:
        return [each async for each in stream]

    asyncio.run(asyncio.wait_for(main(), within(20)))


def test_a_stream_says_that_the_link_does_not_come_back() -> None:
    async def main() -> None:
        server = sig.ServerRouter("tcp://127.0.0.1:0").start()
        async with aio.ClientRouter(server.addresses[0], reconnect=None) as client:
            stream = client.events("s")
            waiting = asyncio.ensure_future(anext(stream))
            await until(lambda: client.stats()["subscriptions"] == 1)
            await asyncio.to_thread(server.stop)
            with pytest.raises(sig.LinkClosed, match="no events come any more"):
                await waiting

    asyncio.run(asyncio.wait_for(main(), within(20)))


@pytest.mark.parametrize("queue", [0, True, 2.5, None])
def test_a_bad_queue(queue: Any) -> None:
    async def main() -> None:
        with pytest.raises(sig.ConfigError, match="queue"):
            aio.ClientRouter("tcp://127.0.0.1:1").events("s", queue=queue)

    asyncio.run(main())


# -- output


def test_output_is_bounded_and_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_writer, "HIGH_WATER", 10_000)

    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        heard: list[int] = []
        await two.add_remote_listener(lambda info, data: heard.append(len(data)), "s", "e")
        sender = await one.add_remote_sender("s", ["e"])
        signal = sender.get_signal("e")
        sent = 0
        with pytest.raises(sig.Backpressure, match=r"await signal\.trigger_wait"):
            while True:
                signal.trigger("x" * 100_000)
                sent += 1
        await one.wait_for_room()
        await signal.trigger_wait("y" * 100_000)
        for _ in range(50):
            await signal.trigger_wait("z" * 100_000)
        await one.flush()
        await until(lambda: len(heard) == sent + 51)
        assert one.stats()["events"]["fired"] == sent + 51

    run(url, scenario)


def test_who_waits_for_room_is_told_that_the_link_is_gone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_writer, "HIGH_WATER", 10_000)

    async def main() -> None:
        client = await aio.ClientRouter(url, reconnect=None).start()
        signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
        with pytest.raises(sig.Backpressure):
            while True:
                signal.trigger("x" * 100_000)
        waiting = asyncio.ensure_future(signal.trigger_wait(1))
        await asyncio.sleep(0)
        client._connection.link.close()  # type: ignore[union-attr]
        with pytest.raises(sig.LinkClosed):
            await waiting
        await client.stop()

    asyncio.run(asyncio.wait_for(main(), within(20)))


# -- threads and loops


@pytest.mark.parametrize("debug", [False, True])
def test_another_thread_triggers(url: str, debug: bool) -> None:
    async def main() -> None:
        heard: list[int] = []
        async with aio.ClientRouter(url) as one, aio.ClientRouter(url) as two:
            await two.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            signal = (await one.add_remote_sender("s", ["e"])).get_signal("e")

            def work() -> None:
                for number in range(1000):
                    signal.trigger(number)

            threads = [threading.Thread(target=work) for _ in range(2)]
            for thread in threads:
                thread.start()
            await until(lambda: len(heard) == 2000)
            for thread in threads:
                thread.join()

    asyncio.run(asyncio.wait_for(main(), within(30)), debug=debug)


def test_the_loop_is_closed(url: str, recwarn: pytest.WarningsRecorder) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[aio.ClientRouter, Any]:
        client = await aio.ClientRouter(url).start()
        return client, (await client.add_remote_sender("s", ["e"])).get_signal("e")

    client, signal = loop.run_until_complete(begin())
    loop.close()
    with pytest.raises(sig.LinkClosed, match="loop of its client is closed"):
        signal.trigger(1)
    with pytest.raises(sig.LinkClosed):
        signal.trigger(2)
    assert not client.is_connected


def test_another_loop_is_refused_by_name(url: str) -> None:
    first = asyncio.new_event_loop()
    client = aio.ClientRouter(url)
    first.run_until_complete(client.start())

    async def elsewhere() -> None:
        for call in (client.flush(), client.remote_request("s", "m"), client.add_remote_sender("s")):
            with pytest.raises(sig.LocalProtocolError, match="another loop"):
                await call

    asyncio.run(elsewhere())
    first.run_until_complete(client.stop())
    first.close()


def test_a_start_that_is_cancelled_while_it_dials_returns_at_once() -> None:
    dialling, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        scheme = "dawdle"

        def connect(self, address: Any) -> Any:
            dialling.set()
            go_on.wait(within(30))
            return Closes()

        def listen(self, address: Any) -> Any:
            raise OSError("nobody listens here")

    class Closes:
        traits = sig.LinkTraits(packets=False, reliable=True)
        peer = "late"

        def send(self, data: bytes) -> None: ...

        def receive(self, timeout: float) -> None:
            threading.Event().wait(timeout)

        def close(self) -> None:
            closed.set()

    plugins = sig.Plugins()
    plugins.carriers.register("dawdle", Slow)

    async def main() -> None:
        starting = asyncio.ensure_future(aio.ClientRouter("dawdle://x", plugins=plugins).start())
        await asyncio.to_thread(dialling.wait, within(20))
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(asyncio.wait_for(main(), within(20)))
    assert not closed.is_set(), "it returned although the carrier still dials"
    go_on.set()
    assert closed.wait(within(20)), "the link that came too late is closed"


def test_a_link_that_can_be_polled_costs_no_thread(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        await two.add_remote_sender("s", [], {"m": lambda params: params})
        assert await one.remote_request("s", "m", 1) == 1
        those_of_the_server = ("sig-io", "sig-dispatch", "sig-answers")
        await until(lambda: all(name.startswith(those_of_the_server) for name in sig_threads()))  # who dialled ends

    run(url, scenario)


# -- callbacks of states


def test_state_callbacks_may_be_coroutine_functions_and_stay_in_order() -> None:
    async def main() -> None:
        told: list[str] = []
        server = sig.ServerRouter("tcp://127.0.0.1:0").start()
        client = aio.ClientRouter(server.addresses[0], reconnect=None)

        async def slow(state: str, error: Any) -> None:
            await asyncio.sleep(0)
            told.append(state)
            raise ValueError("so what")

        client.on("connected", slow)
        client.on("disconnected", lambda state, error: told.append(state))
        async with client:
            await asyncio.to_thread(server.stop)
            await until(lambda: told == ["connected", "disconnected"])

    asyncio.run(asyncio.wait_for(main(), within(20)))


def test_a_sender_removes_itself_and_asks(url: str) -> None:
    async def scenario(one: aio.ClientRouter, two: aio.ClientRouter) -> None:
        sender = await one.add_remote_sender("s", ["e"], {"m": lambda params: params})
        assert await sender.request("m", 5) == 5
        assert await sender.remove() is True
        assert await two.list_remote_senders() == []

    run(url, scenario)


def test_an_interrupt_out_of_a_listener_ends_the_loop_and_loses_nothing(url: str) -> None:
    heard: list[int] = []

    def listener(info: sig.Info, data: int) -> None:
        heard.append(data)
        if data == 1:
            raise KeyboardInterrupt

    async def begin() -> aio.ClientRouter:
        client = await aio.ClientRouter(url).start()
        await client.add_remote_listener(listener, "s", "e")
        signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
        for number in range(3):
            signal.trigger(number)
        return client

    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(begin())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(until(lambda: len(heard) == 4))
    loop.run_until_complete(until(lambda: heard == [0, 1, 2]))
    loop.run_until_complete(client.stop())
    loop.close()
