"""Whole networks in virtual time: all holds that must, the same seed does the same, and a breach gets small."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.simulation import __main__ as command
from tests.simulation.history import draw, with_steps
from tests.simulation.many import breach_of, collected_between, run_many
from tests.simulation.mutants import mutated
from tests.simulation.running import run
from tests.simulation.shrink import shrink
from tests.simulation.steps import STEPS
from tests.support import ROOT, within

TOGETHER = 100  # histories of one test
QUICK, ALL = 3, 20  # times as many


def chunks() -> list[Any]:
    """The first seeds of each test: a few for the quick suite, 2,000 histories for all of it."""
    first = [number * TOGETHER for number in range(ALL)]
    return [seed if seed < QUICK * TOGETHER else pytest.param(seed, marks=pytest.mark.slow) for seed in first]


@pytest.mark.parametrize("first", chunks())
def test_all_holds(first: int) -> None:
    with collected_between():
        for seed in range(first, first + TOGETHER):
            breach = breach_of(seed)
            if breach is not None:
                raise AssertionError(f"python -m tests.simulation --seed {seed} --shrink --verbose") from breach


def traced(seed: int) -> list[str]:
    """What happens, line by line."""
    lines: list[str] = []
    run(draw(seed), lambda when, who, text: lines.append(f"{when!r} {who} {text}"))
    return lines


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_seed_is_a_history(seed: int) -> None:
    lines = traced(seed)
    assert traced(seed) == lines
    script = f"from tests.simulation.test_simulation import traced; print(*traced({seed}), sep='\\n')"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=within(60))
    assert told.stdout.splitlines() == lines  # in another process too, where sets have another order


def test_every_kind_of_step_is_drawn() -> None:
    drawn = {step.kind for seed in range(300) for step in draw(seed).steps}
    assert drawn == STEPS.keys()


def test_what_is_left_of_a_breach_breaks_the_same() -> None:
    with mutated("a presence event is forgotten"):
        history = next(each for each in map(draw, range(100)) if run(each).breach is not None)
        breach = run(history).breach
        assert breach is not None
        small, numbers = shrink(history, breach.rule)
        again = run(with_steps(history, numbers)).breach
        assert again is not None and again.rule == breach.rule
        assert len(small.steps) == len(numbers) < len(history.steps) / 2
    assert run(history).breach is None


@pytest.mark.slow
def test_workers_run_the_same_in_order() -> None:
    mutant = "targets are not looked up again"
    one, two = (list(run_many(range(10, 75), workers, mutant)) for workers in (1, 2))
    assert [(each.count, each.breaches) for each in one] == [(each.count, each.breaches) for each in two]
    assert [each.count for each in one] == [50, 15] and one[1].breaches


@pytest.mark.pure_only("a fault is put into a method")
def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*options: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["simulation", *options])
        status = command.main()
        return status, capsys.readouterr().out

    assert said("--seeds", "3")[0] == 0
    mutant = "--mutant", "targets are not looked up again"
    status, text = said("--seeds", "60", "--workers", "1", *mutant)
    again = re.search(r"python -m tests\.simulation --seed (\d+) --shrink --verbose", text)
    assert status == 1 and again is not None
    status, text = said("--seed", again[1], "--shrink", "--verbose", *mutant)
    assert status == 1 and f" steps are left: --seed {again[1]} --steps " in text and re.search(r"client \d", text)
