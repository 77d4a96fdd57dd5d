"""The input of the asyncio client: turns, pauses, silence, and the order in which callbacks run."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from sig_core.errors import Overflow
from sig_core.protocol.wire import event_frame
from sig_core.session.binary.reports import Closed, Events, Gap, RequestsReceived
from tests.io.client.asyncio_rig import Rig, ask, run
from tests.support import nothing_left_behind, within
from tests.support.until import until

__all__ = ["nothing_left_behind"]


def events(*values: int, event: str = "e") -> Events:
    """A run, as it comes."""
    return Events("s", event, len(values), b"".join(event_frame(1, str(value).encode()) for value in values))


# -- turns: a callback that takes 1 ms, by the clock of the test


def slow(rig: Rig, heard: list[Any]) -> None:
    """Have a listener that takes 1 ms."""

    def listener(info: Any, data: Any) -> None:
        rig.clock.advance(0.001)
        heard.append(data)

    rig.hear(listener)


async def turns(heard: list[Any], total: int) -> list[int]:
    """Let the loop turn until all is heard; return how much more of it was after each turn."""
    counts, before = [], 0
    while before < total:
        counts.append(len(heard) - before)
        before = len(heard)
        await asyncio.sleep(0)
    return counts


def test_a_slow_listener_leaves_others_their_turns() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[int] = []
        slow(rig, heard)
        rig.link.reader.take([events(*range(40)), events(*range(40, 100))])
        assert len(heard) == 7  # the first, two more, four more: 7 ms
        assert max(await turns(heard, 100)) <= 8
        assert heard == list(range(100))

    run(scenario)


def test_many_short_runs_are_no_long_turn() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[int] = []
        slow(rig, heard)
        rig.link.reader.take([events(number, event=str(number % 2)) for number in range(100)])
        assert max(await turns(heard, 100)) <= 8
        assert heard == list(range(100))

    run(scenario)


def test_requests_that_came_together_are_no_long_turn() -> None:
    async def scenario(rig: Rig) -> None:
        asked: list[int] = []

        def call(report: Any, method: str, params: bytes) -> None:
            rig.clock.advance(0.001)
            asked.append(int(method))

        rig.link.reader._inbound = Calls(call)  # type: ignore[assignment]
        together = deque((number, str(number), b"") for number in range(50))
        rig.link.reader.take([RequestsReceived(7, "mine", together)])
        assert max(await turns(asked, 50)) <= 8
        assert asked == list(range(50))

    run(scenario)


class Calls:
    """Takes requests."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def answer(self, *answer: Any) -> None:
        """Nobody asked."""


def test_a_quick_listener_has_all_in_one_turn() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[int] = []
        rig.hear(lambda info, data: heard.append(data))
        rig.link.reader.take([events(*range(1000))])
        assert len(heard) == 1000

    run(scenario)


def test_answers_do_not_wait_for_slow_listeners_and_all_else_keeps_its_order() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[Any] = []
        slow(rig, heard)
        rig.link.reader.take([events(*range(100))])
        asked = ask(rig)
        waiting = asyncio.ensure_future(rig.link.finish(asked.reply.future, asked.ident, rig.clock(), 5, asked.what))
        rig.link._ended = lambda link, error: heard.append("ended")
        asked.reply.tell("answer", None)
        assert await waiting == "answer" and len(heard) < 100
        rig.server.close()
        rig.link.close()
        assert "ended" not in heard
        await until(lambda: "ended" in heard)
        assert heard == [*range(100), "ended"]

    run(scenario)


def test_nothing_is_read_before_what_came_is_passed_on() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[Any] = []
        slow(rig, heard)
        rig.link.reader.take([events(*range(100))])
        rig.server.session.close("bye")
        rig.server.write()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert rig.session.error is None and len(heard) < 100
        await until(lambda: rig.ended)
        assert len(heard) == 100

    run(scenario)


def test_what_an_end_leaves_is_counted() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[Any] = []
        slow(rig, heard)
        rig.link.reader.take([events(*range(20)), events(*range(20, 50)), Gap("s", "e", 3, "too slow")])
        rig.link.close()
        rig.link.reader.discard()
        assert len(heard) + rig.state.lost["s", "e"] == 53 and len(heard) == 7
        assert rig.state.traffic.delivered == 7
        assert len(rig.ended) == 1
        await asyncio.sleep(0)
        assert len(heard) == 7

    run(scenario)


def test_an_end_waits_for_slow_listeners() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[Any] = []
        slow(rig, heard)
        rig.link.reader.take([events(*range(50))])
        await rig.link.reader.settle(within(10))
        assert len(heard) == 50

    run(scenario)


def test_an_interrupt_between_two_runs_leaves_the_rest_for_the_next_turn() -> None:
    async def scenario(rig: Rig) -> None:
        heard: list[Any] = []
        rig.hear(lambda info, data: heard.append(data))
        real = rig.link._ended

        def interrupted(link: Any, error: Any) -> None:
            rig.link._ended = real
            raise KeyboardInterrupt

        rig.link._ended = interrupted
        with pytest.raises(KeyboardInterrupt):
            rig.link.reader.take([events(1), Closed(RuntimeError()), events(2, 3)])  # type: ignore[arg-type]
        assert heard == [1]
        await until(lambda: heard == [1, 2, 3])

    run(scenario)


# -- pauses


def test_a_pause_fails_what_a_coroutine_listener_waits_for() -> None:
    async def scenario(rig: Rig) -> None:
        outcome: list[Any] = []
        rig.listeners.bind()

        async def listener(info: Any, data: Any) -> None:
            asked = ask(rig)
            try:
                await rig.link.finish(asked.reply.future, asked.ident, rig.clock(), 5, asked.what)
            except Overflow as error:
                outcome.append(str(error))

        rig.hear(listener)
        rig.link.reader.take([events(1)])
        await until(lambda: rig.link.reader._inside)
        rig.listeners.waiting += 5000
        rig.link.reader.take([events(1)])
        await until(lambda: outcome)
        rig.listeners.waiting -= 5000
        assert outcome[0].endswith("bytes of events came while a callback waits, 4096 may be kept")

    run(scenario, max_inbound=4096)


# -- silence


def test_silence_ends_the_link() -> None:
    async def scenario(rig: Rig) -> None:
        rig.clock.advance(9.0)
        rig.link.writer.wake()
        assert rig.ended == []
        rig.clock.advance(2.0)
        rig.link.writer.wake()
        assert [str(error) for error in rig.ended] == ["socket://server was silent for 11.0 s, allowed are 10"]

    run(scenario, keepalive=10)


def test_what_was_not_read_for_a_while_was_not_silence() -> None:
    async def scenario(rig: Rig) -> None:
        rig.link.reader.pause()
        rig.clock.advance(60.0)
        rig.link.writer.wake()
        rig.link.reader.relieved()
        rig.link.writer.wake()
        assert rig.ended == []
        rig.clock.advance(11.0)
        rig.link.writer.wake()
        assert len(rig.ended) == 1

    run(scenario, keepalive=10)


def test_what_kept_the_loop_was_not_silence_of_the_peer() -> None:
    async def scenario(rig: Rig) -> None:
        rig.server.session.tick(5.0)  # it keeps its link alive
        rig.server.write()
        rig.clock.advance(60.0)
        rig.link.writer.wake()
        assert rig.ended == []

    run(scenario, keepalive=10)
