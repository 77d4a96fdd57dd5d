"""Each check takes what it says, and says of the rest what is wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import ConfigError, RemoteProtocolError
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields

TEXT = checks.text(1, 3)
COUNT = checks.count(0, 9)
SECONDS = checks.seconds(0.1, 10)
HEX = checks.hexadecimal(2, 6)
NUMBERS = checks.list_of(COUNT, 1, 2)
MAYBE = checks.optional(COUNT)
EITHER = checks.choice_of(TEXT, COUNT)

GOOD = [
    (TEXT, ["a", "abc", "€€€", "\0"]),
    (COUNT, [0, 9]),
    (SECONDS, [0.1, 10, 10.0, 1]),
    (checks.boolean, [True, False]),
    (HEX, ["00", "a5", "012def"]),
    (NUMBERS, [[1], [0, 9]]),
    (MAYBE, [None, 0, 9]),
    (EITHER, ["a", 3]),
    (checks.name, ["a", "n" * 255, "€" * 85, 0, -(2**63), 2**64 - 1, 0.5, -1e308, 5e-324, "#c", " "]),
]
BAD = [
    (TEXT, ["", "abcd", b"a", 5, None, True, [], {}]),
    (COUNT, [-1, 10, 1.0, "1", True, False, None, [], {}]),
    (SECONDS, [0.09, 10.1, -1, math.nan, math.inf, -math.inf, True, "1", None, [], 10**400]),
    (checks.boolean, [0, 1, None, "true", [], {}]),
    (HEX, ["", "0", "012", "01234567", "A5", "0g", "0x", " 0", "0\n", "\u0660\u0660", b"00", 12, None]),
    (NUMBERS, [[], [1, 2, 3], [1, 10], [None], ["1"], (1,), "1", {1: 1}, None, 1]),
    (MAYBE, [10, "1", True, []]),
    (EITHER, ["", "abcd", 10, None, True, []]),
    (checks.name, ["", "n" * 256, "€" * 86, "\ud800", 2**64, -(2**63) - 1, math.nan, math.inf, True, None, [], b"a"]),
]


@pytest.mark.parametrize(("check", "values"), GOOD)
def test_good(check: Any, values: list[Any]) -> None:
    for value in values:
        found = check(value)
        assert found == value
        assert isinstance(found, float) or type(found) is type(value)


@pytest.mark.parametrize(("check", "values"), BAD)
def test_bad(check: Any, values: list[Any]) -> None:
    for value in values:
        with pytest.raises((ValueError, ConfigError)) as caught:
            check(value)
        assert str(caught.value)
        with pytest.raises(RemoteProtocolError, match="thing: field 'x': "):
            Fields({"x": value}, "thing").get("x", check)


def test_fields() -> None:
    fields = Fields({"a": 1, "nothing": None}, "thing")
    assert fields.get("a", COUNT) == 1
    assert fields.get("nothing", MAYBE) is None
    assert fields.find("a", COUNT, 5) == 1
    assert fields.find("nothing", COUNT, 5) == fields.find("missing", COUNT, 5) == 5
    with pytest.raises(RemoteProtocolError, match="thing: field 'missing' is missing"):
        fields.get("missing", MAYBE)
    with pytest.raises(RemoteProtocolError, match="thing: field 'a': text was expected, not int"):
        fields.find("a", TEXT, "")


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), ([], "list"), ("x", "str"), (5, "int"), (True, "bool")])
def test_fields_of_no_map(value: Any, kind: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"thing: a map was expected, not {kind}"):
        Fields(value, "thing")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(derandomize=True, deadline=None)
@given(st.sampled_from([check for check, _ in GOOD]), ANY)
def test_a_check_gives_the_value_or_says_what_is_wrong(check: Any, value: Any) -> None:
    try:
        found = Fields({"x": value}, "thing").get("x", check)
    except RemoteProtocolError:
        return
    assert found == value
