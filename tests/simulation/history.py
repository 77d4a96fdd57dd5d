"""What happens, drawn by lot from one seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from sig_core.protocol.limits import Limits
from tests.simulation.choices import CODECS, Lots
from tests.simulation.steps import WEIGHTS

__all__ = ["History", "Step", "draw", "with_steps"]

PAUSES = [0.0, 0.0, 0.001, 0.005, 0.02, 0.1, 0.4]  # seconds between two steps
FEW, MANY = 15, 40  # steps
GUARDED = 0.2  # of histories: the server has rules, which change
ASKING = 0.2  # somebody asks many questions at once
RESUMED = 0.3  # of histories, in how many clients resume
CROWDED = 0.1  # of histories: all links together may hold little, so that some have to give way
STORED = 0.25  # of those without rules or little memory: the server has a store
KEPT_STEPS = ["listen_durably"] * 4 + ["leave_durable", "acknowledge", "drop_durable", "fill_disk", "list_durables"]
KEPT_STEPS += ["confirm", "confirm", "fire", "server_dies", "kill"]  # and more of what others have
KEPT_LIMITS: dict[str, list[float]] = {
    "max_durable_bytes": [1 << 30, 1 << 30, 4096],
    "max_durable_age": [1e6, 1e6, 3.0],
    "max_durables": [1000, 1000, 1],
}
BUDGETS = [16_384, 24_576, 32_768]  # bytes: `max_memory`; what is registered alone may be more, when all are there
LIMITS: dict[str, list[float]] = {
    "max_outbox": [4096, 4096, 1 << 20],
    "stall": [0.0, 0.1, 0.5],
    "keepalive": [3.0, 10.0],
    "max_requests": [3, 1000],
    "max_asked": [1, 32],
    "max_depth": [1, 16],
    "max_departed": [0, 5, 1000],
    "idle": [1.0, 60.0],
}
KINDS, SUMS = list(WEIGHTS), list(accumulate(WEIGHTS.values()))


class Step(NamedTuple):
    """Something that is done, or goes wrong, after a pause.

    Attributes:
        pause: seconds since the step before.
        kind: what, see `steps`.
        lots: say who does it, with what, and how; each is taken modulo what there is to choose from then.
    """

    pause: float
    kind: str
    lots: Lots

    def __str__(self) -> str:
        return f"{self.kind} {tuple(self.lots)}"


@dataclass(frozen=True, slots=True)
class History:
    """All that a run depends on.

    Attributes:
        seed: of what is left to chance while it runs.
        steps: what is done.
        limits, keep, attempts: of everybody; see `Limits` and `Reconnect`.
        delay: seconds that bytes take, about.
        capacity: bytes that a link holds in one direction.
        codecs: of the clients that are there from the beginning.
        lines, airs: serial lines that may be laid, and packet media.
        rules: what the server allows at first, see `draw_permissions`; None: it has no rules.
        resume: seconds for which the sessions of clients should outlive their links; None: they end with these.
        is_stored: the server keeps events for durable listeners.
    """

    seed: int
    steps: tuple[Step, ...]
    limits: Limits
    keep: int
    attempts: int | None
    delay: float
    capacity: int
    codecs: tuple[str, ...]
    lines: int
    airs: int
    rules: int | None = None
    resume: float | None = None
    is_stored: bool = False


def draw(seed: int) -> History:
    """Return the history of a seed."""
    lot = random.Random(seed)
    history = History(
        seed,
        _draw_steps(lot),
        _draw_limits(lot),
        keep=lot.choice([0, 300, 100_000]),
        attempts=lot.choice([None, None, 3]),
        delay=lot.choice([0.0005, 0.01, 0.05]),
        capacity=lot.choice([1500, 64 * 1024]),
        codecs=tuple(lot.choices(CODECS, k=lot.choice([2, 3, 3]))),
        lines=lot.choice([0, 0, 0, 0, 0, 1, 2]),
        airs=lot.choice([0, 0, 0, 0, 0, 1, 2]),
    )
    return _with_more(history, lot)


def _with_more(history: History, lot: random.Random) -> History:
    """Return a history with what only some have; drawn last, so that the others are what they were."""
    if lot.random() < GUARDED:
        history = replace(_with_some(history, lot, "change_rules", 5), rules=lot.choice([0, lot.getrandbits(16)]))
    if lot.random() < RESUMED:
        history = replace(history, resume=lot.choice([0.3, 1.5]))
    if lot.random() < ASKING:
        history = _with_some(history, lot, "ask_many", 3)
    if lot.random() < CROWDED:
        history = replace(history, limits=_with_budget(history.limits, lot.choice(BUDGETS)))
    elif history.rules is None and lot.random() < STORED:
        history = _with_store(history, lot)
    return history


def _with_store(history: History, lot: random.Random) -> History:
    for kind in lot.choices(KEPT_STEPS, k=lot.randint(8, 16)):
        history = _with_some(history, lot, kind, 1)
    limits = tuple(map(lot.choice, KEPT_LIMITS.values()))
    return replace(history, limits=_with_kept(history.limits, limits), is_stored=True)


def _with_some(history: History, lot: random.Random, kind: str, most: int) -> History:
    steps = list(history.steps)
    for _ in range(lot.randint(1, most)):
        steps.insert(lot.randrange(len(steps)), _step(lot, kind))
    return replace(history, steps=tuple(steps))


def _draw_steps(lot: random.Random) -> tuple[Step, ...]:
    return tuple([_step(lot, kind) for kind in lot.choices(KINDS, cum_weights=SUMS, k=lot.randint(FEW, MANY))])


def _step(lot: random.Random, kind: str) -> Step:
    bits = lot.getrandbits
    return Step(lot.choice(PAUSES), kind, Lots(bits(16), bits(16), bits(16), bits(16)))


def _draw_limits(lot: random.Random) -> Limits:
    return _limits(*map(lot.choice, LIMITS.values()))


@cache  # there are not many, and each is checked as it is made
def _limits(*drawn: float) -> Limits:
    return Limits(handshake=1.5, request_timeout=2.0, max_unacked=4096, **dict(zip(LIMITS, drawn, strict=True)))  # type: ignore[arg-type]


@cache
def _with_budget(limits: Limits, budget: int) -> Limits:
    return replace(limits, max_memory=budget)


@cache
def _with_kept(limits: Limits, drawn: tuple[float, ...]) -> Limits:
    return replace(limits, max_outbox=1 << 20, **dict(zip(KEPT_LIMITS, drawn, strict=True)))  # type: ignore[arg-type]


def with_steps(history: History, numbers: Sequence[int]) -> History:
    """Return a history with some of its steps alone; those that are left out take no time."""
    return replace(history, steps=tuple(history.steps[number] for number in numbers))
