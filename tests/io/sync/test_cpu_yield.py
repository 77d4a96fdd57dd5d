"""Who is busy gives way: not too often, and not when it has little to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sig_core as sig
from sig_core.io.client.writer import MAX_BATCH
from sig_core.io.sync import cpu_yield
from sig_core.session.binary.gate import FRAMES
from tests.support import eventually


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """An item for each time that somebody gave way."""
    times: list[None] = []
    monkeypatch.setattr(cpu_yield, "sched_yield", lambda: times.append(None))
    yield times


def test_once_in_half_a_millisecond(given: list[None]) -> None:
    times = iter((100.0, 100.0001, 100.0004, 100.0006, 100.001, 100.0012))
    give_way, seen = cpu_yield.CpuYield(lambda: next(times)), []
    for _ in range(6):
        give_way()
        seen.append(len(given))
    assert seen == [1, 1, 1, 2, 2, 3]


def test_a_sender_gives_way_between_its_batches(given: list[None]) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        trigger = client.add_remote_sender("s", ["e"]).get_signal("e").trigger
        trigger(0)
        for _ in range(20):
            trigger("x" * MAX_BATCH)  # the other side is waited for soon enough
        client.flush()
        assert not given
        for number in range(2 * FRAMES):
            trigger(number)
        client.flush()
        assert given


def test_a_listener_gives_way_between_its_reads(given: list[None]) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        got: list[int] = []
        sender = server.add_sender("s", ["e"])
        client.add_remote_listener(lambda info, data: got.append(len(data)), "s", "e")
        sender.get_signal("e").trigger("few")
        eventually(lambda: len(got) == 1)
        assert not given
        for _ in range(100):
            sender.get_signal("e").trigger("x" * 10_000)
        eventually(lambda: len(got) == 101)
        assert given
