"""The asyncio client over links that can't be polled: packets, lossy packets, a lossy stream."""

from __future__ import annotations

import asyncio
import select
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.contract import LinkTraits
from sig_core.io.adapters import pumped
from sig_core.io.adapters.pumped import PumpedLink
from tests.support import eventually, nothing_left_behind, sig_threads, within  # noqa: F401 - a fixture

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


class Stuck:
    """A link whose send waits until it may go on."""

    traits = LinkTraits(packets=False, reliable=True)
    peer = "stuck"

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.go_on.wait(within(20))
        self.sent.append(data)

    def receive(self, timeout: float) -> Any:
        threading.Event().wait(timeout)

    def close(self) -> None:
        self.go_on.set()


@pytest.fixture
def stuck() -> Iterator[tuple[Stuck, PumpedLink]]:
    raw = Stuck()
    link = PumpedLink(raw)
    yield raw, link
    link.close()


def writable(link: PumpedLink) -> bool:
    return bool(select.select([], [link.fileno()], [], 0)[1])


def test_who_sends_too_much_is_stopped_by_the_poll(
    stuck: tuple[Stuck, PumpedLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumped, "HIGH", 1000)
    monkeypatch.setattr(pumped, "LOW", 500)
    raw, link = stuck
    assert [link.send_some(b"x" * 600) for _ in range(3)] == [600, 600, 0]
    assert not writable(link)
    raw.go_on.set()
    eventually(lambda: writable(link))
    assert link.send_some(b"y") == 1
    eventually(lambda: b"".join(raw.sent) == b"x" * 1200 + b"y")


def test_last_words_are_sent_after_a_close(stuck: tuple[Stuck, PumpedLink]) -> None:
    raw, link = stuck
    link.send_some(b"goodbye")
    link.close()
    raw.go_on.set()
    eventually(lambda: raw.sent == [b"goodbye"])
    eventually(lambda: not sig_threads())
    with pytest.raises(OSError):
        link.send_some(b"more")


def test_a_broken_link_says_so_in_both_directions() -> None:
    class Broken(Stuck):
        def send(self, data: bytes) -> None:
            raise ConnectionResetError("gone")

        def receive(self, timeout: float) -> Any:
            raise ConnectionResetError("gone")

    link = PumpedLink(Broken())
    link.send_some(b"x")

    def sends() -> bool:
        try:
            link.send_some(b"x")
        except ConnectionResetError:
            return False
        return True

    eventually(lambda: not sends())
    with pytest.raises(ConnectionResetError):
        while True:
            try:
                link.recv_into(memoryview(bytearray(10)))
            except BlockingIOError:
                threading.Event().wait(0.001)
    link.close()
