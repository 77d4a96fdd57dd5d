"""What once went wrong on asyncio, each as small as it shows."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import nothing_left_behind, within  # noqa: F401 - a fixture
from tests.support.until import until


@pytest.fixture
def url() -> Iterator[str]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server.addresses[0]


def run(main: Any) -> Any:
    return asyncio.run(asyncio.wait_for(main, within(30)))


def test_a_program_that_ends_without_a_stop_is_not_kept_by_its_listeners(url: str) -> None:
    async def main() -> None:
        client = await aio.ClientRouter(url).start()
        entered = asyncio.Event()

        async def hang(info: sig.Info, data: Any) -> None:
            entered.set()
            await asyncio.Event().wait()

        await client.add_remote_listener(hang, "s", "e")
        signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
        for number in range(3):
            signal.trigger(number)
        await entered.wait()
        client._connection.link.cut()  # type: ignore[union-attr] # so that nothing is left behind
        raise KeyError("the program fails")

    def program() -> None:
        with pytest.raises(KeyError):
            asyncio.run(main())

    ended = threading.Thread(target=program, daemon=True)
    ended.start()
    ended.join(within(20))
    assert not ended.is_alive()


def test_a_second_stop_waits_for_the_first_and_loses_nothing(url: str) -> None:
    async def main() -> None:
        heard: list[int] = []
        async with aio.ClientRouter(url) as other:
            await other.add_remote_listener(lambda info, data: heard.append(len(data)), "s", "e")
            client = await aio.ClientRouter(url).start()
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            sent = 0
            with pytest.raises(sig.Backpressure):
                while True:
                    signal.trigger("x" * 50_000)
                    sent += 1
            await asyncio.gather(client.stop(), client.stop(), client.stop())
            await until(lambda: len(heard) == sent)

    run(main())


def test_a_stop_leaves_no_task_and_the_asker_is_told(url: str) -> None:
    async def main() -> None:
        async def forever(params: Any) -> None:
            await asyncio.Event().wait()

        before = asyncio.all_tasks()
        async with aio.ClientRouter(url) as other:
            client = await aio.ClientRouter(url).start()
            await client.add_remote_sender("s", [], {"m": forever})
            asked = other.request_async("s", "m")
            await until(lambda: client._handlers._running)
            await client.stop()
            with pytest.raises(sig.RemoteError, match="CancelledError"):
                await asked
        assert asyncio.all_tasks() == before

    run(main())


def test_what_a_listener_set_is_not_seen_by_handlers(url: str) -> None:
    mine: ContextVar[str] = ContextVar("mine", default="nobody's")
    seen: list[str] = []

    async def main() -> None:
        limits = sig.Limits(max_inbound=65_536)
        async with aio.ClientRouter(url, limits=limits) as client, aio.ClientRouter(url) as other:
            go_on = asyncio.Event()

            async def listen(info: sig.Info, data: Any) -> None:
                mine.set("the listener's")
                await go_on.wait()

            await client.add_remote_listener(listen, "s", "e")
            await client.add_remote_sender("asked", [], {"m": lambda params: seen.append(mine.get())})
            signal = (await other.add_remote_sender("s", ["e"])).get_signal("e")
            for _ in range(20):
                signal.trigger("x" * 10_000)
            await other.flush()
            await until(lambda: not client._connection.link.reader._reads)  # type: ignore[union-attr]
            go_on.set()
            await until(lambda: client._connection.link.reader._reads)  # type: ignore[union-attr]
            await other.remote_request("asked", "m")
        assert seen == ["nobody's"]

    run(main())


def test_a_hung_listener_that_is_removed_lets_the_client_read_again(url: str) -> None:
    async def main() -> None:
        async with (
            aio.ClientRouter(url, limits=sig.Limits(max_inbound=65_536)) as client,
            aio.ClientRouter(url) as other,
        ):

            async def hang(info: sig.Info, data: Any) -> None:
                await asyncio.Event().wait()

            subscription = await client.add_remote_listener(hang, "s", "e")
            signal = (await other.add_remote_sender("s", ["e"])).get_signal("e")
            for _ in range(20):
                signal.trigger("x" * 10_000)
            await other.flush()
            await until(lambda: not client._connection.link.reader._reads)  # type: ignore[union-attr]
            subscription.remove()
            assert await client.list_remote_senders() == ["s"]

    run(main())


def test_requests_that_wait_for_a_handler_are_bounded(url: str) -> None:
    async def main() -> None:
        limits = sig.Limits(max_inbound=65_536)
        async with aio.ClientRouter(url, limits=limits, max_handlers=1) as client, aio.ClientRouter(url) as other:
            go_on = asyncio.Event()

            async def slow(params: Any) -> int:
                await go_on.wait()
                return len(params)

            await client.add_remote_sender("s", [], {"m": slow})
            asked = [other.request_async("s", "m", "x" * 10_000) for _ in range(50)]
            await until(lambda: not client._connection.link.reader._reads)  # type: ignore[union-attr]
            assert client._handlers.waiting < 200_000
            go_on.set()
            assert await asyncio.gather(*asked) == [10_000] * 50

    run(main())


def test_the_end_of_streams_waits_for_no_callback(url: str) -> None:
    async def main() -> None:
        server = sig.ServerRouter("tcp://127.0.0.1:0").start()
        reconnect = sig.Reconnect(first=0.01, most=0.01, attempts=2)
        async with aio.ClientRouter(server.addresses[0], reconnect=reconnect) as client:
            forever = asyncio.Event()

            async def wait(state: str, error: Any) -> None:
                await forever.wait()

            client.on("disconnected", wait)
            step = asyncio.ensure_future(anext(client.events("s")))
            await until(lambda: client.stats()["subscriptions"] == 1)
            await asyncio.to_thread(server.stop)
            with pytest.raises(sig.LinkClosed, match="no events come any more"):
                await step
            forever.set()

    run(main())


def test_a_stream_hears_at_once_what_a_thread_triggers() -> None:
    async def main() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            signal = server.add_sender("s", ["e"]).get_signal("e")
            async with server.events("s", "e") as stream:
                for number in range(20):
                    await asyncio.to_thread(signal.trigger, number)
                    assert (await anext(stream))[1] == number

    asyncio.run(asyncio.wait_for(main(), within(30)), debug=True)


def test_a_stream_in_a_cycle_is_collected_under_any_lock(url: str) -> None:
    class Holder:
        stream: Any

    async def main() -> None:
        async with aio.ClientRouter(url) as client:
            holder = Holder()
            holder.stream = client.events("s")
            holder.stream.holder = holder
            step = asyncio.ensure_future(anext(holder.stream))
            await until(lambda: client.stats()["subscriptions"] == 1)
            step.cancel()
            await asyncio.wait([step])
            del holder, step
            with client._lock:
                gc.collect()
            await until(lambda: client.stats()["subscriptions"] == 0)

    run(main())


def test_a_second_start_on_another_loop_changes_nothing(url: str) -> None:
    loop = asyncio.new_event_loop()
    heard: list[int] = []

    async def listen(info: sig.Info, data: int) -> None:
        heard.append(data)

    async def begin() -> tuple[aio.ClientRouter, Any]:
        client = await aio.ClientRouter(url).start()
        await client.add_remote_listener(listen, "s", "e")
        return client, (await client.add_remote_sender("s", ["e"])).get_signal("e")

    client, signal = loop.run_until_complete(begin())
    with pytest.raises(sig.LocalProtocolError, match="starts once"):
        asyncio.run(client.start())
    signal.trigger(1)
    loop.run_until_complete(until(lambda: heard == [1]))
    with pytest.raises(sig.LocalProtocolError, match="another loop"):
        asyncio.run(client.stop())
    loop.run_until_complete(client.stop())
    loop.close()


def test_a_stop_after_the_loop_was_closed(url: str) -> None:
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(aio.ClientRouter(url).start())
    loop.close()
    asyncio.run(client.stop())
    assert client.stats()["state"] == "stopped" and not client.is_connected


def test_a_thread_that_triggers_meets_the_bound_though_the_loop_is_busy(url: str) -> None:
    async def main() -> None:
        async with aio.ClientRouter(url) as client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            met = threading.Event()

            def work() -> None:
                with pytest.raises(sig.Backpressure):
                    for _ in range(10_000):
                        signal.trigger("x" * 20_000)
                met.set()

            thread = threading.Thread(target=work)
            thread.start()
            met.wait(within(20))  # the loop does nothing meanwhile
            thread.join()
            assert met.is_set()

    run(main())
