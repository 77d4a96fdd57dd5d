"""Every coroutine of the asyncio client, cancelled at each of its first steps: the client goes on, nothing waits."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.store.memory_store import MemoryStore
from tests.support import nothing_left_behind, within  # noqa: F401 - a fixture
from tests.support.until import until

Call = Callable[[aio.ClientRouter, str], Awaitable[Any]]


def hear(info: sig.Info, data: Any) -> None:
    """A listener."""


async def add_and_remove(client: aio.ClientRouter, name: str) -> None:
    await client.add_remote_sender(name)
    await client.remove_sender(name)


async def trigger(client: aio.ClientRouter, name: str) -> None:
    sender = await client.add_remote_sender(name, ["e"])
    await sender.get_signal("e").trigger_wait(1)
    await sender.remove()


async def first_event(client: aio.ClientRouter, name: str) -> None:
    sender = await client.add_remote_sender(name, ["e"])
    async with client.events(name, "e") as stream:
        sender.get_signal("e").trigger(1)
        assert (await anext(stream))[1] == 1


async def add_and_drop(client: Any, name: str) -> None:
    (await client.add_remote_listener(hear, event="e", durable=name)).remove()
    await client.drop_durable(name)


CALLS: dict[str, Call] = {
    "add_remote_sender": lambda client, name: client.add_remote_sender(name, ["e"]),
    "add_remote_senders": lambda client, name: client.add_remote_senders({f"{name}/{n}": "e" for n in range(5)}),
    "remove_sender": add_and_remove,
    "remove_remote_sender": lambda client, name: client.remove_remote_sender("nobody"),
    "list_remote_senders": lambda client, name: client.list_remote_senders(),
    "remote_senders": lambda client, name: client.remote_senders(),
    "remote_state": lambda client, name: client.remote_state(),
    "last": lambda client, name: client.last("other", "e"),
    "last_values": lambda client, name: client.last_values(),
    "add_remote_listener": lambda client, name: client.add_remote_listener(hear, "other", "e"),
    "remove_remote_listener": lambda client, name: client.remove_remote_listener(hear, "other", "e"),
    "remote_request": lambda client, name: client.remote_request("other", "echo", name),
    "request_many": lambda client, name: client.request_many([("other", "echo", name)] * 3),
    "whoami": lambda client, name: client.whoami(),
    "ledger": lambda client, name: client.ledger("other", "e"),
    "explain": lambda client, name: client.explain("anyone", "see", name),
    "request": lambda client, name: client.request("other", "echo", name),
    "request_async": lambda client, name: client.request_async("other", "echo", name),
    "durables": lambda client, name: client.durables(),
    "drop_durable": add_and_drop,
    "flush": lambda client, name: client.flush(),
    "server_stats": lambda client, name: client.server_stats(peers=True),
    "wait_for_room": lambda client, name: client.wait_for_room(),
    "trigger_wait": trigger,
    "events": first_event,
}


@pytest.fixture
def url() -> Iterator[str]:
    with sig.ServerRouter("tcp://127.0.0.1:0", store=MemoryStore()) as server:
        server.add_sender("other", ["e"], {"echo": lambda params: params})
        yield server.addresses[0]
        assert server.stats()["requests"]["open"] == 0


async def cancel_after(steps: int, call: Awaitable[Any]) -> bool:
    """Run a coroutine for so many turns of the loop, then cancel it; tell whether it was still running."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    cancelled = task.cancel()
    await asyncio.wait([task])
    return cancelled


def test_all_coroutines_are_here() -> None:
    names = {name for name, found in inspect.getmembers(aio.ClientRouter, inspect.iscoroutinefunction)}
    assert {name for name in names if name.islower() and not name.startswith("_")} - {"start", "stop"} <= set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_cancelled_call_leaves_a_client_that_works(name: str, url: str) -> None:
    async def main() -> int:
        cancelled = 0
        async with aio.ClientRouter(url) as client, aio.ClientRouter(url) as witness:
            for steps in range(8):
                cancelled += await cancel_after(steps, CALLS[name](client, f"s{steps}"))
                assert await client.remote_request("other", "echo", steps) == steps
                left = [each for each in await witness.list_remote_senders() if each != "other"]
                assert sorted(map(str, left)) == sorted(map(str, client.senders)), "here and there the same"
            for other in CALLS:
                await CALLS[other](client, f"after-{other}")
        return cancelled

    assert asyncio.run(asyncio.wait_for(main(), within(20))) > 0


def test_what_was_cancelled_can_be_done_again(url: str) -> None:
    async def main() -> None:
        async with aio.ClientRouter(url) as client:
            for steps in range(8):
                if await cancel_after(steps, client.add_remote_sender("again", ["e"])):
                    assert not client.has_sender("again")
                else:
                    await client.remove_sender("again")
            await client.add_remote_sender("again")

    asyncio.run(asyncio.wait_for(main(), within(20)))


def test_a_subscription_that_was_cancelled_hears_nothing(url: str) -> None:
    async def main() -> None:
        heard: list[Any] = []
        async with aio.ClientRouter(url) as client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            for steps in range(8):
                listening = client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
                if not await cancel_after(steps, listening):
                    break
                signal.trigger(steps)
                await client.flush()
                assert heard == [] and client.stats()["subscriptions"] == 0

    asyncio.run(asyncio.wait_for(main(), within(20)))


def test_a_cancelled_stop_and_a_cancelled_start(url: str) -> None:
    async def main() -> None:
        for steps in range(8):
            client = aio.ClientRouter(url)
            await cancel_after(steps, client.start())
            await client.stop()
            client = await aio.ClientRouter(url).start()
            await cancel_after(steps, client.stop())
            await client.stop()

    asyncio.run(asyncio.wait_for(main(), within(20)))


def test_a_client_that_is_stopped_while_it_starts(url: str) -> None:
    async def main() -> None:
        for steps in range(8):
            client = aio.ClientRouter(url)
            starting = asyncio.ensure_future(client.start())
            for _ in range(steps):
                await asyncio.sleep(0)
            await client.stop()
            await asyncio.wait([starting])
            if (error := starting.exception()) is not None:
                assert isinstance(error, sig.SigError), error
            assert not client.is_connected

    asyncio.run(asyncio.wait_for(main(), within(20)))


def test_requests_that_are_cancelled_are_not_answered_to_somebody_else(url: str) -> None:
    async def main() -> None:
        async with aio.ClientRouter(url) as client:
            for number in range(50):
                await cancel_after(number % 4, client.remote_request("other", "echo", number))
                assert await client.remote_request("other", "echo", -number) == -number
            await until(lambda: client.stats()["state"] == "connected")

    asyncio.run(asyncio.wait_for(main(), within(20)))
