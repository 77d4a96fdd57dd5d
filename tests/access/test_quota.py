"""Limits of roles: what may be said, and what those may take who have several."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.access.admission import Admission
from sig_core.access.principal import Facts
from sig_core.access.quota import RANGES, Quota
from sig_core.access.rules import Rules, RulesError

TOKEN = "sha256:" + "9f" * 32


def text(limits: str) -> str:
    return f"version = 1\n[roles.a]\nlimits = {limits}\n[[who]]\nanyone = true\nroles = ['a']\n"


def test_what_a_role_says() -> None:
    rules = Rules.parse(text("{ links = 2, bytes_per_second = 1_000_000 }"))
    assert rules.roles["a"].limits == Quota(links=2, bytes_per_second=1_000_000)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ("{ link = 2 }", "unknown key 'link', did you mean 'links'?"),
        ("{ links = 0 }", "roles.a.limits.links: an integer from 1 to 10000000 was expected, not 0"),
        ("{ names = true }", "not True"),
        ("{ names = 1.5 }", "not 1.5"),
        ("{ names = 'x' }", "not 'x'"),
        ("{ bytes_per_second = 999 }", "from 1000 to"),
        ("{ memory = 100 }", "from 4096 to"),
        ("7", "a table was expected"),
    ],
)
def test_what_cannot_be_meant(limits: str, told: str) -> None:
    with pytest.raises(RulesError) as bad:
        Rules.parse(text(limits), "r.toml")
    assert told in str(bad.value)
    assert str(bad.value).startswith("r.toml:3: ")


def test_of_several_roles_the_greatest_counts_that_says_it() -> None:
    one, two, none = Quota(links=1, names=5), Quota(links=3, memory=4096), Quota()
    assert Quota.greatest([one, none, two]) == Quota(links=3, names=5, memory=4096)
    assert Quota.greatest([none]) is None
    assert Quota.greatest([]) is None


def test_a_principal_has_the_quota_of_its_roles() -> None:
    roles: dict[str, Any] = {"a": {"limits": {"links": 1}}, "b": {"limits": {"links": 4}}, "c": {}}
    who = [
        {"token": TOKEN, "user": "u", "roles": ["a", "b", "c"]},
        {"port": "tcp://x", "user": "v", "roles": ["c"]},
    ]
    door = Admission(Rules.parse({"version": 1, "roles": roles, "who": who}))
    for facts, quota in ((Facts("y", token=TOKEN), Quota(links=4)), (Facts("tcp://x"), None)):
        found = door.admit(facts)
        assert found is not None
        assert found.quota == quota


def test_all_that_may_be_said_has_a_range() -> None:
    assert list(RANGES) == list(Quota.__slots__)
    for name, (low, high) in RANGES.items():
        assert Rules.parse(text(f"{{ {name} = {low} }}")) and Rules.parse(text(f"{{ {name} = {high} }}"))
