"""Waiting for what other threads do: with limits that scale, and without sleeping blindly."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import ParamSpec, TypeVar

__all__ = ["FACTOR", "THREAD", "begin", "eventually", "soon", "within"]

FACTOR = float(os.environ.get("SIG_TIMEOUT_FACTOR", "1"))
"""What all time limits are multiplied by: more than 1 on a slow or busy machine."""

THREAD = "kit-call"  # name of the kit's own threads: they are nobody's leak

P = ParamSpec("P")
R = TypeVar("R")


def within(seconds: float) -> float:
    """Scale a time limit by the environment's SIG_TIMEOUT_FACTOR."""
    return seconds * FACTOR


def eventually(true: Callable[[], object], seconds: float = 10.0, what: str = "it") -> None:
    """Return when `true()` holds.

    Args:
        true: is asked every 2 ms.
        seconds: how long to wait at most, scaled.
        what: the words of the failure.

    Raises:
        AssertionError: it did not hold in time.
    """
    end = time.monotonic() + within(seconds)
    while not true():
        if time.monotonic() >= end:
            raise AssertionError(f"{what} did not come true within {within(seconds):g} s")
        threading.Event().wait(0.002)


def begin(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Run `work` in a thread of its own; the future has what it returns or raises."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=THREAD, daemon=True).start()
    return future


def soon(what: str, seconds: float, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `work` returns, or raise what it raises; it may not take longer than `seconds`, scaled.

    Raises:
        AssertionError: it took longer; its thread is left behind.
    """
    running = begin(work, *args, **kwargs)
    return result(what, seconds, running)


def result(what: str, seconds: float, running: Future[R]) -> R:
    """Return what a call returns that runs already, or raise what it raises, as `soon` does."""
    wait([running], within(seconds))
    if not running.done():
        raise AssertionError(f"{what} has not come back within {within(seconds):g} s")
    return running.result()
