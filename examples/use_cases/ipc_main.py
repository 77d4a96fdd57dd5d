"""Processes that talk over a Unix socket: hands jobs to workers by requests, and shows how far they are by events."""

from __future__ import annotations

import argparse
import queue
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sig_core as sig

WORKER = Path(__file__).with_name("ipc_worker.py")
LONGEST = 3600.0  # seconds that a job may take

Idle = queue.SimpleQueue[str | None]
"""Names of workers that have nothing to do; None when all shall end."""


@contextmanager
def processes(url: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start workers; they are ended and waited for."""
    with ExitStack() as stack:
        started = []
        for number in range(1, count + 1):
            command = [sys.executable, str(WORKER), "--url", url, "--name", f"worker {number}"]
            started.append(stack.enter_context(subprocess.Popen(command)))
            stack.callback(started[-1].terminate)
        yield started


def first(idle: Idle, workers: list[subprocess.Popen[bytes]]) -> str:
    """Wait for a worker that has nothing to do."""
    while True:
        try:
            name = idle.get(timeout=0.5)
        except queue.Empty:
            if any(worker.poll() is not None for worker in workers):
                sys.exit("a worker has ended")
        else:
            return name or sys.exit("ended before all was done")


def count_primes(server: sig.ServerRouter, idle: Idle, worker: str, below: int) -> None:
    """Give a worker a job; when it is done, say what came of it."""

    def done(job: Future[int]) -> None:
        error = job.exception()
        say(f"{worker}: {error or f'{job.result()} primes below {below}'}")
        idle.put(None if error else worker)

    server.request_async(worker, "count_primes", below, LONGEST).add_done_callback(done)


def show(info: sig.Info, data: Any) -> None:
    say(f"{info['sender']}: {data['percent']} % of {data['below']}")


def say(text: str) -> None:
    """Print a line in one piece: events and answers come on two threads."""
    print(text + "\n", end="", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="where to listen (default: unix:// in a folder of its own)")
    parser.add_argument("--workers", type=int, default=2, help="how many (default: %(default)s)")
    parser.add_argument("numbers", type=int, nargs="*", default=[20_000, 40_000, 60_000, 80_000])
    options = parser.parse_args()

    idle: Idle = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: idle.put(None))
    with tempfile.TemporaryDirectory() as folder, sig.ServerRouter(options.url or f"unix://{folder}/s") as server:
        server.add_listener(lambda info, data: idle.put(info["sender"]), event="#ready")
        server.add_listener(show, event="#progress")
        with processes(server.addresses[0], options.workers) as workers:
            for below in options.numbers:
                count_primes(server, idle, first(idle, workers), below)
            for _ in workers:  # when all are idle again, all is done
                first(idle, workers)


if __name__ == "__main__":
    main()
