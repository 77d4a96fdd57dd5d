"""The port of a server's own program on asyncio: so much work a turn, and who feeds it is paused when it lags."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import sig_core
from sig_core.io.aio.coroutine_listener import CoroutineListeners
from sig_core.io.server import asyncio_port
from sig_core.io.server.asyncio_port import AsyncioPort
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame
from sig_core.routing.entities import Subscription
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.ports import RequestBatch, Run

PAYLOAD = b'"' + b"x" * 998 + b'"'
FRAME = event_frame(1, PAYLOAD)


class Feeder:
    reading_paused = False

    def set_reading_paused(self, on: bool) -> None:
        self.reading_paused = on


class Program:
    """A port whose turns the test takes, fed by one client."""

    def __init__(self, **limits: Any) -> None:
        self.posted: list[Callable[[], None]] = []
        self.targets: list[Subscription] = []
        self.requests: list[int] = []
        self.lost: list[Any] = []
        self.failed: list[Any] = []
        self.lock = threading.Lock()
        self.feeder = Feeder()
        self.flow_control = FlowControl()
        self.listeners = CoroutineListeners(
            lambda callback, info, error: self.failed.append(error),
            lambda info: self.lost.append(info["event"]),
            lambda: self.port.settle_up(),
        )
        self.port = AsyncioPort(
            sig_core.default_plugins().codecs.get,
            Limits(**limits),
            self.lock,
            self.flow_control,
            lambda sender, event: tuple(self.targets),
            lambda token, batch, params: self.requests.append(token),
            lambda callback, info, error: self.failed.append(error),
            post=self.posted.append,
            listeners=self.listeners,
            note_lost=lambda *what: self.lost.append(what),
        )

    def listen(self, callback: Callable[[Any, Any], object]) -> None:
        made = Subscription(callback, ("s", "e"), lambda subscription: None)
        self.targets.append(self.listeners.adopt(made))

    def deliver(self, count: int = 1, now: float = 0.0) -> None:
        for _ in range(count):
            with self.lock:
                self.port.deliver(Run(1, "json", 1, FRAME), "s", "e")
                if self.port.is_slow(now):
                    self.flow_control.pause_feeder(self.port, self.feeder)  # type: ignore[arg-type]

    def turn(self) -> int:
        """Take what is posted; give how much that was."""
        posted, self.posted[:] = list(self.posted), []
        for function in posted:
            function()
        return len(posted)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn runs all jobs, however busy the machine is."""
    monkeypatch.setattr(asyncio_port, "TURN", 3600.0)


def test_one_turn_runs_no_more_jobs_than_fit_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_port, "TURN", 0.0)
    program, heard = Program(), []
    program.listen(lambda info, data: heard.append(data))
    program.deliver(5)
    for number in range(1, 6):
        assert program.turn() == 1 and len(heard) == number
    program.turn()
    assert program.turn() == 0 and program.port.is_idle()


def test_events_and_requests_keep_their_order_and_answers_come_first() -> None:
    program, heard = Program(), []
    program.listen(lambda info, data: heard.append("event"))
    batch = RequestBatch(1, "own", "m", "json", {7: b"\x01mnull"})
    program.deliver(2)
    with program.lock:
        assert program.port.request(batch) == []
    program.deliver(1)
    program.port.later(lambda: heard.append("answer"))
    program.turn()
    assert (heard, program.requests) == (["answer", "event", "event", "event"], [7])


def test_a_job_that_fails_is_told_of_and_the_next_runs(caplog: pytest.LogCaptureFixture) -> None:
    program, heard = Program(), []

    def fail(error: BaseException) -> Any:
        def job(*args: Any) -> None:
            raise error

        return job

    program.port.later(fail(ValueError("first")))
    program.port.later(fail(SystemExit(1)))
    program.port.later(lambda: heard.append(1))
    program.listen(fail(asyncio.CancelledError()))
    program.listen(fail(KeyboardInterrupt()))
    program.listen(lambda info, data: heard.append(2))
    program.deliver()
    program.turn()
    assert heard == [1, 2] and "ValueError: first" in caplog.text
    assert [type(error) for error in program.failed] == [asyncio.CancelledError, KeyboardInterrupt]


def test_an_interrupt_of_a_job_ends_the_loop_and_the_rest_is_done_when_it_runs_again() -> None:
    program, heard = Program(), []

    def interrupted() -> None:
        raise KeyboardInterrupt

    program.port.later(interrupted)
    program.port.later(lambda: heard.append(1))
    with pytest.raises(KeyboardInterrupt):
        program.turn()
    program.turn()
    assert heard == [1]


def test_who_feeds_a_coroutine_listener_that_lags_is_paused_until_it_has_caught_up() -> None:
    async def main() -> None:
        program, gate, heard = Program(max_inbound=10_000, stall=3600.0), asyncio.Event(), []

        async def listen(info: Any, data: Any) -> None:
            await gate.wait()
            heard.append(data)

        program.listen(listen)
        program.deliver(4)
        program.turn()
        await asyncio.sleep(0)
        assert program.listeners.waiting == 4 * len(PAYLOAD) and not program.feeder.reading_paused
        program.deliver(5)  # what was taken before counts when more comes
        program.turn()
        program.deliver(1)
        assert program.feeder.reading_paused
        gate.set()
        program.turn()
        while len(heard) < 10:
            assert program.feeder.reading_paused or len(heard) > 4
            await asyncio.sleep(0)
        assert not program.feeder.reading_paused and program.listeners.waiting == 0
        assert program.lost == []
        await program.listeners.stop(1)

    asyncio.run(main())


def test_a_pause_ends_with_its_time_and_the_listener_that_lags_loses_events() -> None:
    async def main() -> None:
        program = Program(max_inbound=10_000, stall=1.0)

        async def never(info: Any, data: Any) -> None:
            await asyncio.Event().wait()

        program.listen(never)
        for _ in range(9):
            program.deliver()
            program.turn()
        assert program.feeder.reading_paused
        with program.lock:
            program.flow_control.tick(0.9)
        assert program.feeder.reading_paused
        with program.lock:
            program.flow_control.tick(1.0)
        assert not program.feeder.reading_paused
        for _ in range(5):
            program.deliver(now=2.0)
            program.turn()
        assert not program.feeder.reading_paused  # one pause an episode
        assert program.lost == ["e"] * 4
        await program.listeners.stop(0)

    asyncio.run(main())


def test_requests_that_wait_for_their_handlers_count_too() -> None:
    program = Program(max_inbound=10_000, stall=3600.0)
    program.port.begin_request(8_000)
    program.deliver()
    assert program.feeder.reading_paused
    program.port.end_request(8_000)
    assert not program.feeder.reading_paused


def test_what_is_dropped_from_the_queue_is_told_on_the_loop() -> None:
    program = Program(max_inbound=4_096, stall=0.0)
    program.deliver(10)
    assert program.lost == []
    program.turn()
    assert sum(count for _, _, count in program.lost) == 10 - program.port.traffic.delivered > 0
    assert {what[:2] for what in program.lost} == {("s", "e")}


def test_room_is_waited_for() -> None:
    async def main() -> None:
        program = Program()
        await program.port.wait_for_room()
        program.port.set_reading_paused(True)
        waiting = [asyncio.ensure_future(program.port.wait_for_room()) for _ in range(2)]
        await asyncio.sleep(0)
        program.port.set_reading_paused(False)
        program.port.set_reading_paused(True)  # again, before the loop has seen it
        program.turn()
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        program.port.open_flow()
        await asyncio.gather(*waiting)

    asyncio.run(main())


def test_a_closed_one_calls_nobody_but_who_asked() -> None:
    program, heard = Program(), []
    program.listen(lambda info, data: heard.append("event"))
    program.deliver(3)
    program.port.later(lambda: heard.append("answer"))
    program.port.close()
    program.turn()
    assert heard == ["answer"] and program.port.is_told()
