"""Run histories of whole networks, each from a seed; replay one, and shrink it.

Exit status 1: something does not hold that must. Then the seed is printed, and the command that replays it.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from contextlib import nullcontext

from tests.simulation.history import History, draw, with_steps
from tests.simulation.many import run_many
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.running import Outcome, run
from tests.simulation.shrink import shrink

BREACHES = 10  # after which it is enough
STEPS = ","


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, metavar="N", help="how many histories (default: 2000)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of them (default: 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--seed", type=int, help="replay only this one")
    parser.add_argument("--steps", metavar="N,N,...", help="with --seed: only these of its steps")
    parser.add_argument("--shrink", action="store_true", help="with --seed: drop steps while it breaks the same")
    parser.add_argument("--verbose", action="store_true", help="with --seed: print what happens, step by step")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), metavar="NAME", help="with this fault put into the core")
    return parser.parse_args()


def replay(history: History, verbose: bool) -> Outcome:
    """Run one history, and print what comes of it."""
    outcome = run(history, _print if verbose else None)
    print(f"seed {history.seed}: {outcome.breach or 'all holds'}; {outcome.seconds:.1f} s, {outcome.jobs} jobs")
    if verbose and outcome.breach is not None and outcome.breach.__cause__ is not None:
        traceback.print_exception(outcome.breach.__cause__)
    return outcome


def _print(when: float, who: str, text: str) -> None:
    print(f"{when:9.4f}  {who:10} {text}")


def one(given: argparse.Namespace) -> bool:
    """Replay, and shrink, one history; return whether all holds."""
    history = draw(given.seed)
    if given.steps is not None:
        history = with_steps(history, [int(number) for number in given.steps.split(STEPS) if number])
    if given.shrink:
        breach = run(history).breach
        if breach is not None:
            history, numbers = shrink(history, breach.rule)
            print(f"{len(numbers)} steps are left: --seed {given.seed} --steps {STEPS.join(map(str, numbers))}")
    return replay(history, given.verbose).breach is None


def many(given: argparse.Namespace) -> bool:
    """Run histories; return whether all holds."""
    breaches, done, used = 0, 0, 0.0
    for chunk in run_many(range(given.first, given.first + given.seeds), given.workers, given.mutant):
        done, used = done + chunk.count, used + chunk.seconds
        for seed, text in chunk.breaches.items():
            breaches += 1
            print(f"seed {seed}: {text}")
            print(f"    python -m tests.simulation --seed {seed} --shrink --verbose", flush=True)
        if breaches >= BREACHES:
            break
    print(f"{done} histories, {breaches} breaches, {done / used:.0f} histories/s of processor time")
    return not breaches


def main() -> int:
    """Run what the command line says; return the exit status."""
    given = arguments()
    if given.seed is None:
        return not many(given)
    with mutated(given.mutant) if given.mutant else nullcontext():
        return not one(given)


if __name__ == "__main__":
    sys.exit(main())
