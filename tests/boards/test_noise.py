"""Noise on the line: everything arrives once and in order. Cases 1, 2, 4, 9, 11 and 14 of README.md."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.rig import Board, Noise, SerialLine, Splice, Workshop
from tests.support.traffic import heard_by_host

BAD = Noise.even(0.02, burst=0.0002, between=0.005)
"""2 % of all bytes are lost, flipped, doubled or joined by another one, and now and then 1 to 200 of garbage come."""

BAD_FOR_CRC_16 = Noise.even(0.005, burst=0.0002, between=0.005)
"""The same with 0.5 %: of packets that were damaged in more than one place a CRC-16 takes one in 65,536 for whole, one
in a hundred runs with the noise above. With this none of 700,000 damaged ones was."""

MANY = 10_000 if int(os.environ.get("SIG_SWEEP", "1")) > 1 else 3_000

Starts = Callable[..., Any]


def exchanged(port: str, name: str, events: int, requests: int, seconds: float) -> None:
    """The whole of it: a server, a board that registers, traffic, and one session from first to last."""
    with heard_by_host(name, port) as traffic:
        traffic.wait_in()
        traffic.exchange(events, requests, seconds)
        assert traffic.presence[1:] == []


@pytest.fixture
def spliced(lines: Starts, running: ExitStack) -> Callable[..., SerialLine]:
    """Put a noisy line before the port of an emulated board."""

    def start(board: Board, **how: Any) -> SerialLine:
        line: SerialLine = lines(**how)
        running.enter_context(Splice(board.port, line.b))
        return line

    return start


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_native(seed: int, lines: Starts, native: Starts, workshop: Workshop) -> None:
    line = lines(seed=seed, noise=BAD)
    native(workshop.firmware("native-asan", MTU=48, SLOTS=4), on=line.b)
    exchanged(line.port, "native", 1000, 100, 60)
    assert line.counts("to_a").noise > 100
    assert line.counts("to_b").noise > 100


@pytest.mark.slow
def test_thousands_each_way(lines: Starts, native: Starts, workshop: Workshop) -> None:
    """10,000 with `make soak`, which takes most of a minute."""
    line = lines(seed=99, noise=BAD)
    native(workshop.firmware("native", MTU=48, SLOTS=4), on=line.b)
    exchanged(line.port, "native", MANY, MANY // 10, 200)


@pytest.mark.parametrize(
    ("slots", "share"),
    [
        pytest.param(1, 0.01, marks=pytest.mark.slow),
        (2, 0.001),
        pytest.param(8, 0.01, marks=pytest.mark.slow),
    ],
)
def test_windows(slots: int, share: float, lines: Starts, native: Starts, workshop: Workshop) -> None:
    line = lines(seed=slots, noise=Noise.even(share))
    native(workshop.firmware("native", MTU=64, SLOTS=slots), on=line.b)
    exchanged(line.port, "native", 500, 50, 60)


def test_long_messages(lines: Starts, native: Starts, workshop: Workshop) -> None:
    line = lines(seed=5, noise=Noise.even(0.005))
    native(workshop.firmware("native", MTU=48, SLOTS=4), on=line.b)
    with heard_by_host("native", line.port) as traffic:
        traffic.wait_in()
        for size in (*range(36, 50), 253, 254, 255, 256, 1000, 2000):
            for byte in (b"\0", b"\1", b"\xff"):
                assert traffic.ask("echo", byte * size) == byte * size


@pytest.mark.parametrize("seed", range(2))
def test_avr(seed: int, avr: Starts, spliced: Starts, workshop: Workshop) -> None:
    line = spliced(avr(workshop.firmware("avr")), seed=seed, noise=BAD_FOR_CRC_16)
    exchanged(line.port, "uno", 500, 50, 100)


@pytest.mark.parametrize("seed", range(2))
def test_cortex(seed: int, cortex: Starts, spliced: Starts, workshop: Workshop) -> None:
    line = spliced(cortex(workshop.firmware("cortex")), seed=seed, noise=BAD)
    exchanged(line.port, "cortex", 500, 50, 100)


@pytest.mark.parametrize("seed", range(2))
def test_micropython(seed: int, micropython: Starts, spliced: Starts) -> None:
    line = spliced(micropython(), seed=seed, noise=BAD)
    exchanged(line.port, "mp", 500, 50, 100)
