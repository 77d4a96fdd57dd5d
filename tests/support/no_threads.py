"""A system that starts no more threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from unittest import mock

__all__ = ["no_threads"]


@contextmanager
def no_threads(*patterns: str, times: int = 10**9) -> Iterator[list[str]]:
    """Let threads whose names match (`sig-reader*`) not be started, so many times; yields the names of those."""
    refused: list[str] = []
    start = threading.Thread.start

    def refusing(thread: threading.Thread) -> None:
        if any(fnmatchcase(thread.name, each) for each in patterns) and len(refused) < times:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    with mock.patch.object(threading.Thread, "start", refusing):
        yield refused
