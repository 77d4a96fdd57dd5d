"""A short run of the fuzzer, the same each time: what is known to reach much, and mutations of it."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.fuzz.corpus import inputs_of
from tests.fuzz.mutation import mutations
from tests.fuzz.targets import TARGETS

SHORT, LONG = 300, 10_000  # inputs of each target


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_found_once_breaks_nothing(target: str) -> None:
    for data in inputs_of(target):
        TARGETS[target](data)


def run(target: str, count: int, seed: int) -> None:
    for data in islice(mutations(inputs_of(target), seed), count):
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(f"{target} is broken by {data!r}")
            raise


@pytest.mark.parametrize("target", TARGETS)
def test_some_mutations_break_nothing(target: str) -> None:
    run(target, SHORT, 1)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_many_mutations_break_nothing(target: str) -> None:
    run(target, LONG, 2)


def test_mutations_are_the_same_for_the_same_seed() -> None:
    corpus = inputs_of("server")
    one, other = (list(islice(mutations(corpus, seed), 200)) for seed in (1, 1))
    assert one == other != list(islice(mutations(corpus, 2), 200))
    assert len(set(one)) > 150
