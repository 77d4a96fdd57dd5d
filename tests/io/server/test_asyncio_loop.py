"""The loop of a server on asyncio: what is ready, turns and ticks, from any thread, and the end of all of it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sig_core.clock import NEVER
from sig_core.io.server.asyncio_loop import AsyncioLoop
from sig_core.io.server.poller import READ, WRITE
from tests.support import nothing_left_behind, within  # noqa: F401 - a fixture
from tests.support.served import LOOPS, run
from tests.support.until import until

LONG = 3600.0  # seconds: nothing here waits for so long


@pytest.fixture(params=LOOPS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host:
    """What a loop serves: it counts turns and ticks."""

    def __init__(self, wait: float = LONG) -> None:
        self.turns = 0
        self.ticks: list[float] = []
        self.wait = wait
        self.at_turn: Callable[[], object] = lambda: None
        self.loop = AsyncioLoop(self._turn, self._tick, "sig-io")

    def _turn(self) -> None:
        self.turns += 1
        self.at_turn()

    def _tick(self, now: float) -> float:
        self.ticks.append(now)
        return self.wait

    async def started(self) -> Host:
        """Start, and let it have its first turn."""
        self.loop.start()
        await until(lambda: self.turns >= 1)
        return self


class Watched:
    """One end of a pair of sockets, and what it was told."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.told: list[int] = []
        self.at_ready: Callable[[], object] = lambda: None

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *exc: object) -> None:
        self.ours.close()
        self.theirs.close()

    def fileno(self) -> int:
        return self.ours.fileno()

    def ready(self, events: int) -> None:
        self.told.append(events)
        if events & READ:
            self.ours.recv(100)
        self.at_ready()


async def turns_of_asyncio(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_is_ready_is_told_and_a_turn_follows(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        ahead: list[bool] = []
        with Watched() as watched:
            watched.at_ready = lambda: ahead.append(host.loop.has_turn_ahead)
            host.loop.watch(watched, READ)
            for number in range(1, 4):
                watched.theirs.send(b"x")
                await until(lambda: len(watched.told) == number and host.turns == number + 1)  # noqa: B023
            assert watched.told == [READ] * 3 and ahead == [True] * 3
            host.loop.change(watched, READ | WRITE)
            await until(lambda: WRITE in watched.told)
            host.loop.change(watched, READ)
            await turns_of_asyncio()
            before = len(watched.told)
            await turns_of_asyncio()
            assert len(watched.told) == before
            host.loop.unwatch(watched)
            watched.theirs.send(b"x")
            await turns_of_asyncio()
            assert len(watched.told) == before
            host.loop.unwatch(watched)  # again: nothing
            host.loop.stop()

    run(kind, main())


def test_who_is_unwatched_by_another_in_the_same_turn_is_not_told(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        with Watched() as one, Watched() as two:
            for each, other in ((one, two), (two, one)):
                each.at_ready = lambda other=other: host.loop.unwatch(other)
                host.loop.watch(each, READ)
                each.theirs.send(b"x")
            await until(lambda: one.told or two.told)
            await turns_of_asyncio()
            assert len(one.told) + len(two.told) == 1
            host.loop.stop()

    run(kind, main())


def test_who_fails_is_told_of_and_takes_nothing_along(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        host = await Host().started()
        with Watched() as watched:
            watched.at_ready = lambda: 1 / 0
            host.loop.watch(watched, READ)
            for number in range(1, 3):
                watched.theirs.send(b"x")
                await until(lambda: len(watched.told) == number)  # noqa: B023 - it is over before the next
            host.loop.post(lambda: [][0])
            await turns_of_asyncio()
            host.loop.unwatch(watched)
        before = host.turns
        failing = iter([True])

        def fail() -> None:
            for _ in failing:
                raise KeyError("turn")

        host.at_turn = fail
        host.loop.wake()
        await until(lambda: host.turns == before + 2)  # the one that was promised comes again
        host.loop.stop()

    run(kind, main())
    assert caplog.text.count("ZeroDivisionError") == 2
    assert "IndexError" in caplog.text and "KeyError: 'turn'" in caplog.text


def test_turns_are_taken_once_for_all_who_ask(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        for _ in range(10):
            host.loop.wake()
        assert host.turns == 1  # not at once
        await turns_of_asyncio()
        assert host.turns == 2
        host.at_turn = lambda: host.turns < 5 and host.loop.wake()  # who asks during a turn gets another one
        host.loop.wake()
        await until(lambda: host.turns == 5)
        host.loop.stop()

    run(kind, main())


def test_other_threads_wake_it_and_post(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        came: list[Any] = []

        def other() -> None:
            assert not host.loop.is_current()
            for number in range(100):
                host.loop.post(lambda number=number: came.append((number, threading.current_thread() is mine)))
            host.loop.wake()

        mine = threading.current_thread()
        assert host.loop.is_current()
        await asyncio.to_thread(other)
        await until(lambda: len(came) == 100 and host.turns == 2)
        assert came == [(number, True) for number in range(100)]
        host.loop.stop()

    run(kind, main())


def test_what_came_before_the_start_is_done_then(kind: str) -> None:
    async def main() -> None:
        host = Host()
        came: list[int] = []
        host.loop.post(lambda: came.append(1))
        host.loop.wake()
        host.loop.tick_at(0.0)
        await turns_of_asyncio()
        assert came == [] and host.turns == 0
        host.loop.start()
        await until(lambda: came == [1] and host.turns >= 1 and len(host.ticks) == 1)
        host.loop.stop()

    run(kind, main())


def test_ticks_come_when_they_are_due(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        assert len(host.ticks) == 1
        when = time.monotonic() + 0.03
        host.loop.tick_at(when)
        host.loop.tick_at(when + LONG)
        await until(lambda: len(host.ticks) == 2)
        assert host.ticks[1] >= when
        host.loop.tick_soon()
        await until(lambda: len(host.ticks) == 3)
        host.wait = 0.01
        host.loop.tick_soon()
        await until(lambda: len(host.ticks) >= 8)  # by itself
        host.wait = NEVER
        await until(lambda: host.loop._next_tick == NEVER)
        before = len(host.ticks)
        await asyncio.to_thread(host.loop.tick_at, 0.0)
        await until(lambda: len(host.ticks) > before)
        host.loop.stop()

    run(kind, main())


def test_after_the_end_nothing_is_polled_and_no_turn_is_taken_but_what_is_posted_is_called(kind: str) -> None:
    async def main() -> None:
        host = await Host(0.001).started()
        with Watched() as watched:
            host.loop.watch(watched, READ | WRITE)
            host.loop.wake()
            host.loop.stop()
            turns, ticks = host.turns, len(host.ticks)
            watched.theirs.send(b"x")
            came: list[int] = []
            host.loop.post(lambda: came.append(1))
            host.loop.wake()
            host.loop.tick_soon()
            await until(lambda: came == [1])
            await turns_of_asyncio()
            assert (host.turns, len(host.ticks), watched.told) == (turns, ticks, [])
            host.loop.unwatch(watched)

    run(kind, main())


def test_a_later_call(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        came = asyncio.Event()
        began = time.monotonic()
        host.loop.run_later(0.02, came.set)
        async with asyncio.timeout(within(5)):
            await came.wait()
        assert time.monotonic() - began >= 0.015
        host.loop.stop()

    run(kind, main())


def test_a_closed_loop_takes_no_more_and_nobody_hangs(kind: str) -> None:
    host = Host()
    with Watched() as watched:

        async def begin() -> None:
            await host.started()
            host.loop.watch(watched, READ)

        run(kind, begin())
        host.loop.wake()
        host.loop.post(lambda: None)
        thread = threading.Thread(target=lambda: host.loop.post(lambda: None))
        thread.start()
        thread.join(within(5))
        assert not thread.is_alive()
        host.loop.unwatch(watched)
        host.loop.stop()
        assert host.turns == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_touch_the_loop_of_its_parent(kind: str) -> None:
    async def main() -> None:
        host = await Host().started()
        with Watched() as watched:
            host.loop.watch(watched, READ)
            child = os.fork()
            if child == 0:
                host.loop.abandon()
                host.loop.unwatch(watched)
                watched.ours.close()
                host.loop.post(lambda: None)
                host.loop.wake()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            watched.theirs.send(b"x")
            await until(lambda: watched.told == [READ])
            host.loop.stop()

    run(kind, main())
