"""Names of senders and events."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.errors import ConfigError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, check_name, is_channel


class Word(StrEnum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class Metre(float):
    """As numpy.float64 is one."""




@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=63) | st.integers(-(2**63), 2**64 - 1))
def test_texts_and_numbers_are_names(name: str | int) -> None:
    assert check_name(name) == name
    assert type(check_name(name)) is type(name)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_finite_floats_are_names(name: float) -> None:
    assert check_name(name) == name


def test_members_of_enumerations_are_their_plain_value() -> None:
    assert type(check_name(Word.A)) is str
    assert check_name(Word.A) == "a"
    assert type(check_name(Number.ONE)) is int
    assert check_name(Number.ONE) == 1
    assert type(check_name(Metre(1.5))) is float
    assert check_name(Metre(1.5)) == 1.5


@pytest.mark.parametrize(("size", "letter"), [(255, "x"), (127, "é"), (63, "😀")])
def test_the_limit_is_255_bytes(size: int, letter: str) -> None:
    assert check_name(letter * size)
    with pytest.raises(ConfigError, match=r"^sender '.*bytes of UTF-8, at most 255"):
        check_name(letter * (size + 1), "sender")


@pytest.mark.parametrize(
    "name",
    ["", "\udcff", True, False, None, b"x", float("nan"), float("inf"), 2**64, -(2**63) - 1, ("a",), [], 1j],
)
def test_what_is_no_name(name: object) -> None:
    with pytest.raises(ConfigError, match=r"^event "):
        check_name(name, "event")


def test_channels_begin_with_the_decorator() -> None:
    assert is_channel("#changed")
    assert is_channel("#")
    assert is_channel(EVENT_CONNECT)
    assert is_channel(EVENT_DISCONNECT)
    assert not any(is_channel(name) for name in ("changed", "a#", "", 5, 1.5, None))
