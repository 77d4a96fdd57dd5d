"""docs/conformance.md lists the rules as the checks state them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sig_core.testing import KIT, BoardConformance, CarrierConformance, CodecConformance, rules
from sig_core.testing.checks import Suite

DOCUMENT = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([BCD]\d\d) \| `(\w+)` \| (.*) \| (.*) \|$", re.MULTILINE)


@pytest.mark.parametrize("suite", [CarrierConformance, CodecConformance, BoardConformance])
def test_every_rule_is_listed(suite: type[Suite]) -> None:
    letter = next(rules(suite)).number[0]
    listed = [row for row in ROW.findall(DOCUMENT) if row[0].startswith(letter)]
    stated = []
    for rule in rules(suite):
        asked, _, mend = rule.text.partition(" Mend: ")
        stated.append((rule.number, rule.method, asked, mend[:1].upper() + mend[1:]))
    assert listed == stated


def test_the_version_of_the_rules_is_told() -> None:
    assert f"version {KIT} of the rules" in DOCUMENT
