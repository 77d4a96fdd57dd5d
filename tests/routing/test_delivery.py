"""What a listener may ask for, and what contradicts itself."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import sig_core as sig


async def later(info: sig.Info, data: Any) -> str:
    return ""


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"queue": 0}, "queue=0: must be a whole number of events, 1 to 10000000"),
        ({"queue": -1}, "queue=-1"),
        ({"queue": True}, "queue=True"),
        ({"queue": 1.5}, "queue=1.5"),
        ({"queue": 10**7 + 1}, "queue=10000001"),
        ({"queue": None}, "queue=None"),
        ({"overflow": "lates"}, "overflow='lates', did you mean 'latest'.: one of block, oldest, newest, latest"),
        ({"overflow": None}, "overflow=None"),
        ({"key": len}, "key=.* has no meaning with overflow='block': leave it out, or say overflow='latest'"),
        ({"overflow": "oldest", "key": len}, "has no meaning with overflow='oldest'"),
        ({"overflow": "latest", "key": "name"}, "key='name': must be a plain function"),
        ({"overflow": "latest", "key": later}, "key=.*later.*: must be a plain function"),
        ({"overflow": "latest", "key": functools.partial(later)}, "must be a plain function"),
    ],
)
def test_what_can_not_be_meant(options: dict[str, Any], text: str) -> None:
    with pytest.raises(sig.ConfigError, match=text):
        sig.Delivery(**options)


def test_what_reaches_beyond_this_program() -> None:
    assert sig.Delivery(overflow="latest").reaches_far
    assert not sig.Delivery(overflow="latest", key=lambda info, data: data).reaches_far
    assert not sig.Delivery().reaches_far


def test_it_is_a_value() -> None:
    assert sig.Delivery() == sig.Delivery(1000, "block") and {sig.Delivery(): 1}[sig.Delivery()]
