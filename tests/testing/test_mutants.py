"""The kit catches what authors get wrong: each by the check that is meant for it, in words that name the breach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sig_core.testing import CarrierConformance, CodecConformance
from sig_core.testing.checks import Result, Rule, Suite, run_one
from tests.support.quick import first_quick
from tests.testing.mutants import LEFT, MUTANTS, Mutant, insist_caught

from . import broken_codecs, broken_packets, broken_streams  # noqa: F401 - they note their mutants

CARRIERS = [mutant for mutant in MUTANTS if hasattr(mutant.plugin, "connect")]
CODECS = [mutant for mutant in MUTANTS if mutant not in CARRIERS]
CONTROLS = sorted({(mutant.sound, mutant.check) for mutant in MUTANTS}, key=str)


@pytest.fixture(autouse=True)
def put_away() -> Iterator[None]:
    """Close what mutants leave open."""
    yield
    while LEFT:
        LEFT.pop()()


def outcome(plugin: Any, check: str, timeout: float) -> Result:
    """Make one check of a plug-in."""
    kind, base = ("carrier", CarrierConformance) if hasattr(plugin, "connect") else ("codec", CodecConformance)
    members = {kind: plugin, "url": getattr(plugin, "url", ""), "timeout": timeout}
    suite: type[Suite] = type("Check", (base,), members)
    return run_one(suite, Rule("", check, ""))


def test_there_are_enough() -> None:
    assert len(CARRIERS) >= 25
    assert len(CODECS) >= 10


@pytest.mark.parametrize("mutant", first_quick(MUTANTS, 12), ids=lambda mutant: mutant.broken.__name__)
def test_it_is_caught(mutant: Mutant) -> None:
    insist_caught(mutant, lambda timeout: outcome(mutant.plugin, mutant.check, timeout))


@pytest.mark.parametrize(("sound", "check"), CONTROLS, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_sound_passes(sound: Any, check: str) -> None:
    result = outcome(sound, check, 5.0)
    assert result.outcome in ("passed", "skipped"), result.reason
