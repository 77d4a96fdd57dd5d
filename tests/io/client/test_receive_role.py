"""The role to read: who takes it, who leaves it to whom, who is woken, and what a read finds out."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sig_core.errors import LinkLost
from sig_core.io.client.receive_role import ASK_AGAIN, STAND_BY, ReceiveRole
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.session.base import State
from sig_core.testing import begin, eventually
from tests.io.client.fakes import LONG, OthersLock, Parts, Patient, answer, asking, events, future
from tests.support.held import held_elsewhere, is_free

VERY_LONG = 10 * LONG  # seconds of a wait that must not end by its time


class News:
    """Stands in for the event that wakes the reading thread: a wait for it returns at once, and is noted."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.sets = 0

    def set(self) -> None:
        self.sets += 1

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return False


def role_of(parts: Parts) -> tuple[ReceiveRole, News]:
    news: Any = News()
    parts.role.news = news
    return parts.role, news


# -- a thread that waits for an answer


def test_a_thread_that_waits_takes_the_role_and_reads_its_answer_itself() -> None:
    parts, waiter = Parts(), PendingReply()
    role, news = role_of(parts)
    parts.comes(b"x", answer(waiter, 5))
    role.wait(waiter, 1.0)
    assert waiter.result() == 5
    assert parts.link.reads == 1
    assert is_free(role.lock)
    assert news.sets == 0  # nothing is for the reading thread


def test_it_reads_until_its_own_answer_is_there_and_leaves_the_rest_to_the_reading_thread() -> None:
    parts, mine, other, made = Parts(), PendingReply(), PendingReply(), future()
    role, news = role_of(parts)
    parts.comes(b"1", events(b"event"))
    parts.comes(b"2", answer(other, 1), answer(made, 2))
    parts.comes(b"3", asking(10), answer(mine, 3))
    parts.comes(b"4", events(b"too late"))
    role.wait(mine, 1.0)
    assert (mine.value, other.value) == (3, 1)
    assert parts.link.reads == 3
    assert len(parts.inbox.reports) == 2 and len(parts.inbox.answers) == 1
    assert not made.done() and parts.sink.got == []
    assert news.sets == 3


def test_its_time_is_up() -> None:
    parts, waiter = Parts(), PendingReply()
    role, _ = role_of(parts)
    role.wait(waiter, 2.0)
    assert not waiter.done
    assert parts.clock.now == 102.0
    assert is_free(role.lock)


def test_who_was_told_already_does_not_read() -> None:
    parts, waiter = Parts(), PendingReply()
    waiter.tell(1, None)
    parts.role.wait(waiter, 1.0)
    assert parts.link.reads == 0


def test_nobody_reads_once_the_session_is_closed() -> None:
    parts, waiter = Parts(), PendingReply()
    parts.session.open.append(answer(waiter, error=LinkLost("told")))
    parts.link.script += [EOFError(), b"never"]
    parts.role.wait(waiter, 1.0)
    assert isinstance(waiter.error, LinkLost)
    parts.role.wait(waiter, 1.0)
    assert parts.link.reads == 1


def test_it_stops_reading_while_the_callbacks_do_not_keep_up() -> None:
    parts, waiter = Parts(max_inbound=4096), PendingReply()
    role, _ = role_of(parts)
    parts.comes(b"1", events(bytes(4096)))
    parts.comes(b"2", events(bytes(1)))
    parts.comes(b"3", answer(waiter, 5))
    running = begin(role.wait, waiter, VERY_LONG)
    eventually(lambda: waiter in role._waiters)
    assert parts.link.reads == 2
    assert len(parts.inbox.reports) == 2
    parts.inbox.remove_first()  # the callbacks have caught up: it reads on
    running.result(LONG)
    assert waiter.value == 5


def test_a_thread_without_the_role_is_told_by_who_has_it() -> None:
    parts, first, second = Parts(), PendingReply(), PendingReply()
    role, _ = role_of(parts)
    reading, go_on = threading.Event(), threading.Event()

    def block() -> bytes:
        reading.set()
        assert go_on.wait(LONG)
        return b"both"

    parts.session.meaning[b"both"] = [answer(second, 2), answer(first, 1)]
    parts.link.script.append(block)
    one = begin(role.wait, first, VERY_LONG)
    assert reading.wait(LONG)
    two = begin(role.wait, second, VERY_LONG)
    eventually(lambda: second in role._waiters)
    go_on.set()
    one.result(LONG)
    two.result(LONG)
    assert (first.value, second.value) == (1, 2)
    assert parts.link.reads == 1
    assert not role._waiters


def test_a_thread_that_waits_takes_the_role_over_when_who_read_has_left() -> None:
    """The reading thread may be in a callback for as long as that likes: here it does nothing at all."""
    parts, first, second = Parts(), PendingReply(), PendingReply()
    role, news = role_of(parts)
    reading, go_on = threading.Event(), threading.Event()

    def block() -> bytes:
        reading.set()
        assert go_on.wait(LONG)
        return b"1"

    parts.session.meaning |= {b"1": [answer(first, 1)], b"2": [answer(second, 2)]}
    parts.link.script += [block, b"2"]
    one = begin(role.wait, first, VERY_LONG)
    assert reading.wait(LONG)
    two = begin(role.wait, second, VERY_LONG)
    eventually(lambda: second in role._waiters)
    go_on.set()
    one.result(LONG)
    assert news.sets == 1  # somebody waits: the reading thread would read, if it could
    two.result(LONG)
    assert (first.value, second.value) == (1, 2)


def test_two_threads_may_wait_for_the_same() -> None:
    parts, waiter = Parts(), PendingReply()
    with held_elsewhere(parts.role.lock):
        both = [begin(parts.role.wait, waiter, VERY_LONG) for _ in range(2)]
        eventually(lambda: parts.role._waiters)
        waiter.tell(1, None)
        for one in both:
            one.result(LONG)
    assert not parts.role._waiters


# -- the reading thread


def test_the_reading_thread_reads_and_keeps_what_is_for_callbacks() -> None:
    parts = Parts()
    role, news = role_of(parts)
    parts.comes(b"1", events(b"event"))
    role.read_or_stand_by()
    assert [report.data for report in parts.inbox.reports] == [b"event"]  # type: ignore[union-attr]
    assert news.waits == [] and is_free(role.lock)


def test_for_a_moment_it_leaves_the_role_to_a_thread_that_got_its_answer() -> None:
    parts, waiter = Parts(), PendingReply()
    role, news = role_of(parts)
    parts.comes(b"1", answer(waiter, 1))
    role.wait(waiter, 1.0)
    role.read_or_stand_by()
    assert (news.waits, parts.link.reads) == ([ASK_AGAIN], 1)
    parts.clock.advance(ASK_AGAIN)
    role.read_or_stand_by()
    assert (news.waits, parts.link.reads) == ([ASK_AGAIN], 2)


def test_but_not_if_another_thread_waits_without_the_role() -> None:
    parts, waiter, other = Parts(), PendingReply(), PendingReply()
    role, news = role_of(parts)
    parts.comes(b"1", answer(waiter, 1))
    role.wait(waiter, 1.0)
    role._waiters[other] = None
    role.read_or_stand_by()
    assert (news.waits, parts.link.reads) == ([], 2)
    other.tell(1, None)  # it is done, and about to go
    parts.clock.now = role._asked
    role.read_or_stand_by()
    assert news.waits == [ASK_AGAIN]


def test_while_another_thread_reads_it_stands_by() -> None:
    parts = Parts()
    role, news = role_of(parts)
    with held_elsewhere(role.lock):
        role._is_held = True
        role.read_or_stand_by()
        assert (news.waits, parts.link.reads) == ([STAND_BY], 0)
        assert not role.read_if_free(1.0)


def test_who_gives_the_role_back_wakes_the_thread_that_stands_by() -> None:
    parts, waiter = Parts(), PendingReply()
    reading, go_on = threading.Event(), threading.Event()

    def block() -> bytes:
        reading.set()
        assert go_on.wait(LONG)
        return b"1"

    parts.session.meaning[b"1"] = [answer(waiter, 1)]
    parts.link.script.append(block)
    waiting = begin(parts.role.wait, waiter, VERY_LONG)
    assert reading.wait(LONG)
    parts.clock.advance(ASK_AGAIN)
    news: Any = Patient()
    parts.role.news = news
    stands = begin(parts.role.read_or_stand_by)
    eventually(lambda: parts.role._standing_by)
    go_on.set()
    waiting.result(LONG)
    stands.result(LONG)
    assert news.woken == [True]
    assert not parts.role._standing_by


def test_it_does_not_stand_by_if_the_holder_left_just_before_it_said_so() -> None:
    """The holder could not see that somebody stands by: nobody would wake this thread."""
    parts = Parts()
    role, news = role_of(parts)

    lock: Any = OthersLock(last=1)
    role.lock = lock
    role.read_or_stand_by()
    assert (news.waits, parts.link.reads) == ([], 0)


# -- what a read finds out


def test_a_link_that_ends_or_breaks_closes_the_session_and_who_waits_is_told() -> None:
    for error in (EOFError(), OSError(5, "broken"), ZeroDivisionError("a bug of its author")):
        parts, waiter = Parts(), PendingReply()
        parts.session.open.append(answer(waiter, error=LinkLost("told")))
        parts.link.script.append(error)
        assert parts.role.read_if_free(1.0)
        assert parts.session.state is State.CLOSED
        assert waiter.done
        assert is_free(parts.role.lock)


def test_what_broke_a_link_is_named() -> None:
    parts = Parts()
    parts.link.script.append(OSError(5, "broken"))
    parts.role.read_if_free(1.0)
    with pytest.raises(LinkLost, match="test://peer: the link broke: broken"):
        raise parts.session.error


def test_a_peer_that_is_silent_for_too_long_has_lost_its_link() -> None:
    parts = Parts(keepalive=1.0)
    for _ in range(3):
        parts.role.read_if_free(0.25)
    assert parts.session.state is State.OPEN
    parts.role.read_if_free(0.25)
    assert parts.session.state is State.CLOSED
    assert str(parts.session.error) == "test://peer was silent for 1.0 s, allowed are 1"


def test_silence_does_not_count_while_a_callback_kept_everybody_from_reading() -> None:
    parts = Parts(keepalive=1.0)
    parts.clock.advance(60.0)
    parts.role.back = parts.clock.now
    parts.role.read_if_free(0.25)
    assert parts.session.state is State.OPEN
    parts.clock.advance(1.0)
    parts.role.read_if_free(0.25)
    assert parts.session.state is State.CLOSED


def test_what_the_session_answers_is_sent() -> None:
    parts = Parts()
    parts.comes(b"1")
    parts.session.out.append(b"an answer")
    parts.role.read_if_free(1.0)
    assert parts.writer.pushes == [[b"an answer"]]
    parts.comes(b"2")
    parts.role.read_if_free(1.0)
    assert len(parts.writer.pushes) == 1
