"""Many histories, on as many cores as there are."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from tests.simulation.history import draw
from tests.simulation.mutants import mutated
from tests.simulation.running import run

__all__ = ["Chunk", "rarely_collected", "run_many"]

CHUNK = 50  # histories that a worker runs at a time
OBJECTS = 50_000  # that are made before the collector looks: a history makes fewer, and all of them go with it


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came of some histories.

    Attributes:
        count: of histories that were run.
        breaches: what does not hold, by seed.
        seconds: of processor time that they took.
    """

    count: int
    breaches: dict[int, str]
    seconds: float


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Have the garbage collector look more rarely: it took a sixth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def run_many(seeds: range, workers: int = 1, mutant: str | None = None) -> Iterator[Chunk]:
    """Run the histories of some seeds; yield what came of them, in order, some at a time.

    Args:
        workers: processes.
        mutant: a fault that is put into the core.
    """
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    work = partial(_run_chunk, mutant)
    if workers == 1:
        yield from map(work, chunks)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(work, chunks)


def _run_chunk(mutant: str | None, seeds: range) -> Chunk:
    breaches: dict[int, str] = {}
    began = time.process_time()
    with rarely_collected(), mutated(mutant) if mutant else nullcontext():
        for seed in seeds:
            breach = run(draw(seed)).breach
            if breach is not None:
                breaches[seed] = str(breach)
    return Chunk(len(seeds), breaches, time.process_time() - began)
