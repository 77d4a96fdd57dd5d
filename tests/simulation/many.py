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
from tests.simulation.world import Breach

__all__ = ["Chunk", "breach_of", "collected_between", "run_many"]

CHUNK = 50  # histories that a worker runs at a time


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
def collected_between() -> Iterator[None]:
    """Have the garbage collector look when `breach_of` says so, at nothing but what a history has left.

    By itself it took a sixth of the time; and what is collected early has its memory used again while that is at hand.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def breach_of(seed: int) -> Breach | None:
    """Run the history of a seed, within `collected_between`; return what does not hold."""
    breach = run(draw(seed)).breach
    gc.collect()
    return breach


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
    with collected_between(), mutated(mutant) if mutant else nullcontext():
        for seed in seeds:
            breach = breach_of(seed)
            if breach is not None:
                breaches[seed] = str(breach)
    return Chunk(len(seeds), breaches, time.process_time() - began)
