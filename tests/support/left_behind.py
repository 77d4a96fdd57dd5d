"""A look at what a test leaves behind: threads and descriptors."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sig_core.testing import eventually

__all__ = ["descriptors", "nothing_left_behind", "sig_threads"]


def descriptors() -> int:
    """Return how many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def sig_threads() -> list[str]:
    """Return the names of the threads that pysig has started and that still run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sig-")]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every test leaves no thread and no descriptor."""
    gc.collect()
    gc.freeze()  # what earlier tests keep is not looked at again at the end: half a second, late in the suite
    before = descriptors()
    yield
    gc.collect()
    try:
        eventually(lambda: not sig_threads())
    except AssertionError:
        raise AssertionError(f"these threads go on: {sig_threads()}") from None
    eventually(lambda: descriptors() <= before)
