"""One answer for threads that wait, and what a call may take."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import ConfigError, RequestTimeout
from sig_core.io.sync.pending_reply import PendingReply, check_timeout
from sig_core.testing import begin
from tests.support import within

LONG = within(10.0)


def test_a_value() -> None:
    reply = PendingReply()
    assert not reply.is_done()
    reply.tell([1], None)
    assert reply.is_done() and reply.done
    assert reply.result() == [1]


def test_an_error() -> None:
    reply = PendingReply()
    reply.tell(None, RequestTimeout("too late"))
    with pytest.raises(RequestTimeout, match="too late"):
        reply.result()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_nothing_in_time(seconds: float) -> None:
    reply = PendingReply()
    assert not reply.wait(seconds)
    reply.tell(1, None)
    assert reply.wait(seconds)


def test_all_threads_that_wait_go_on_and_those_that_come_later_do_not_wait() -> None:
    reply = PendingReply()
    waiting = [begin(reply.wait, LONG) for _ in range(3)]
    reply.tell(1, None)
    assert [one.result(LONG) for one in waiting] == [True] * 3
    assert reply.wait(0) and reply.wait(0)


@pytest.mark.parametrize(("timeout", "given"), [(None, 7.0), (0, 0.0), (3, 3.0), (86_400.0, 86_400.0)])
def test_what_a_call_may_take(timeout: Any, given: float) -> None:
    made = check_timeout(timeout, 7.0)
    assert made == given and isinstance(made, float)


@pytest.mark.parametrize("timeout", [-1, 86_401, float("nan"), float("inf"), True, "3", [3]])
def test_what_no_call_may_take(timeout: Any) -> None:
    with pytest.raises(ConfigError, match="must be from 0 to 86400 seconds"):
        check_timeout(timeout, 7.0)
