"""The asyncio client over links that can't be polled: packets, lossy packets, a lossy stream."""

from __future__ import annotations

import asyncio

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import eventually, nothing_left_behind, within  # noqa: F401 - a fixture

URLS = [
    "local://aio",
    "lossy+local://aio?drop=0.05&dup=0.05&jitter=1ms&seed=3",
    "lossy+tcp://127.0.0.1:0?drop=0.001&seed=3",
    "slow+tcp://127.0.0.1:0?delay=1ms",
]


@pytest.mark.parametrize("url", URLS)
def test_events_and_requests(url: str) -> None:
    heard: list[int] = []

    async def main(address: str) -> None:
        async with aio.ClientRouter(address, "msgpack") as one, aio.ClientRouter(address) as two:
            done = asyncio.Event()

            def hear(info: sig.Info, data: int) -> None:
                heard.append(data)
                if data == 99:
                    done.set()

            await two.add_remote_listener(hear, "s", "e")
            signal = (await one.add_remote_sender("s", ["e"], {"echo": lambda params: params})).get_signal("e")
            for number in range(100):
                signal.trigger(number)
            assert await two.remote_request("s", "echo", "x" * 100_000) == "x" * 100_000
            await asyncio.wait_for(done.wait(), within(20))

    with sig.ServerRouter(url) as server:
        asyncio.run(main(server.addresses[0]))
        eventually(lambda: server.peers == [])
    assert heard == list(range(100))


def test_a_server_that_ends_is_noticed() -> None:
    async def main() -> None:
        server = sig.ServerRouter("local://ends").start()
        try:
            client = await aio.ClientRouter("local://ends").start()
            await asyncio.to_thread(server.stop)
            with pytest.raises(sig.SigError):
                for _ in range(1000):
                    await client.remote_request("s", "m", timeout=1)
                    await asyncio.sleep(0.001)
            await client.stop()
        finally:
            server.stop()

    asyncio.run(asyncio.wait_for(main(), within(20)))
