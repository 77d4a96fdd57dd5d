"""Waiting inside a callback: requests run, futures are settled, events are kept, and all of it has bounds."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sig_core.errors import Backpressure, Busy, LinkLost, Overflow
from sig_core.io.client.nested_wait import ROLE_RETRY
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.testing import begin
from tests.io.client.fakes import LONG, OthersLock, Parts, answer, asking, events, future
from tests.support.held import held_elsewhere


def test_the_callback_reads_its_answer_itself() -> None:
    parts, waiter = Parts(), PendingReply()
    parts.session.out.append(b"a request")
    parts.comes(b"1", answer(waiter, 5))
    parts.nested.wait_inside(waiter.is_done, 1.0)
    assert waiter.value == 5
    assert parts.writer.pushes == [[b"a request"]]  # what it asked for may be what it waits for
    assert parts.runner.depth == 0


def test_meanwhile_requests_run_and_events_are_kept_in_order() -> None:
    parts, waiter = Parts(), PendingReply()
    depths: list[int] = []
    parts.sink.does = lambda got: depths.append(parts.runner.depth)
    parts.comes(b"1", events(b"1"), asking(10), events(b"2"))
    parts.comes(b"2", asking(11, 12), answer(waiter, 5))
    parts.nested.wait_inside(waiter.is_done, 1.0)
    assert parts.sink.got == [10]
    assert [report.data for report in list(parts.inbox.reports)[:2]] == [b"1", b"2"]  # type: ignore[union-attr]
    assert depths == [1]
    while parts.inbox.reports:
        parts.runner.run_next()
    assert parts.sink.got == [10, b"1", b"2", 11, 12]


def test_requests_that_came_before_run_although_nothing_more_comes() -> None:
    parts, waiter = Parts(), PendingReply()
    parts.sink.does = lambda got: waiter.tell(got, None)
    parts.inbox.take([events(b"1"), asking(10)])
    parts.nested.wait_inside(waiter.is_done, 1.0)
    assert (waiter.value, parts.link.reads) == (10, 0)


def test_futures_are_settled_meanwhile() -> None:
    parts, first, last = Parts(), future(), future()
    parts.comes(b"1", answer(first, 1))
    parts.comes(b"2", answer(last, 2))
    parts.nested.wait_inside(last.done, 1.0)
    assert (first.result(), last.result()) == (1, 2)


def test_its_time_is_up() -> None:
    parts, waiter = Parts(), PendingReply()
    parts.nested.wait_inside(waiter.is_done, 2.0)
    assert not waiter.done
    assert parts.clock.now == 102.0
    assert parts.runner.depth == 0


def test_the_end_of_the_session_ends_the_wait() -> None:
    parts, waiter = Parts(), PendingReply()
    parts.link.script.append(EOFError())
    parts.nested.wait_inside(waiter.is_done, LONG)
    assert (waiter.done, parts.link.reads, parts.runner.depth) == (False, 1, 0)


def test_it_waits_for_another_thread_that_reads_and_takes_over_from_it() -> None:
    parts, waiter = Parts(), PendingReply()
    parts.comes(b"1", answer(waiter, 5))
    waits: list[float] = []

    class News:
        def wait(self, timeout: float) -> None:
            waits.append(timeout)
            lock.held = False

    parts.role.news = News()  # type: ignore[assignment]
    lock: Any = OthersLock()
    parts.role.lock = lock
    parts.nested.wait_inside(waiter.is_done, 1.0)
    assert waiter.value == 5
    assert waits == [ROLE_RETRY]


def test_more_events_than_may_be_kept() -> None:
    parts, waiter = Parts(max_inbound=4096), PendingReply()
    parts.comes(b"1", events(bytes(4096)))
    parts.comes(b"2", events(bytes(1)))
    parts.comes(b"3", answer(waiter, 5))
    with pytest.raises(Overflow, match="4097 bytes of events came while a callback waits, 4096 may be kept"):
        parts.nested.wait_inside(waiter.is_done, 1.0)
    assert parts.runner.depth == 0
    assert parts.link.reads == 2


def test_a_request_whose_handler_waits_as_well_is_nested_up_to_a_depth() -> None:
    parts = Parts(max_depth=3)
    waiters = [PendingReply() for _ in range(5)]

    def wait(got: int) -> None:
        parts.nested.wait_inside(waiters[got].is_done, 1.0)

    parts.sink.does = wait
    parts.comes(b"1", asking(1))
    parts.comes(b"2", asking(2))
    parts.comes(b"3", asking(3))  # three wait inside each other: this one is refused
    parts.comes(b"4", *(answer(waiter) for waiter in waiters))
    wait(0)
    assert parts.sink.got == [1, 2]
    ((ident, error),) = parts.session.refused
    assert ident == 3 and isinstance(error, Busy)
    assert parts.runner.depth == 0


def test_at_the_greatest_depth_no_callbacks_of_futures_run() -> None:
    """They could wait as well."""
    parts, made, waiter = Parts(max_depth=2), future(), PendingReply()
    parts.runner.depth = 1
    parts.comes(b"1", answer(made, 1))
    parts.comes(b"2", answer(waiter, 2))
    parts.nested.wait_inside(waiter.is_done, 1.0)
    assert not made.done()
    assert len(parts.inbox.answers) == 1


# -- a future that a callback blocks on


def test_a_future_is_helped_on_the_reading_thread() -> None:
    parts, made = Parts(), future()
    parts.comes(b"1", events(b"kept"), answer(made, 5))
    assert parts.nested.settle_inside(made, 1.0) == 0.0
    assert made.result() == 5
    assert parts.sink.got == []


def test_without_a_time_limit_none_is_left() -> None:
    parts, made = Parts(), future()
    parts.comes(b"1", answer(made, 5))
    assert parts.nested.settle_inside(made, None) is None
    assert made.result() == 5


def test_what_is_done_and_what_waits_elsewhere_is_not_helped() -> None:
    parts, made = Parts(), future()
    assert begin(parts.nested.settle_inside, made, 3.0).result(LONG) == 3.0
    made(5, None)
    assert parts.nested.settle_inside(made, 3.0) == 3.0
    assert parts.link.reads == 0


def test_too_many_callbacks_wait_for_futures_inside_each_other() -> None:
    parts, made = Parts(max_depth=3), future()
    parts.runner.depth = 2
    with pytest.raises(Busy, match="3 callbacks wait inside each other, which is the limit"):
        parts.nested.settle_inside(made, 1.0)
    assert parts.link.reads == 0


def test_a_future_is_told_of_the_end_while_it_is_helped() -> None:
    parts, made = Parts(), future()
    parts.session.open.append(answer(made, error=LinkLost("told")))
    parts.session.fail(LinkLost("gone"))  # found by another thread, which has not told yet
    parts.nested.settle_inside(made, 1.0)
    assert isinstance(made.exception(), LinkLost)


# -- output that does not drain


def test_a_callback_reads_on_until_there_is_room_for_output() -> None:
    parts = Parts()
    parts.writer.full, parts.writer.room = True, 3
    parts.comes(b"1", events(b"1"))
    parts.comes(b"2", events(b"2"))
    parts.nested.make_room()
    assert not parts.writer.full
    assert parts.link.reads == 2
    assert parts.inbox.event_bytes == 2
    parts.nested.make_room()
    assert parts.link.reads == 2


def test_no_room_before_as_much_has_come_as_may_be_kept() -> None:
    parts = Parts(max_inbound=4096)
    parts.writer.full, parts.writer.room = True, 1000
    parts.comes(b"1", events(bytes(4097)))
    with pytest.raises(Backpressure, match="output is full, and 4097 bytes of events wait, 4096 may be kept"):
        parts.nested.make_room()
    assert parts.link.reads == 1


def test_nobody_waits_for_room_on_a_link_that_has_ended() -> None:
    parts = Parts()
    parts.writer.full, parts.writer.room = True, 1000
    parts.link.script.append(EOFError())
    parts.nested.make_room()
    assert parts.link.reads == 1


def test_room_comes_although_another_thread_reads() -> None:
    parts = Parts()
    parts.writer.full, parts.writer.room = True, 3
    with held_elsewhere(parts.role.lock):
        parts.nested.make_room()
    assert not parts.writer.full
    assert parts.link.reads == 0
    assert threading.get_ident() == parts.writer.reading_thread
