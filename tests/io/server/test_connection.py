"""A connection's turn: how often it reads, and when it stops."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sig_core.io.server.connection import READS, PolledConnection
from sig_core.io.server.poller import READ
from sig_core.io.sync.receive_buffer import LARGE, ReceiveBuffer


class Flood:
    """A link that has so much to read as it is told, then nothing."""

    peer = "flood"

    def __init__(self, *reads: int) -> None:
        self.left = list(reads)

    def recv_into(self, buffer: memoryview) -> int:
        if not self.left:
            raise BlockingIOError
        return min(self.left.pop(0), len(buffer))

    def close(self) -> None:
        """Nothing is open."""


class Session:
    """Takes what comes, and holds it back after the `patience`th read."""

    def __init__(self, patience: int) -> None:
        self.peer, self.error, self.reading_paused, self.missing = "flood", None, False, 0
        self.taken: list[int] = []
        self._patience = patience

    def receive_data(self, data: bytes, now: float) -> None:
        self.taken.append(len(data))
        self.reading_paused = len(self.taken) == self._patience


def turn(link: Flood, patience: int = 0) -> list[int]:
    """Give the sizes of what one turn reads."""
    session, buffer = Session(patience), ReceiveBuffer()
    while len(buffer.read(Flood(LARGE), 0)) < LARGE:
        pass  # it has not grown yet
    unused = {"mark_dirty": pytest.fail, "note_closed": pytest.fail}
    host: Any = SimpleNamespace(lock=threading.Lock(), buffer=buffer, clock=lambda: 0.0, **unused)
    made: Any = session
    source: Any = link
    PolledConnection(host, source, made).ready(READ)
    return session.taken


def test_reads_that_fill_the_buffer_are_followed_by_some_more_but_not_for_ever() -> None:
    link = Flood(*[LARGE] * 10)
    assert turn(link) == [LARGE] * READS
    assert len(link.left) == 10 - READS


@pytest.mark.parametrize("last", [1, LARGE - 1])
def test_a_read_that_does_not_fill_it_is_the_last(last: int) -> None:
    assert turn(Flood(LARGE, last, LARGE)) == [LARGE, last]


def test_nothing_more_ends_the_turn() -> None:
    assert turn(Flood(LARGE)) == [LARGE]


def test_who_is_held_is_not_read_on() -> None:
    assert turn(Flood(*[LARGE] * 10), patience=2) == [LARGE, LARGE]
