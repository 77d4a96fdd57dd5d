"""Every coroutine of the asyncio client, cancelled at each of its first steps: the client goes on, nothing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import within

Call = Callable[[aio.ClientRouter, str], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "add_remote_sender": lambda client, name: client.add_remote_sender(name, ["e"]),
    "add_remote_listener": lambda client, name: client.add_remote_listener(lambda info, data: None, "other", "e"),
    "remote_request": lambda client, name: client.remote_request("other", "echo", name),
    "flush": lambda client, name: client.flush(),
}


async def cancel_after(steps: int, call: Awaitable[Any]) -> bool:
    """Run a coroutine for so many turns of the loop, then cancel it; tell whether it was still running."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    cancelled = task.cancel()
    await asyncio.wait([task])
    return cancelled


@pytest.mark.parametrize("name", CALLS)
def test_a_cancelled_call_leaves_a_client_that_works(name: str) -> None:
    async def main() -> int:
        cancelled = 0
        async with aio.ClientRouter(server.addresses[0]) as client:
            for steps in range(6):
                cancelled += await cancel_after(steps, CALLS[name](client, f"s{steps}"))
                assert await client.remote_request("other", "echo", steps) == steps
            for other in CALLS:
                await CALLS[other](client, f"after-{other}")
        return cancelled

    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_sender("other", ["e"], {"echo": lambda params: params})
        assert asyncio.run(asyncio.wait_for(main(), within(20))) > 0
        assert server.stats()["requests"]["open"] == 0


def test_a_cancelled_stop_and_a_cancelled_start() -> None:
    async def main() -> None:
        for steps in range(6):
            client = aio.ClientRouter(server.addresses[0])
            await cancel_after(steps, client.start())
            await client.stop()
            client = await aio.ClientRouter(server.addresses[0]).start()
            await cancel_after(steps, client.stop())
            await client.stop()

    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        asyncio.run(asyncio.wait_for(main(), within(20)))
