"""A parent that hands jobs to worker processes over a Unix socket."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.examples.use_cases.program import Program
from tests.support import eventually
from tests.support.quick import first_quick

LONG = "900000000"  # a job that nobody waits for


def processes_of(folder: Path) -> list[int]:
    """Give the workers whose command line has this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:  # it has just ended
            continue
        if str(folder).encode() in words and b"ipc_worker" in words:
            found.append(int(path.parent.name))
    return found


def test_jobs_are_done_and_told_of() -> None:
    with Program("ipc_main", "1000", "20000", "40000") as program:
        assert program.failed() == (0, "")
        said = re.sub("worker [12]", "worker", program.out.text()).splitlines()
    assert sorted(said) == [
        "worker: 100 % of 20000",
        "worker: 100 % of 40000",
        "worker: 168 primes below 1000",
        "worker: 2262 primes below 20000",
        "worker: 4203 primes below 40000",
        "worker: 50 % of 40000",
    ]


@pytest.mark.parametrize("number", first_quick([signal.SIGINT, signal.SIGTERM]))
def test_an_end_amid_a_job(tmp_path: Path, number: int) -> None:
    with Program("ipc_main", "--url", f"unix://{tmp_path}/s", "100", LONG) as program:
        program.find(r"worker \d: 25 primes below 100")
        program.send(number)
        assert program.failed() == (1, "ended before all was done")
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_is_killed(tmp_path: Path) -> None:
    with Program("ipc_main", "--url", f"unix://{tmp_path}/s", "--workers", "1", "100", LONG) as program:
        program.find(rf"worker 1: 0 % of {LONG}")
        (worker,) = processes_of(tmp_path)
        os.kill(worker, signal.SIGKILL)
        program.find(r"worker 1: .*lost while the request was open")
        assert program.status() == 1


def test_a_parent_that_is_killed_takes_its_workers_along(tmp_path: Path) -> None:
    with Program("ipc_main", "--url", f"unix://{tmp_path}/s", "100", LONG) as program:
        program.find(rf"worker \d: 0 % of {LONG}")
        assert len(processes_of(tmp_path)) == 2
        program.kill()
    eventually(lambda: processes_of(tmp_path) == [])
