"""The dispatcher: jobs that wait hand the role over, as many as may; a burst of them passes, a ring does not."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from sig_core.errors import Busy
from sig_core.io.server import dispatcher as module
from sig_core.io.server.dispatcher import Dispatcher, Job
from tests.support import within

LIMIT = 2


class Jobs:
    """A dispatcher, what it is to do, and which jobs ended how."""

    def __init__(self) -> None:
        self._queue: deque[Job] = deque()
        self.dispatcher = Dispatcher(lambda: self._queue.popleft() if self._queue else None, LIMIT, "sig-jobs")
        self.ended: deque[str] = deque()
        self.told = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.waiting = threading.Semaphore(0)

    def add(self, name: str, wait: Callable[[], object]) -> None:
        """A job that waits."""

        def job() -> None:
            self.begun.release()
            try:
                with self.dispatcher.waiting():
                    self.waiting.release()
                    wait()
                self.ended.append(name)
            except Busy as error:
                self.ended.append(str(error))
            self.told.release()

        self._queue.append(job)
        self.dispatcher.kick()

    def wait_for(self, what: threading.Semaphore, count: int) -> None:
        for _ in range(count):
            assert what.acquire(timeout=within(20)), list(self.ended)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.dispatcher.stop(5)


def test_a_burst_of_jobs_that_wait_passes(jobs: Jobs) -> None:
    gate = threading.Event()
    for n in range(20):
        jobs.add(str(n), gate.wait)
    jobs.wait_for(jobs.waiting, LIMIT)
    gate.set()
    jobs.wait_for(jobs.told, 20)
    assert sorted(jobs.ended, key=int) == [str(n) for n in range(20)]


def test_jobs_go_on_while_one_waits(jobs: Jobs) -> None:
    gate = threading.Event()
    jobs.add("first", gate.wait)
    jobs.add("second", gate.set)
    jobs.wait_for(jobs.told, 2)
    assert sorted(jobs.ended) == ["first", "second"]


def test_a_ring_of_jobs_that_wait_for_each_other_ends(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    gate = threading.Event()
    for n in range(LIMIT + 1):
        jobs.add(str(n), gate.wait)
    jobs.wait_for(jobs.told, 1)
    assert list(jobs.ended) == ["2 callbacks wait already, which is the limit; do not wait in this one"]
    gate.set()
    jobs.wait_for(jobs.told, LIMIT)


def test_a_stop_ends_those_who_would_wait(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 1000.0)
    gate = threading.Event()
    for n in range(LIMIT + 1):
        jobs.add(str(n), lambda: gate.wait(20))
    jobs.wait_for(jobs.begun, LIMIT + 1)
    jobs.wait_for(jobs.waiting, LIMIT)
    jobs.dispatcher.stop(0)
    jobs.wait_for(jobs.waiting, 1)
    gate.set()
    jobs.wait_for(jobs.told, LIMIT + 1)


def test_a_stop_whose_time_is_over_names_what_still_runs(caplog: pytest.LogCaptureFixture) -> None:
    queue: deque[Job] = deque()
    made = Dispatcher(lambda: queue.popleft() if queue else None, LIMIT, "sig-jobs", lambda: 100.0)
    gate, begun = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        gate.wait(20)

    queue.append(job)
    made.kick()
    assert begun.wait(20)
    made.stop(0.0)
    assert "sig-jobs: a callback still runs 0.0 s after the stop" in caplog.text
    gate.set()
