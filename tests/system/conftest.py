"""What all system tests share: waiting without sleeping blindly, and a look at what is left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FACTOR = float(os.environ.get("SIG_TIMEOUT_FACTOR", "1"))


def within(seconds: float) -> float:
    """Scale a time limit."""
    return seconds * FACTOR


def eventually(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Return when `true()` holds; fail after so many seconds (scaled)."""
    end = time.monotonic() + within(seconds)
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        threading.Event().wait(0.002)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def sig_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sig-")]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every test leaves no thread and no descriptor."""
    gc.collect()
    before = descriptors()
    yield
    gc.collect()
    eventually(lambda: not sig_threads())
    eventually(lambda: descriptors() <= before)
