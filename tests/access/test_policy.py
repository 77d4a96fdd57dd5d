"""Answers, compared with a reference that looks at every rule each time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sig_core.access import policy as policy_module
from sig_core.access.policy import Policy
from sig_core.access.principal import Principal
from sig_core.access.rules import Rules, RulesError

USERS = ["a", "b", "a*"]
SENDERS: list[Any] = ["a", "b", "a/x", "b/x", "a*", 1, 2]
NAMES = ["x", "xy", "#x", "y"]
patterns = st.sampled_from(["*", "a", "a/*", "b*", "{user}", "{user}/*", r"a\*", 1])
names = st.sampled_from(["*", "x", "x*", "#x", "y"])
pairs = st.lists(
    st.fixed_dictionaries({"sender": patterns}, optional={"event": st.lists(names, min_size=1, max_size=2)}), max_size=3
)
grants = st.fixed_dictionaries(
    {"add": st.lists(patterns, max_size=2), "see": st.lists(patterns, max_size=2), "listen": pairs}
)
roles = st.fixed_dictionaries({}, optional={name: st.tuples(grants, grants) for name in ("p", "q", "r")})


def naive_match(pattern: Any, user: str, name: Any) -> bool:
    if not isinstance(pattern, str):
        return bool(pattern == name)
    if pattern == "*":
        return True
    is_open, literal = pattern.endswith("*") and not pattern.endswith(r"\*"), pattern.replace(r"\*", "*")
    literal = (pattern[:-1] if is_open else literal).replace("{user}", user)
    return isinstance(name, str) and (name.startswith(literal) if is_open else name == literal)


def naive(found: dict[str, Any], mine: list[str], user: str, action: str, sender: Any, name: Any) -> bool:
    def says(grant: dict[str, Any]) -> bool:
        if action != "listen":
            return any(naive_match(each, user, sender) for each in grant[action])
        return any(
            naive_match(each["sender"], user, sender)
            and any(naive_match(event, user, name) for event in each.get("event", ["*"]))
            for each in grant["listen"]
        )

    allowed = any(says(found[role][0]) for role in mine)
    return allowed and not any(says(found[role][1]) for role in mine)


def make(found: dict[str, Any]) -> Policy | None:
    given = {role: {**allow, "deny": deny} for role, (allow, deny) in found.items()}
    who = [{"anyone": True, "roles": list(found)}]
    try:
        return Policy(Rules.parse({"version": 1, "roles": given, "who": who}))
    except RulesError:  # they contradict each other, or there is no role
        return None


@given(roles, st.data())
def test_as_the_reference(found: dict[str, Any], data: st.DataObject) -> None:
    policy = make(found)
    if policy is None:
        return
    mine = data.draw(st.lists(st.sampled_from(sorted(found)), unique=True))
    user = data.draw(st.sampled_from(USERS))
    who = Principal(user, "token", roles=frozenset(mine))
    for _ in range(2):  # the second answers are kept ones
        for sender in SENDERS:
            for action in ("add", "see"):
                assert policy.decide(who, action, sender).allowed == naive(found, mine, user, action, sender, None)
            for name in NAMES:
                expected = naive(found, mine, user, "listen", sender, name)
                assert policy.decide(who, "listen", sender, name).allowed == expected
                if expected:  # who may hear something may ask for more
                    for wide in ((None, None), (sender, None), (None, name)):
                        assert policy.decide(who, "listen", *wide).allowed


def test_presence_is_seen_not_listened_to() -> None:
    policy = make({"p": ({"add": [], "see": ["a"], "listen": [{"sender": "b"}]}, {"add": [], "see": [], "listen": []})})
    assert policy is not None
    who = Principal("u", "token", roles=frozenset({"p"}))
    assert policy.decide(who, "listen", "a", "#connect").allowed
    assert not policy.decide(who, "listen", "b", "#connect").allowed
    assert not policy.decide(who, "listen", "a", "x").allowed
    assert policy.decide(who, "listen", "a").allowed
    assert policy.decide(who, "listen", "a", "#connect").rule == "roles.p.see[0]: roles.p.see[0]"


def test_answers_that_are_kept_are_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(policy_module, "MOST_ANSWERS", 10)
    policy = make({"p": ({"add": ["{user}"], "see": [], "listen": []}, {"add": [], "see": [], "listen": []})})
    assert policy is not None
    for number in range(100):
        who = Principal(f"u{number}", "token", roles=frozenset({"p"}))
        assert policy.decide(who, "add", f"u{number}").allowed
        assert len(policy._profiles) == 1
        assert sum(len(profile.answers) for profile in policy._profiles.values()) <= 10
