"""What a writer sends at once, and what it lets gather; its thread does not run here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sig_core.io.client import writer as module
from sig_core.io.client.writer import BURST, BYTES, GAP, Writer
from sig_core.session.binary.gate import FRAMES


class Link:
    """Takes all that it is given."""

    peer, traits, wants_write = "link", None, False

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send_some(self, data: bytes | memoryview) -> int:
        self.sent.append(bytes(data))
        return len(data)

    def recv_into(self, buffer: memoryview) -> int:
        raise BlockingIOError

    def fileno(self) -> int:
        return -1

    def send(self, data: bytes) -> None: ...
    def receive(self, timeout: float) -> bytes | None: ...
    def close(self) -> None: ...


class Desk:
    """A writer whose time stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        clock = SimpleNamespace(perf_counter=lambda: self.now, monotonic=lambda: self.now)
        monkeypatch.setattr(module, "time", clock)
        self.link = Link()
        self.session: Any = SimpleNamespace(out=[], sent=lambda count, now: None)
        made: Any = self.link
        self.writer = Writer(self.session, made, lambda now: 1.0, pytest.fail, pytest.fail)

    def fire(self, size: int = 10) -> None:
        self.session.out.append(bytes(size))
        self.writer.added(size)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def test_events_with_time_between_them_are_sent_at_once(desk: Desk) -> None:
    for sent in range(1, 20):
        desk.fire()
        assert len(desk.link.sent) == sent
        desk.now += GAP
    assert not desk.writer.gathers


def test_a_short_burst_is_sent_at_once_and_what_follows_gathers(desk: Desk) -> None:
    for sent in range(1, BURST + 2):
        desk.fire()
        assert len(desk.link.sent) == sent
    desk.fire()
    assert desk.writer.gathers
    desk.fire()
    assert len(desk.link.sent) == BURST + 1
    desk.writer.flush()
    assert desk.link.sent[-1] == bytes(20)


def test_bursts_with_time_between_them_do_not_gather(desk: Desk) -> None:
    for _ in range(20):
        for _ in range(BURST + 1):
            desk.fire()
        desk.now += GAP
    assert len(desk.link.sent) == 20 * (BURST + 1)
    assert not desk.writer.gathers


@pytest.mark.parametrize(("size", "events"), [(10, FRAMES), (BYTES // 8, 8)])
def test_who_gathered_enough_sends_it(desk: Desk, size: int, events: int) -> None:
    desk.writer.gathers = True
    for number in range(events):
        assert not desk.link.sent, number
        desk.fire(size)
    assert desk.link.sent == [bytes(size * events)]


def test_a_big_event_is_sent_at_once(desk: Desk) -> None:
    desk.writer.gathers = True
    desk.fire()
    desk.fire(BYTES)
    assert desk.link.sent == [bytes(10 + BYTES)]
