"""The asyncio client against the synchronous server."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

import sig_core as sig
from sig_core import aio

WITHIN = 10.0  # seconds; only a failure takes so long


@pytest.fixture(params=["tcp", "unix"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    addresses = {"tcp": "tcp://127.0.0.1:0", "unix": f"unix://{tmp_path_factory.mktemp('aio') / 's.sock'}"}
    with sig.ServerRouter(addresses[request.param]) as server:
        yield server.addresses[0]


async def until(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), WITHIN)


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
def test_events_and_requests_with_the_synchronous_client(url: str, codec: str) -> None:
    class Handler:
        async def double(self, params: int) -> int:
            await asyncio.sleep(0)
            return params * 2

        def fail(self, params: object) -> None:
            raise ValueError("no")

    async def main(peer: sig.ClientRouter) -> None:
        heard: list[object] = []
        done = asyncio.Event()

        def listen(info: sig.Info, data: object) -> None:
            heard.append((info["event"], data))
            if info["event"] == "last":
                done.set()

        async with aio.ClientRouter(url, codec) as client:
            await client.add_remote_listener(listen, "sync")
            mine = await client.add_remote_sender("async", ["#e"], Handler())
            back = threading.Event()
            peer.add_remote_listener(lambda info, data: back.set() if data == {"n": 1} else None, "async", "#e")
            theirs = peer.add_remote_sender("sync", ["first", "last"], {"echo": lambda params: params})
            for event in ("first", "last"):
                theirs.get_signal(event).trigger([event, 1.5, None])
            peer.flush()
            await until(done)
            assert heard[-2:] == [("first", ["first", 1.5, None]), ("last", ["last", 1.5, None])]
            mine.get_signal("#e").trigger({"n": 1})
            await client.flush()
            assert await asyncio.to_thread(back.wait, WITHIN)
            assert await client.remote_request("sync", "echo", {"a": [1]}) == {"a": [1]}
            assert await asyncio.to_thread(peer.remote_request, "async", "double", 21) == 42
            with pytest.raises(sig.RemoteError, match="ValueError: no"):
                await asyncio.to_thread(peer.remote_request, "async", "fail")

    with sig.ClientRouter(url, "json") as peer:
        asyncio.run(main(peer))


def test_refusals_are_the_errors_of_the_synchronous_client(url: str) -> None:
    async def main() -> None:
        async with aio.ClientRouter(url) as client:
            with pytest.raises(sig.UnknownSender):
                await client.remote_request("nobody", "x")
            await client.add_remote_sender("taken", [])
            async with aio.ClientRouter(url) as other:
                with pytest.raises(sig.SenderExists):
                    await other.add_remote_sender("taken", ["e"])
                assert not other.has_sender("taken")
            sender = await client.add_remote_sender("own", ["e"])
            with pytest.raises(sig.EncodeError):
                sender.get_signal("e").trigger({1, 2})
        with pytest.raises(sig.LinkClosed):
            sender.get_signal("e").trigger(1)
        with pytest.raises(sig.SigError):
            await client.flush()

    asyncio.run(main())


def test_timeout_and_cancel_leave_nothing_waiting(url: str) -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def slow(params: object) -> str:
            await release.wait()
            return "late"

        async with aio.ClientRouter(url) as client, aio.ClientRouter(url) as server:
            await server.add_remote_sender("s", [], {"slow": slow})
            with pytest.raises(sig.RequestTimeout):
                await client.remote_request("s", "slow", timeout=0.05)
            asked = asyncio.create_task(client.remote_request("s", "slow"))
            await client.flush()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            release.set()
            assert await client.remote_request("s", "slow") == "late"

    asyncio.run(main())


def test_subscriptions_end_and_begin_again(url: str) -> None:
    async def main() -> None:
        async with aio.ClientRouter(url) as client:
            sender = await client.add_remote_sender("s", ["e"])
            heard: list[int] = []
            first = await client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            again = await client.add_remote_listener(lambda info, data: heard.append(-data), "s", "e")
            sender.get_signal("e").trigger(1)
            await client.flush()
            first.remove()
            sender.get_signal("e").trigger(2)
            await client.flush()
            again.remove()
            sender.get_signal("e").trigger(3)
            await client.flush()
            last = asyncio.Event()
            await client.add_remote_listener(lambda info, data: last.set(), "s", "e")
            sender.get_signal("e").trigger(4)
            await until(last)
            assert heard == [1, -1, -2]

    asyncio.run(main())


def test_server_stop_fails_what_waits(tmp_path_factory: pytest.TempPathFactory) -> None:
    async def main() -> None:
        server = sig.ServerRouter("tcp://127.0.0.1:0").start()
        client = await aio.ClientRouter(server.addresses[0]).start()
        never = asyncio.Event()

        async def wait(params: object) -> None:
            await never.wait()

        await client.add_remote_sender("s", [], {"wait": wait})
        asked = asyncio.create_task(client.remote_request("s", "wait"))
        await client.flush()
        await asyncio.to_thread(server.stop)
        with pytest.raises(sig.OutcomeUnknown):
            await asked
        never.set()
        await client.stop()

    asyncio.run(main())


def test_connect_fails_and_bad_use(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with pytest.raises(sig.ConnectFailed, match="is a server running"):
            await aio.ClientRouter("tcp://127.0.0.1:1").start()
        with pytest.raises(sig.LocalProtocolError, match="not started"):
            await aio.ClientRouter("tcp://127.0.0.1:1").flush()

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(main())


def test_who_asked_before_a_stop_is_answered(url: str) -> None:
    async def main(peer: sig.ClientRouter) -> list[object]:
        all_run, go_on, running = asyncio.Event(), asyncio.Event(), 0

        async def answer(params: object) -> object:
            nonlocal running
            running += 1
            if running == 3:
                all_run.set()
            await go_on.wait()
            return params

        client = await aio.ClientRouter(url).start()
        await client.add_remote_sender("s", [], {"m": answer})
        futures = [peer.request_async("s", "m", n) for n in range(3)]
        await until(all_run)
        stopping = asyncio.ensure_future(client.stop())
        await asyncio.sleep(0)
        go_on.set()
        await stopping
        return [await asyncio.wrap_future(future) for future in futures]

    with sig.ClientRouter(url) as peer:
        assert asyncio.run(asyncio.wait_for(main(peer), WITHIN)) == [0, 1, 2]


def test_a_handler_may_stop_its_client(url: str) -> None:
    async def main(peer: sig.ClientRouter) -> None:
        client = await aio.ClientRouter(url).start()
        await client.add_remote_sender("s", [], {"stop": lambda params: client.stop()})
        with pytest.raises(sig.OutcomeUnknown):
            await asyncio.wrap_future(peer.request_async("s", "stop"))

    with sig.ClientRouter(url) as peer:
        asyncio.run(asyncio.wait_for(main(peer), WITHIN))
