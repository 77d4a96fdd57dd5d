"""The output of the asyncio client: what leaves when, what there is room for, and when it looks what is due."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from sig_core.errors import Backpressure, LinkClosed, RequestTimeout
from sig_core.io.aio.async_reply import AsyncReply
from sig_core.io.client import asyncio_writer
from sig_core.session.base import State
from sig_core.session.binary.gate import FRAMES, take_output
from tests.io.client.asyncio_rig import Rig, append, run
from tests.support import nothing_left_behind, within
from tests.support.until import until

__all__ = ["nothing_left_behind"]


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of what links send."""
    sizes: list[int] = []

    def noted(out: list[bytes]) -> bytes:
        data = take_output(out)
        if data:
            sizes.append(len(data))
        return data

    monkeypatch.setattr(asyncio_writer, "take_output", noted)
    yield sizes


def test_events_of_one_turn_leave_together(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        sends.clear()
        for _ in range(10):
            append(rig, 20)
        assert sends == [] and rig.link.writer.gathers
        await asyncio.sleep(0)
        assert sends == [200] and not rig.link.writer.gathers

    run(scenario)


def test_many_events_of_one_turn_do_not_wait_for_its_end(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        sends.clear()
        for _ in range(FRAMES):
            append(rig, 20)
        assert sends == [20 * FRAMES]
        append(rig, 100_000)
        assert sends[1:] == [100_000]

    run(scenario)


def test_a_request_leaves_at_once_and_one_on_its_heels_with_others(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        rig.clock.advance(1.0)
        sends.clear()
        for _ in range(3):
            rig.session.out.append(bytes(30))
            rig.link.writer.asked(rig.clock(), rig.clock() + 10.0)
        assert sends == [30]
        await asyncio.sleep(0)
        assert sends == [30, 60]

    run(scenario)


def test_a_link_that_takes_no_more_is_full_and_then_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_writer, "HIGH_WATER", 10_000)

    async def scenario(rig: Rig) -> None:
        while not rig.link.writer.full:
            append(rig, 100_000)
        with pytest.raises(Backpressure, match=r"socket://server: [0-9]+ bytes wait to be sent, 10000 may"):
            rig.link.writer.make_room()
        waiting = asyncio.ensure_future(rig.link.writer.wait_for_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        rig.session.close()  # the peer would not understand these bytes: they are only counted
        await until(lambda: rig.server._far.recv(1 << 20) and waiting.done())
        assert not rig.link.writer.full

    run(scenario)


def test_who_waits_for_room_is_woken_by_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_writer, "HIGH_WATER", 10_000)

    async def scenario(rig: Rig) -> None:
        while not rig.link.writer.full:
            append(rig, 100_000)
        waiting = asyncio.ensure_future(rig.link.writer.wait_for_room())
        await asyncio.sleep(0)
        rig.link.close()
        await waiting
        assert not rig.link.writer.full

    run(scenario)


def test_another_thread_adds(sends: list[int]) -> None:
    async def scenario(rig: Rig) -> None:
        sends.clear()
        thread = threading.Thread(target=append, args=(rig, 20))
        thread.start()
        await until(lambda: sends == [20])
        thread.join()

    run(scenario)


def test_a_closed_loop_refuses_by_name() -> None:
    loop = asyncio.new_event_loop()
    made: list[Rig] = []

    async def begin() -> None:
        made.append(await Rig().open())

    loop.run_until_complete(begin())
    loop.close()
    (rig,) = made
    with pytest.raises(LinkClosed, match="the loop of its client is closed"):
        append(rig, 20)
    assert rig.session.state is State.CLOSED
    rig.server.close()


def test_a_request_whose_deadline_passes_fails() -> None:
    async def scenario(rig: Rig) -> None:
        reply = AsyncReply(asyncio.get_running_loop())
        rig.session.call("sync", {}, reply.tell, 5.0)
        rig.link.writer.asked(rig.clock(), 5.0)
        rig.clock.advance(6.0)
        rig.link.writer.wake()
        with pytest.raises(RequestTimeout):
            await reply.future

    run(scenario)


def test_output_drains_before_the_end() -> None:
    async def scenario(rig: Rig) -> None:
        for _ in range(20):
            append(rig, 100_000)
        draining = asyncio.ensure_future(rig.link.writer.finish(within(10)))
        await asyncio.sleep(0)
        assert not draining.done()
        rig.session.close()
        got = 0

        def take() -> bool:
            nonlocal got
            try:
                got += len(rig.server._far.recv(1 << 20))
            except BlockingIOError:
                return draining.done()
            return False

        await until(take)
        assert got >= 2_000_000

    run(scenario)


def test_a_drain_ends_by_its_time() -> None:
    async def scenario(rig: Rig) -> None:
        for _ in range(20):
            append(rig, 100_000)
        await rig.link.writer.finish(0.01)
        assert rig.link.writer._rest or rig.session.out

    run(scenario)
