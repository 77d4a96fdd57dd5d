"""The time, what is due, and all that is left to chance."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Breach", "Trace", "World"]

Job: TypeAlias = Callable[[], object]
Trace: TypeAlias = Callable[[float, str, str], object]
MOST = 100_000  # jobs of one history


class Breach(BaseException):  # what catches exceptions of users' callbacks must not catch it
    """Something does not hold that must.

    Attributes:
        rule: which, in a word or two; the same for all breaches of its kind.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class World:
    """Runs jobs in the order of their times; those of one time in the order in which they came.

    Args:
        seed: of all that is left to chance.
        trace: called with (seconds, who, text) for each step, or None.

    Attributes:
        now: seconds since the beginning.
        chance: where everybody gets random numbers from.
        jobs: that were run.
    """

    def __init__(self, seed: int, trace: Trace | None = None) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self.random = self.chance.random
        self.jobs = 0
        self.trace = trace
        self._due: list[tuple[float, int, Job]] = []
        self._turn: deque[Job] = deque()
        self._numbers = 0

    def note(self, who: str, text: str, *values: object) -> None:
        """Trace something; the values are written into the text, as `str.format` does it, if anybody reads it."""
        if self.trace is not None:
            self.trace(self.now, who, text.format(*values))

    def number(self) -> int:
        """Return a number that nothing else has."""
        self._numbers += 1
        return self._numbers

    def at(self, when: float, job: Job) -> None:
        """Run a job at a time, or now if that is over."""
        self._numbers = number = self._numbers + 1
        heapq.heappush(self._due, (when, number, job))

    def after(self, seconds: float, job: Job) -> None:
        """Run a job so many seconds from now."""
        self.at(self.now + seconds, job)

    def soon(self, job: Job) -> None:
        """Run a job now, after what is run just now."""
        self._turn.append(job)

    def run(self, until: float) -> None:
        """Run what is due until a time."""
        due, turn, pop, jobs = self._due, self._turn, heapq.heappop, self.jobs
        try:
            while True:
                while turn:
                    jobs += 1
                    turn.popleft()()
                if not due or due[0][0] > until:
                    break
                when, _, job = pop(due)
                if when > self.now:
                    self.now = when
                jobs += 1
                job()
                if jobs > MOST:
                    raise Breach("endless", f"{MOST} jobs, and no end")
        finally:
            self.jobs = jobs
        self.now = max(self.now, until)
