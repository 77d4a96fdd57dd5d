"""One close, whoever comes first, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from sig_core.links.close_once import CloseOnce
from tests.support import eventually, nothing_left_behind

__all__ = ["nothing_left_behind"]


class Thing:
    """What counts how often it is closed, and then does what the test wants."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.closed = 0
        self._then = then

    def close(self) -> None:
        self.closed += 1
        self._then()


def test_many_threads_close_once() -> None:
    thing = Thing()
    once = CloseOnce(thing, "link")
    threads = [threading.Thread(target=once.close) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (thing.closed, once.closed) == (1, True)


@pytest.mark.parametrize("error", [OSError("broken"), asyncio.CancelledError("broken"), GeneratorExit("broken")])
def test_a_close_that_fails_is_logged_by_a_thread_that_holds_no_lock(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    CloseOnce(Thing(fail), "link").close()
    eventually(lambda: caplog.records)
    (record,) = caplog.records
    assert record.getMessage() == f"link: its close failed: {type(error).__name__}: broken"
    assert record.threadName == "sig-close"
