"""What boards are called here."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.address import Address
from sig_core.errors import ConfigError
from sig_core.session.board.renaming import Renaming


@pytest.mark.parametrize(
    ("query", "own", "expected"),
    [
        ("", "uno", "uno"),
        ("", 7, 7),
        ("?name=arm1", "uno", "arm1"),
        ("?name=arm1", 7, "arm1"),
        ("?prefix=arm1/", "uno", "arm1/uno"),
        ("?prefix=arm1/", 7, "arm1/7"),
        ("?prefix=a/&name=b", "uno", "a/b"),
        ("?prefix=%23", "uno", "#uno"),
    ],
)
def test_of_an_address(query: str, own: Any, expected: Any) -> None:
    assert Renaming.of(Address.parse(f"tcp://127.0.0.1:0{query}"))(own) == expected


@pytest.mark.parametrize(
    "fields", [{"name": "x" * 256}, {"prefix": "x" * 255}, {"prefix": "x" * 200, "name": "y" * 56}]
)
def test_what_can_make_no_name_is_refused_at_once(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="255"):
        Renaming(**fields)


def test_a_name_that_becomes_too_long() -> None:
    rename = Renaming(prefix="é" * 100)
    assert rename("x" * 55) == "é" * 100 + "x" * 55
    with pytest.raises(ConfigError, match="255"):
        rename("x" * 56)
