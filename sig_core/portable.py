"""The portable model: the values that every codec carries unchanged.

None, bool, int in -2**63 .. 2**64-1, finite float, str without lone surrogates, list (a tuple travels as one) and dict
with str keys, nested at most 64 deep. A codec may carry more and says so in `extras`:

    "bytes"       bytes; bytearray and contiguous memoryview travel as bytes
    "nonfinite"   NaN and the infinities

Types are meant exactly. A member of an Enum, a namedtuple, an OrderedDict, a float of another library are subclasses;
they would arrive as something else, so they are refused: who sends one converts it (`int(x)`, `list(x)`, `dict(x)`).

Encoders change in silence some of what is not in the model (sets become lists, integer keys text, NaN null). So a codec
asks `fits` before it encodes, on every event, and `fault` for the place of the bad value once it knows there is one:

    def encode(self, value):
        try:
            if fits(value, self._certain):
                return self._encoder(value)
        except Exception as error:
            raise EncodeError(f"{self.name}: {fault(value, self.extras)}") from error
        raise EncodeError(f"{self.name}: {fault(value, self.extras)}")
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["CERTAIN", "MAX_DEPTH", "RAW", "fault", "fits", "place"]

MAX_DEPTH: Final = 64  # containers inside each other
MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**64 - 1

_SERIES: Final = 16  # items; a list longer than that is taken for a series of numbers or texts

CERTAIN: Final[frozenset[type]] = frozenset({str, bool, type(None)})
"""Types whose values `fits` need not look at: text is left to the encoder, which refuses lone surrogates anyhow."""

RAW: Final[frozenset[type]] = frozenset({bytes, bytearray, memoryview})
"""Types that the extra "bytes" adds."""


def fits(value: Any, certain: frozenset[type] = CERTAIN, room: int = MAX_DEPTH) -> bool:
    """Return whether `value` is of the portable model, lone surrogates in text excepted.

    It runs on every event, so it is one plain loop: no path is kept, and what the encoder refuses by itself costs
    nothing here.

    Args:
        value: any object; one that contains itself is too deep.
        certain: types that are carried without a look at the value: CERTAIN, RAW if the codec has the extra "bytes",
            float if it has "nonfinite", int if its encoder refuses more than 64 bits.
        room: containers that may be inside each other, 1 .. 64.
    """
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        items = value.values()
    elif kind is list or kind is tuple:
        if len(value) > _SERIES and _series_fits(value, certain):
            return True
        items = value
    else:
        items = (value,)
    for item in items:
        kind = type(item)
        if kind in certain:
            continue
        if kind is float:
            if item - item != 0.0:  # NaN for NaN and the infinities; cheaper than a call
                return False
        elif kind is int:
            if not -0x8000000000000000 <= item <= 0xFFFFFFFFFFFFFFFF:
                return False
        elif kind is dict or kind is list or kind is tuple:
            if room == 1 or not fits(item, certain, room - 1):
                return False
        else:
            return False
    return True


def _series_fits(items: list[Any] | tuple[Any, ...], certain: frozenset[type]) -> bool:
    """Return whether a long list fits, in half the time; False says only that a closer look is needed."""
    kinds = {*map(type, items)}
    return kinds <= certain or (kinds == {float} and math.isfinite(sum(items)))


def fault(value: Any, extras: frozenset[str] = frozenset()) -> str:
    """Return which part of `value` can't be carried, and why: `value['a'][3]: bytes can't be carried`.

    Args:
        value: what did not fit, or what an encoder refused.
        extras: of the codec: "bytes", "nonfinite".
    """
    found = _fault(value, extras, MAX_DEPTH)
    if found is None:
        return f"value: this {type(value).__name__} can't be carried, though all its parts can"
    reason, path = found
    return f"value{place(path[::-1])}: {reason}"


def _fault(item: Any, extras: frozenset[str], room: int) -> tuple[str, list[Any]] | None:
    """Find the first fault, depth first: the reason, and the path to it from the inside out."""
    kind = type(item)
    if kind not in (dict, list, tuple):
        reason = _scalar_fault(item, extras)
        return (reason, []) if reason else None
    if not room:
        return f"nested more than {MAX_DEPTH} deep", []
    children: Iterable[tuple[Any, Any]] = item.items() if kind is dict else enumerate(item)
    for key, child in children:
        if kind is dict and type(key) is not str:
            return f"key of type {type(key).__name__}, keys must be str", []
        if kind is dict and _has_surrogate(key):
            return f"key {_short(key)} has a lone surrogate", []
        found = _fault(child, extras, room - 1)
        if found:
            found[1].append(key)
            return found
    return None


def _scalar_fault(item: Any, extras: frozenset[str]) -> str | None:
    kind = type(item)
    if kind is bool or item is None:
        return None
    if kind is int:
        narrow = MIN_INT <= item <= MAX_INT
        return None if narrow else f"integer of {item.bit_length()} bits is outside -2**63 .. 2**64-1"
    if kind is float:
        return None if math.isfinite(item) or "nonfinite" in extras else f"{item!r} can't be carried"
    if kind is str:
        return f"text {_short(item)} has a lone surrogate" if _has_surrogate(item) else None
    if kind in RAW and "bytes" in extras:
        return _view_fault(item) if kind is memoryview else None
    return _type_fault(kind)


def _type_fault(kind: type) -> str:
    for plain in (bool, int, float, str, dict, list, tuple, bytes):
        if issubclass(kind, plain) and kind is not plain:
            return f"{kind.__name__}, a subclass of {plain.__name__}, can't be carried; convert it to {plain.__name__}"
    return f"{kind.__name__} can't be carried"


def _view_fault(view: memoryview) -> str | None:
    try:
        return None if view.c_contiguous else "memoryview that is not contiguous; send its tobytes()"
    except ValueError as error:
        return f"memoryview can't be read: {error}"


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def place(path: list[Any]) -> str:
    """Write where a value is, from the outside in: `['list'][3]`."""
    if len(path) > 8:
        return place(path[:4]) + "..." + place(path[-4:])
    return "".join(f"[{_short(key)}]" for key in path)


def _short(key: Any) -> str:
    if type(key) is not str:
        return repr(key)
    shown = repr(key[:40])
    return shown if len(key) <= 40 and len(shown) <= 42 else f"{shown[:37]}...'"
