"""Runs for ports that take no long frames: looked at once, however many ports there are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import frames_of, longest_frame
from sig_core.protocol.wire import event_frame
from sig_core.routing import ports
from sig_core.routing.ports import Run
from tests.support.sessions import Net

SIZES = st.lists(st.integers(0, 200), min_size=1, max_size=60) | st.integers(0, 200).map(lambda size: [size] * 50)


def run_of(sizes: list[int], additions: bool = False) -> Run:
    frames = [event_frame(7, b"x" * size, b"{}" if additions else None) for size in sizes]
    return Run(7, "json", len(frames), b"".join(frames))


@given(SIZES, st.booleans())
def test_frames_are_cut_where_they_end(sizes: list[int], additions: bool) -> None:
    run = run_of(sizes, additions)
    frames = list(frames_of(run.data))
    assert b"".join(frames) == run.data and len(frames) == len(sizes)
    assert longest_frame(run.data) == max(map(len, frames)) - 4


@given(SIZES, st.booleans(), st.integers(5, 220))
def test_what_is_too_long_is_left_out(sizes: list[int], additions: bool, limit: int) -> None:
    run = run_of(sizes, additions)
    kept = [frame for frame in frames_of(run.data) if len(frame) - 4 <= limit]
    for _ in range(2):
        found = run.fitting(limit)
        assert (found.route, found.codec, found.count, found.data) == (7, "json", len(kept), b"".join(kept))
    assert (run.fitting(limit) is run) == (len(kept) == len(sizes))


@pytest.mark.parametrize("longest", [100, 5000])
def test_a_run_for_fifty_readers_of_short_frames_is_looked_at_once(
    longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    for name in ("longest_frame", "frames_of"):
        real = getattr(ports, name)
        monkeypatch.setattr(ports, name, lambda data, name=name, real=real: looks.append(name) or real(data))
    net = Net()
    feeder = net.connect()
    feeder.add_sender("s", ["e"])
    readers = [net.connect(limits=Limits(max_frame=4096)) for _ in range(50)]
    for reader in readers:
        reader.listen("s", "e")
    looks.clear()
    feeder.server.receive_data(b"".join(_events(feeder, [100] * 200 + [longest])), net.now)
    net.pump()
    assert looks == ["longest_frame"] + ["frames_of"] * (longest > 4096)
    for reader in readers:
        assert len(reader.heard()) == 200 + (longest <= 4096)


def _events(feeder: Any, sizes: list[int]) -> list[bytes]:
    route = feeder._routes[("s", "e")]
    return [event_frame(route, b'"' + b"x" * size + b'"') for size in sizes]
