"""What tests of whole routers share: waiting without sleeping blindly, and a look at what is left behind."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sig_core.testing import eventually, within

__all__ = ["descriptors", "eventually", "nothing_left_behind", "sig_threads", "within"]

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
