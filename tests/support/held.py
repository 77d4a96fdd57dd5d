"""A lock that another thread has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import within

__all__ = ["held_elsewhere", "is_free"]


@contextmanager
def held_elsewhere(lock: Any) -> Iterator[None]:
    """Have a thread of its own hold a lock during the block."""
    taken, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            enough.wait(within(60))

    thread = threading.Thread(target=hold, name="holder")
    thread.start()
    taken.wait(within(10))
    try:
        yield
    finally:
        enough.set()
        thread.join(within(10))


def is_free(lock: Any, seconds: float = 5) -> bool:
    """Return whether a thread that is not this one can take a lock within `seconds`."""
    got: list[bool] = []

    def take() -> None:
        got.append(lock.acquire(timeout=within(seconds)))
        if got[0]:
            lock.release()

    thread = threading.Thread(target=take, name="taker")
    thread.start()
    thread.join()
    return got[0]
