"""The portable model: the values that every codec carries unchanged.

None, bool, int in -2**63 .. 2**64-1, finite float, str without lone surrogates, list (a tuple travels as one) and dict
with str keys, nested at most 64 deep. A codec may carry more and says so in `extras`:

    "bytes"       bytes, bytearray and memoryview travel as bytes
    "nonfinite"   NaN and the infinities

`check` refuses the rest before an encoder sees it, since encoders change some of it in silence (sets become lists,
integer keys become text).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sig_core.errors import EncodeError

__all__ = ["MAX_DEPTH", "check"]

MAX_DEPTH = 64  # containers inside each other
MIN_INT, MAX_INT = -(2**63), 2**64 - 1

_PLAIN = frozenset({str, int, bool, type(None), float})
_all_plain = _PLAIN.issuperset


def check(value: Any, extras: frozenset[str] = frozenset()) -> None:
    """Raise unless `value` is of the portable model or of the given extras.

    Numbers' ranges, surrogates and floats that are not finite are left to `describe`, which the codec calls when its
    encoder refuses (or, for JSON, may have written null for NaN): this runs on every event and looks at types alone.

    Raises:
        EncodeError: names the place of the first value that can't be carried.
    """
    kind = type(value)
    if kind is dict:
        try:
            "".join(value)  # the cheapest way to see that all keys are str
        except TypeError:
            raise describe(value, extras) from None
        if _all_plain(map(type, value.values())):
            return
    elif kind in _PLAIN:
        return
    _walk(value, extras)


def describe(value: Any, extras: frozenset[str] = frozenset(), codec: str = "") -> EncodeError:
    """Give the error that names the first place in `value` that can't be carried."""
    try:
        _walk(value, extras, strict=True)
    except EncodeError as error:
        return EncodeError(f"{codec}: {error}") if codec else error
    return EncodeError(f"{codec or 'codec'}: can't encode {_short(value)}")


def _walk(value: Any, extras: frozenset[str], *, strict: bool = False) -> None:
    todo: list[tuple[Any, tuple[Any, ...]]] = [(value, ())]
    while todo:
        item, path = todo.pop()
        kind = type(item)
        if kind in _PLAIN:
            if strict:
                _check_scalar(item, path, extras)
        elif kind is dict or kind is list or kind is tuple:
            if len(path) >= MAX_DEPTH:
                raise EncodeError(f"value{_place(path[:3])}...: nested more than {MAX_DEPTH} deep")
            todo.extend((child, (*path, key)) for key, child in _children(item, path))
        elif not (kind in (bytes, bytearray, memoryview) and "bytes" in extras):
            raise EncodeError(f"value{_place(path)}: {kind.__name__} can't be carried ({_short(item)})")


def _children(item: Any, path: tuple[Any, ...]) -> Iterable[tuple[Any, Any]]:
    if type(item) is not dict:
        return enumerate(item)
    for key in item:
        if not isinstance(key, str):
            raise EncodeError(f"value{_place(path)}: key {_short(key)} is {type(key).__name__}, keys must be str")
        _check_text(key, (*path, key))
    return item.items()


def _check_scalar(item: Any, path: tuple[Any, ...], extras: frozenset[str]) -> None:
    if type(item) is int and not MIN_INT <= item <= MAX_INT:
        raise EncodeError(f"value{_place(path)}: integer of {item.bit_length()} bits, 64 are carried")
    if type(item) is float and not math.isfinite(item) and "nonfinite" not in extras:
        raise EncodeError(f"value{_place(path)}: {item!r} can't be carried")
    if type(item) is str:
        _check_text(item, path)


def _check_text(text: str, path: tuple[Any, ...]) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise EncodeError(f"value{_place(path)}: text with a lone surrogate ({_short(text)})") from None


def _place(path: tuple[Any, ...]) -> str:
    return "".join(f"[{_short(key)}]" for key in path)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
