"""Listeners that are coroutine functions: in order, bounded, each for itself, and nothing is left when they stop."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sig_core.errors import LocalProtocolError
from sig_core.events import Info
from sig_core.io.aio import coroutine_listener
from sig_core.io.aio.coroutine_listener import RESUME, CoroutineListeners
from sig_core.routing.entities import Subscription
from sig_core.testing import FakeClock, begin, within
from tests.support.warped_loop import WarpedLoop, run, turn

EAGER = sys.version_info >= (3, 12)


def info_of(number: Any) -> Any:
    return {"sender": "s", "event": number}


class Router:
    """Listeners, and what they tell their router."""

    def __init__(self) -> None:
        self.failures: list[tuple[Any, Any, BaseException]] = []
        self.lost: list[Any] = []
        self.relief: list[int] = []  # what waited, each time that less did
        self.clock = FakeClock()
        self.listeners = CoroutineListeners(
            lambda callback, info, error: self.failures.append((callback, info["event"], error)),
            lambda info: self.lost.append(info["event"]),
            lambda: self.relief.append(self.listeners.waiting),
            self.clock,
        )

    def subscribe(self, callback: Any) -> Subscription:
        return self.listeners.adopt(Subscription(callback, ("s", "e"), lambda subscription: None))

    def send(self, subscription: Subscription, *numbers: Any, size: int = 0) -> None:
        """Dispatch events of so many bytes each, as a link does."""
        self.listeners.size_each = size
        for number in numbers:
            subscription.call(info_of(number), number)
        self.listeners.size_each = 0


class Listener:
    """A listener whose calls end when the test lets them."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.ends: dict[Any, asyncio.Future[None]] = {}

    async def __call__(self, info: Info, data: Any) -> None:
        self.begun.append(data)
        await self.ends.setdefault(data, asyncio.get_running_loop().create_future())
        self.ended.append(data)

    def end(self, number: Any) -> None:
        self.ends.setdefault(number, asyncio.get_running_loop().create_future()).set_result(None)


@pytest.fixture
def router() -> Iterator[Router]:
    made = Router()
    yield made
    assert made.listeners.waiting == 0, "bytes were counted and never taken back"
    assert not made.listeners._tasks and not made.listeners.stopping


def heard_by(heard: list[Any]) -> Callable[[Info, Any], Any]:
    """Return a listener that keeps what it hears."""

    async def hear(info: Info, data: Any) -> None:
        heard.append(data)

    return hear


# -- adopting


def test_a_plain_function_is_called_as_ever(router: Router) -> None:
    heard: list[Any] = []

    def hear(info: Info, data: Any) -> None:
        heard.append(data)

    subscription = router.subscribe(hear)
    assert inspect.unwrap(subscription.call) is hear and router.listeners.loop is None
    router.send(subscription, 1)
    assert heard == [1]


def test_before_a_loop_runs_a_call_is_refused(router: Router) -> None:
    subscription = router.subscribe(heard_by([]))
    with pytest.raises(LocalProtocolError, match="no loop runs yet"):
        router.send(subscription, 1)


def test_one_that_was_adopted_before_a_loop_ran_uses_the_one_that_is_bound(router: Router) -> None:
    heard: list[Any] = []
    subscription = router.subscribe(heard_by(heard))

    async def main() -> None:
        router.listeners.bind()
        router.send(subscription, 1)
        await turn(3)

    run(main())
    assert heard == [1]


# -- one after the other


def test_events_of_one_listener_come_in_order_and_one_at_a_time(router: Router) -> None:
    async def main() -> None:
        listener = Listener()
        router.send(router.subscribe(listener), 1, 2, 3)
        assert listener.begun == [], "a dispatch does not run it"
        await turn(3)
        assert listener.begun == [1]
        listener.end(2)
        await turn(3)
        assert listener.begun == [1]
        listener.end(1)
        await turn(3)
        assert listener.begun == [1, 2, 3] and listener.ended == [1, 2]
        listener.end(3)
        await turn(3)
        assert listener.ended == [1, 2, 3]

    run(main())


def test_one_that_is_slow_delays_no_other(router: Router) -> None:
    async def main() -> None:
        slow, heard = Listener(), list[Any]()
        both = [router.subscribe(slow), router.subscribe(heard_by(heard))]
        for number in (1, 2, 3):
            for subscription in both:
                router.send(subscription, number)
        await turn(3)
        assert slow.begun == [1] and heard == [1, 2, 3]
        for number in (1, 2, 3):
            slow.end(number)
        await turn(5)

    run(main())


def test_one_that_never_waits_leaves_others_their_turns(router: Router) -> None:
    heard: list[int] = []

    async def hear(info: Info, data: Any) -> None:
        router.clock.advance(0.002)
        heard.append(data)

    async def main() -> None:
        router.send(router.subscribe(hear), *range(10))
        counts = []
        for _ in range(4):
            await turn()
            counts.append(len(heard))
        assert counts == [3, 6, 9, 10]

    run(main())


def test_one_that_is_cancelled_between_two_events_has_the_next_one_later(router: Router) -> None:
    heard: list[int] = []

    async def hear(info: Info, data: Any) -> None:
        router.clock.advance(0.01)
        heard.append(data)

    async def main() -> None:
        router.send(router.subscribe(hear), 1, 2)
        await turn()
        (task,) = router.listeners._tasks
        task.cancel()
        await turn(2)
        assert heard == [1] and router.lost == []
        await asyncio.sleep(2 * RESUME)
        assert heard == [1, 2]

    run(main())


def test_what_it_triggers_itself_comes_behind_what_waits(router: Router) -> None:
    async def main() -> None:
        heard: list[Any] = []

        async def hear(info: Info, data: Any) -> None:
            heard.append(data)
            if data == 1:
                router.send(subscription, 3)

        subscription = router.subscribe(hear)
        router.send(subscription, 1, 2)
        await turn(3)
        assert heard == [1, 2, 3]
        router.send(subscription, 4)
        await turn(3)
        assert heard == [1, 2, 3, 4], "it starts again once it was idle"

    run(main())


def test_only_a_listener_knows_that_it_is_one(router: Router) -> None:
    async def main() -> None:
        inside: list[bool] = []

        async def hear(info: Info, data: Any) -> None:
            inside.append(router.listeners.is_inside())
            inside.append(await asyncio.create_task(is_inside()))  # a task of its own is not waited for

        async def is_inside() -> bool:
            return router.listeners.is_inside()

        router.send(router.subscribe(hear), 1)
        await turn(6)
        assert inside == [True, False] and not router.listeners.is_inside()

    run(main())


# -- failures


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError(), GeneratorExit()], ids=repr)
def test_one_that_raises_is_told_of_and_has_the_next_event(router: Router, error: BaseException) -> None:
    async def main() -> None:
        heard: list[Any] = []

        async def hear(info: Info, data: Any) -> None:
            heard.append(data)
            if data == 1:
                raise error

        router.send(router.subscribe(hear), 1, 2, size=10)
        await turn(4)
        assert heard == [1, 2] and router.failures == [(hear, 1, error)]

    run(main())
    assert router.relief == [10, 0] and router.lost == []


def test_one_that_cancels_its_task_has_the_next_event(router: Router) -> None:
    async def main() -> None:
        heard: list[Any] = []

        async def hear(info: Info, data: Any) -> None:
            heard.append(data)
            task = asyncio.current_task()
            assert task is not None
            if data == 1:
                task.cancel()
            await turn()

        router.send(router.subscribe(hear), 1, 2)
        await turn(6)
        assert heard == [1], "it may be the program that ends"
        await asyncio.sleep(2 * RESUME)
        assert heard == [1, 2]
        ((_, number, error),) = router.failures
        assert number == 1 and isinstance(error, asyncio.CancelledError)

    run(main())


# -- removal


def test_what_waits_for_one_that_is_removed_is_dropped_and_what_runs_goes_on(router: Router) -> None:
    async def main() -> None:
        listener = Listener()
        subscription = router.subscribe(listener)
        router.send(subscription, 1, 2, 3, size=10)
        await turn(2)
        subscription.remove()
        router.send(subscription, 4, size=10)
        listener.end(1)
        await turn(3)
        assert (listener.begun, listener.ended) == ([1], [1])

    run(main())
    assert router.relief == [20, 10, 0] and router.lost == [], "a removed one loses nothing"


def test_one_that_is_removed_before_its_first_call_hears_nothing(router: Router) -> None:
    async def main() -> None:
        heard: list[Any] = []
        subscription = router.subscribe(heard_by(heard))
        router.send(subscription, 1, size=10)
        subscription.remove()
        await turn(3)
        assert heard == []

    run(main())


# -- limits


def test_bytes_count_until_the_call_has_ended(router: Router) -> None:
    async def main() -> None:
        listener = Listener()
        router.send(router.subscribe(listener), 1, 2, size=10)
        assert router.listeners.waiting == 20
        await turn(2)
        assert router.listeners.waiting == 20
        listener.end(1)
        await turn(3)
        assert router.listeners.waiting == 10
        listener.end(2)
        await turn(3)

    run(main())
    assert router.relief == [10, 0]


def test_beyond_its_bytes_a_listener_loses_what_is_new_and_no_other_does(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        router.listeners.limit = 25
        full, other = Listener(), Listener()
        subscription, beside = router.subscribe(full), router.subscribe(other)
        router.send(subscription, 1, 2, 3, 4, size=10)
        router.send(beside, 1, 2, size=10)
        assert (router.lost, router.listeners.waiting) == ([3, 4], 40)
        assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
            "2 events wait for it; more are lost to it"
        ]
        for listener in (full, other):
            listener.end(1)
        await turn(3)
        router.send(subscription, 5, size=10)
        for number in (2, 5):
            full.end(number)
        other.end(2)
        await turn(5)
        assert full.ended == [1, 2, 5] and other.ended == [1, 2]

    run(main())
    assert len(caplog.records) == 1


def test_one_event_alone_may_be_larger_than_the_limit(router: Router) -> None:
    async def main() -> None:
        router.listeners.limit = 25
        heard: list[Any] = []
        subscription = router.subscribe(heard_by(heard))
        router.send(subscription, 1, 2, size=100)
        await turn(3)
        router.send(subscription, 3, size=100)
        await turn(3)
        assert heard == [1, 3] and router.lost == [2]

    run(main())


def test_beyond_a_number_of_events_more_are_lost_whatever_their_size(
    router: Router, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coroutine_listener, "MOST", 3)

    async def main() -> None:
        heard: list[Any] = []
        subscription = router.subscribe(heard_by(heard))
        for start in (0, 10):  # it is told of again once it was empty
            router.send(subscription, *range(start, start + 5))
            await turn(3)
        assert heard == [0, 1, 2, 10, 11, 12]

    run(main())
    assert router.lost == [3, 4, 13, 14] and len(caplog.records) == 2


# -- another thread


def test_calls_from_another_thread_run_on_the_loop_and_have_no_size(router: Router) -> None:
    async def main() -> None:
        threads: list[int] = []
        came = asyncio.Event()

        async def hear(info: Info, data: Any) -> None:
            threads.append(threading.get_ident())
            if data == 3:
                came.set()

        subscription = router.subscribe(hear)
        router.listeners.size_each = 10  # of what the loop dispatches at this moment
        begin(lambda: [subscription.call(info_of(number), number) for number in (1, 2, 3)]).result(within(10))
        assert threads == [] and router.listeners.waiting == 0
        await came.wait()
        await turn(2)
        assert threads == [threading.get_ident()] * 3

    run(main())
    assert router.relief == [], "nothing was held against anybody"


def test_on_a_closed_loop_a_call_from_another_thread_is_an_error(router: Router) -> None:
    async def main() -> Subscription:
        return router.subscribe(heard_by([]))

    subscription = run(main())
    with pytest.raises(RuntimeError, match="closed"):
        begin(subscription.call, info_of(1), 1).result(within(10))


# -- the end


def test_a_stop_lets_the_calls_end_that_do_in_time(router: Router, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        listener, loop = Listener(), asyncio.get_running_loop()
        router.send(router.subscribe(listener), 1, 2, size=10)
        loop.call_later(2, listener.end, 1)
        loop.call_later(4, listener.end, 2)
        began = loop.time()
        await router.listeners.stop(5)
        assert loop.time() - began == pytest.approx(4) and listener.ended == [1, 2]

    run(main())
    assert not caplog.records and router.lost == router.failures == []


def test_after_its_time_a_stop_cancels_what_runs_and_what_waits_is_lost(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        listener, loop = Listener(), asyncio.get_running_loop()
        router.send(router.subscribe(listener), 1, 2, 3, size=10)
        began = loop.time()
        await router.listeners.stop(5)
        assert loop.time() - began == pytest.approx(5)
        await turn(2)
        assert (listener.begun, listener.ended) == ([1], [])

    run(main())
    assert router.lost == [2, 3] and router.failures == [] and router.relief == [20, 0]
    assert "cancelled: it still runs 5 s after the stop" in caplog.text and len(caplog.records) == 1


def test_a_stop_of_nothing_returns_at_once(router: Router) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await router.listeners.stop(5)
        assert loop.time() == began

    run(main())


def test_a_listener_that_stops_them_all_does_not_wait_for_itself(router: Router) -> None:
    async def main() -> None:
        ended: list[Any] = []

        async def stop(info: Info, data: Any) -> None:
            await router.listeners.stop(5)
            ended.append(data)

        other = Listener()
        router.send(router.subscribe(stop), "stop")
        router.send(router.subscribe(other), 1)
        await asyncio.sleep(20)  # of the loop's own clock
        assert ended == ["stop"] and (other.begun, other.ended) == ([1], [])

    run(main())


@pytest.mark.parametrize("error", [None, ValueError("while it was cancelled")], ids=repr)
def test_one_that_keeps_its_cancellation_to_itself_has_no_further_event(
    router: Router, error: Exception | None
) -> None:
    async def main() -> None:
        heard: list[Any] = []

        async def hear(info: Info, data: Any) -> None:
            heard.append(data)
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if error is not None:
                    raise error from None

        router.send(router.subscribe(hear), 1, 2, 3, size=10)
        await turn(2)
        router.listeners.cancel()
        await turn(4)
        assert heard == [1]

    run(main())
    assert router.lost == [2, 3]
    assert [failed for _, _, failed in router.failures] == ([] if error is None else [error])


def test_one_that_is_cancelled_before_its_first_step_loses_what_waits_and_can_be_used_again(router: Router) -> None:
    async def main() -> None:
        heard: list[Any] = []
        subscription = router.subscribe(heard_by(heard))
        router.send(subscription, 1, 2, size=10)
        router.listeners.cancel()
        await turn(3)
        assert (heard, router.lost, router.relief) == ([], [1, 2], [0])
        router.send(subscription, 3, size=10)
        await turn(3)
        assert heard == [3]

    run(main())


def test_what_comes_between_a_cancellation_and_its_delivery_is_lost_too(router: Router) -> None:
    async def main() -> None:
        listener = Listener()
        subscription = router.subscribe(listener)
        router.send(subscription, 1, 2)
        await turn(2)
        router.listeners.cancel()
        router.send(subscription, 3)
        await turn(3)
        assert listener.begun == [1]

    run(main())
    assert router.lost == [2, 3]


# -- tasks that begin at once


@pytest.mark.skipif(not EAGER, reason="this Python has no eager tasks")
def test_on_a_loop_of_eager_tasks_order_and_sizes_are_the_same(router: Router) -> None:
    async def main() -> None:
        factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(factory)
        listener, heard = Listener(), list[Any]()
        at_once, slow = router.subscribe(heard_by(heard)), router.subscribe(listener)
        router.send(at_once, 1, 2, size=10)
        router.send(slow, 1, 2, size=10)
        assert heard == [1, 2] and listener.begun == [1], "they begin where they are dispatched"
        assert (router.relief, router.listeners.waiting) == ([0, 0], 20) and not router.listeners.is_inside()
        listener.end(1)
        await turn(3)
        assert listener.begun == [1, 2]
        router.listeners.cancel()
        await turn(3)

    run(main())


def test_the_loop_keeps_no_task_that_has_ended(router: Router) -> None:
    loop = WarpedLoop()

    async def main() -> None:
        router.send(router.subscribe(heard_by([])), 1)
        await turn(3)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
