"""Rules files: what they mean, and all that is wrong with one, at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sig_core.access.rules import Rules, RulesError

DIGEST = "sha256:" + "9f" * 32
GOOD = f"""version = 1

[roles.sensor]
add = ["{{user}}", "{{user}}/*"]

[roles.panel]
see = ["house/*"]
listen = [
  {{ sender = "house/*" }},
  {{ sender = "lab", event = ["temp", 7] }},
]
request = [{{ sender = "house/*", method = ["get*"] }}]
deny.request = [{{ sender = "house/door", method = "get_key" }}]

[[who]]
token = "{DIGEST}"
user = "hall"
roles = ["sensor"]

[[who]]
anyone = true
roles = ["panel"]
at = ["tcp://127.0.0.1:3000"]
"""


def test_a_good_file() -> None:
    rules = Rules.parse(GOOD, "r.toml")
    assert list(rules.roles) == ["sensor", "panel"]
    assert len(rules.roles["panel"].allow["listen"]) == 3
    assert [who.kind for who in rules.who] == ["token", "anyone"]
    assert rules.place(rules.roles["panel"].allow["listen"][1].path) == "r.toml:10"
    assert not rules.warnings


def problems(text: str | dict[str, Any]) -> list[str]:
    with pytest.raises(RulesError) as caught:
        Rules.parse(text, "r.toml")
    return caught.value.problems


def test_all_that_is_wrong_is_told_at_once_with_its_line() -> None:
    told = problems(
        """version = 2
[roles.panel]
sees = ["x"]
add = ["a*b", ""]
listen = [{ sendr = "x" }, { sender = "a", event = "#connect" }, "house"]
operate = ["stat"]
[[who]]
token = "secret-in-clear"
user = "hall"
roles = ["panl"]
[[who]]
unix = { user = "sig" }
[[who]]
token = "sha256:12"
user = "x{name}"
roles = ["panel"]
"""
    )
    lines = [problem.partition(": ")[0] for problem in told]
    assert lines == [f"r.toml:{line}" for line in (1, 3, 4, 4, 5, 5, 5, 5, 6, 8, 10, 11, 14, 15)]
    text = "\n".join(told)
    for wanted in ("did you mean 'see'", "'sender'", "'stats'", "'panel'", "sig token new", "#connect", "has no roles"):
        assert wanted in text
    assert "secret-in-clear" not in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('deny.request = [{ sender = "house/*" }]', "one of the two can't be meant"),
        ('add = "x"', "a list was expected"),
        ("request = [{}]", "says nothing"),
        ('request = [{ sender = "x", method = [] }]', "empty list"),
        ("request = [{ method = 5 }]", "methods are text"),
        ('add = ["a*b"]', "a star stands at the end alone"),
        ('add = [""]', "matches no name"),
        ('add = ["' + "x" * 256 + '"]', "255"),
        ('add = [true]', "name"),
        ('see = ["a\\\\b"]', "a backslash stands before"),
        ('operate = ["stat"]', "did you mean 'stats'"),
        ('deny.listen = [{ sender = "hose/door" }]', "r.toml:4: roles.a.deny.listen[0]: denies nothing"),
        ('listen = [{ sender = "a*" }]\ndeny.listen = [{ sender = "a1" }, { sender = "b" }]', "deny.listen[1]: denies"),
        ('limits = { name = 3 }', "unknown key 'name', did you mean 'names'"),
    ],
)
def test_a_role_that_cannot_be_meant(change: str, told: str) -> None:
    text = "version = 1\n[roles.a]\n" + ('request = [{ sender = "house/*" }]\n' if "deny" in change else "") + change
    text += "\n[[who]]\nanyone = true\nroles = ['a']\n"
    assert told in "\n".join(problems(text))


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ('roles = ["a"]', "says by none who it is"),
        ('anyone = true\ntoken = "x"\nroles = ["a"]', "says by token, anyone who it is"),
        ('anyone = false\nroles = ["a"]', "true was expected"),
        ('port = "serial"\nuser = "u"\nroles = ["a"]', "the URL of a port"),
        ('port = "serial:///dev/x"\nroles = ["a"]', "no name of its own"),
        ('certificate = {}\nroles = ["a"]', "says nothing"),
        ('certificate = { cn = "x{user}" }\nroles = ["a"]', "{user} is nobody yet"),
        (f'token = "{DIGEST}"\nuser = "anonymous"\nroles = ["a"]', "proves nothing"),
        (f'token = "{DIGEST}"\nuser = "u"\nroles = []', "has no roles"),
    ],
)
def test_somebody_who_cannot_be_meant(who: str, told: str) -> None:
    assert told in "\n".join(problems(f"version = 1\n[roles.a]\n[[who]]\n{who}\n"))


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("anyone = true\nat = []", "an empty list is nowhere"),
        ("anyone = true\nat = ['127.0.0.1:3000']", "'127.0.0.1:3000' is no address; write it as"),
        ("anyone = true\nat = ['house/*']", "'house/*' is no address"),
        ("anyone = true\nat = ['tcp']", "'tcp' is no address"),
        ("anyone = true\nat = ['tcp://{user}:3000']", "has {user}"),
        ("anyone = true\nat = ['tcp://127.0.0.1:3000?open=1']", "has options, and addresses are known without"),
        ("certificate = { uri = 'sig:*' }\nat = ['tls+tcp://*', 'tcp://*']", "'tcp://*' shows no certificate"),
        ("unix = { user = 'root' }\nat = ['tls+tcp://127.0.0.1:1']", "shows no user of this machine"),
        ("port = 'serial:///dev/x'\nuser = 'u'\nat = ['tcp://127.0.0.1:1']", "is not the port that the rule names"),
        ("port = 'serial:///dev/x?baud=9600'\nuser = 'u'", "'serial:///dev/x?baud=9600' has options"),
    ],
)
def test_an_address_at_which_nobody_can_come_in_so(who: str, told: str) -> None:
    (found,) = problems(f"version = 1\n[roles.a]\n[[who]]\n{who}\nroles = ['a']\n")
    assert told in found and found.startswith("r.toml:")


@pytest.mark.parametrize(
    "who",
    [
        "anyone = true\nat = ['*', 'tcp*', 'tcp:*', 'tls+tcp:/*', 'TCP://*', 'x-y.z://a']",
        "certificate = { uri = 'sig:*' }\nat = ['t*', 'tls+*', 'wss://*']",
        "unix = { user = 'root' }\nat = ['unix://*', 'tls+unix:///run/sock']",
        "port = 'serial://usb:1:2'\nuser = 'u'\nat = ['serial:///dev/x', 's*']",
    ],
)
def test_an_address_at_which_somebody_may_come_in(who: str) -> None:
    assert Rules.parse(f"version = 1\n[roles.a]\n[[who]]\n{who}\nroles = ['a']\n").who


def test_what_one_role_denies_another_may_allow() -> None:
    text = 'version = 1\n[roles.a]\nlisten = [{ event = "#c" }]\n[roles.b]\ndeny.listen = [{ sender = "x" }]\n'
    assert Rules.parse(text + "[[who]]\nanyone = true\nroles = ['a', 'b']\n").roles["b"].deny["listen"]


def test_addresses_that_are_none_of_the_server() -> None:
    who = '[[who]]\nport = "serial:///dev/x"\nuser = "b"\nroles = ["a"]\n[[who]]\nanyone = true\nroles = ["a"]\n'
    rules = Rules.parse('version = 1\n[roles.a]\n' + who + 'at = ["tcp://127.0.0.1:3000", "unix://*"]\n', "r.toml")
    assert rules.unmatched({"serial:///dev/x", "tcp://127.0.0.1:3000", "unix:///a"}) == []
    told = rules.unmatched({"tcp://127.0.0.1:3001"})
    assert [each.partition(": ")[0] for each in told] == ["r.toml:4", "r.toml:10", "r.toml:10"]
    assert "nobody comes in at 'tcp://127.0.0.1:3000', did you mean 'tcp://127.0.0.1:3001'?" in told[1]


def test_no_toml_and_nobody() -> None:
    assert "no TOML" in problems("version = ")[0]
    assert "nobody is admitted" in "\n".join(problems("version = 1"))
    assert "rules: a table was expected" in problems({"version": 1, "roles": 3, "who": []})[0].replace("roles", "rules")


def test_what_is_hardly_meant_is_a_warning() -> None:
    text = 'version = 1\n[roles.a]\nadd = ["{user}*"]\n[roles.b]\n[[who]]\nanyone = true\nroles = ["a"]\n'
    warnings = Rules.parse(text, "r.toml").warnings
    assert [warning.partition(": ")[0] for warning in warnings] == ["r.toml:3", "r.toml:4"]
    text = f'version = 1\nrevoked = ["{DIGEST}"]\n[roles.a]\n[[who]]\ntoken = "{DIGEST}"\nuser = "u"\nroles = ["a"]\n'
    (warning,) = Rules.parse(text, "r.toml").warnings
    assert "r.toml:4: who[0]: what it names is in `revoked`" in warning


def test_rules_of_a_dict_are_named_by_their_keys() -> None:
    given = {"version": 1, "roles": {"a": {"add": ["x"]}}, "who": [{"anyone": True, "roles": ["a"]}]}
    rules = Rules.parse(given)
    assert rules.place(rules.roles["a"].allow["add"][0].path) == "roles.a.add[0]"


KEYS = [
    "version",
    "roles",
    "who",
    "a",
    "add",
    "listen",
    "deny",
    "limits",
    "token",
    "user",
    "certificate",
    "anyone",
    "at",
]
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(KEYS)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), anything))
def test_whatever_stands_there_it_is_rules_or_an_error(given: dict[str, Any]) -> None:
    try:
        Rules.parse(given)
    except RulesError as error:
        assert error.problems


@given(st.text(st.sampled_from('[]{}="\n #ab.,1x*'), max_size=60))
def test_whatever_text_it_is_rules_or_an_error(text: str) -> None:
    try:
        Rules.parse("version = 1\n" + text, "r.toml")
    except RulesError as error:
        assert all("r.toml" in problem for problem in error.problems)
