"""Patterns of names: what they match, cover and refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.access.name_pattern import NamePattern
from sig_core.errors import ConfigError

texts = st.text(st.sampled_from("ab/*{}\\"), min_size=1, max_size=6)
written = st.one_of(
    st.sampled_from(["*", "a*", "ab", "a/*", "{user}", "{user}/*", "a{user}", r"\*", 1, 2]), st.integers(0, 3)
)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("house", ["house"], ["house/door", "hous", 1]),
        ("house/*", ["house/door", "house/"], ["house", "houses", 1]),
        ("*", ["a", 1, 2.5], []),
        (7, [7, 7.0], ["7", 8]),
        (r"\*", ["*"], ["a"]),
        (r"a\**", ["a*", "a*b"], ["ab"]),
        (r"\{user}", ["{user}"], ["ada"]),
        ("{user}/*", ["ada/1"], ["ada", "adam/1", "{user}/1"]),
    ],
)
def test_what_matches(pattern: str | int, names: list[str | int], others: list[str | int]) -> None:
    found = NamePattern.parse(pattern).of_user("ada")
    assert [name for name in [*names, *others] if found.matches(name)] == names


@pytest.mark.parametrize("bad", ["", "a*b", "*a", "a\\", "a\\b", True, 2**70, "x" * 300, None, ["a"]])
def test_what_can_match_nothing_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError):
        NamePattern.parse(bad)


def test_a_star_in_the_name_of_a_user_is_no_wildcard() -> None:
    pattern = NamePattern.parse("{user}").of_user("a*")
    assert pattern.matches("a*")
    assert not pattern.matches("ab")


@given(written, written, st.one_of(texts, st.integers(0, 3)), st.sampled_from(["a", "b", "*", "a/"]))
def test_covers_and_overlaps_agree_with_what_matches(
    one: str | int, two: str | int, name: str | int, user: str
) -> None:
    first, second = NamePattern.parse(one), NamePattern.parse(two)
    in_first, in_second = first.of_user(user).matches(name), second.of_user(user).matches(name)
    if first.covers(second) and in_second:
        assert in_first
    if in_first and in_second:
        assert first.overlaps(second)
