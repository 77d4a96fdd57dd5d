"""A type for decoders that check the portable model while they decode, at no cost, as far down as most values go."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

__all__ = ["DEPTH", "INT64", "shallow"]

DEPTH = 5
"""Containers inside each other that the type describes; each level doubles the time to build a decoder (5: 1 ms)."""

INT64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Integers that msgspec can bound; those from 2**63 on are left to the way for deep values."""


def shallow(integer: Any = int) -> Any:
    """Return the type of portable values nested at most `DEPTH` deep, with `integer` for int.

    A generic type can't contain itself in msgspec, so it is written out. Deeper values, and what the model lacks, fail
    to decode into it: the codec then decodes without a type, and checks the value afterwards.
    """
    scalar = None | bool | integer | float | str
    value: Any = scalar
    for _ in range(DEPTH):
        value = scalar | list[value] | dict[str, value]
    return value
