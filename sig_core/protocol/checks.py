"""Validation of messages, field by field: every value that a peer sends passes through one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sig_core.errors import ConfigError, RemoteProtocolError
from sig_core.events import Name, check_name

__all__ = [
    "Fields",
    "anything",
    "boolean",
    "choice_of",
    "count",
    "hexadecimal",
    "list_of",
    "name",
    "optional",
    "pair_of",
    "seconds",
    "text",
]

T = TypeVar("T")
U = TypeVar("U")
Check = Callable[[Any], T]


class Fields:
    """A received map; `fields.get("sender", name)` gives a checked value or raises.

    Raises:
        RemoteProtocolError: it is no map with text keys; or, from `get`, a field is missing or of a wrong type.
    """

    __slots__ = ("_values", "_what")

    def __init__(self, values: Any, what: str) -> None:
        if not isinstance(values, dict):
            raise RemoteProtocolError(f"{what}: a map was expected, not {_kind(values)}")
        self._values: Mapping[str, Any] = values
        self._what = what

    def get(self, field: str, check: Check[T]) -> T:
        """Return field `field` as `check` returns it."""
        values = self._values
        if field not in values:
            raise RemoteProtocolError(f"{self._what}: field {field!r} is missing")
        try:
            return check(values[field])
        except (ValueError, ConfigError) as error:
            raise self._bad(field, error) from error

    def find(self, field: str, check: Check[T], default: T) -> T:
        """Return field `field`, or `default` if it is absent or null."""
        value = self._values.get(field)
        if value is None:
            return default
        try:
            return check(value)
        except (ValueError, ConfigError) as error:
            raise self._bad(field, error) from error

    def size(self, field: str) -> int:
        """Return how long the list in field `field` is, before anything is made of it; 0: there is no list."""
        value = self._values.get(field)
        return len(value) if isinstance(value, list) else 0

    def _bad(self, field: str, error: Exception) -> RemoteProtocolError:
        return RemoteProtocolError(f"{self._what}: field {field!r}: {error}")


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def anything(value: Any) -> Any:
    """Whatever it is."""
    return value


def name(value: Any) -> Name:
    """A sender's or event's name."""
    return check_name(value)


def text(low: int, high: int) -> Check[str]:
    """Text of `low` to `high` characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"text was expected, not {_kind(value)}")
        if not low <= len(value) <= high:
            raise ValueError(f"text of {len(value)} characters, {low} to {high} are allowed")
        return value

    return check


def count(low: int, high: int) -> Check[int]:
    """An integer from `low` to `high`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"an integer was expected, not {_kind(value)}")
        if not low <= value <= high:
            raise ValueError(f"{value} is not in {low} .. {high}")
        return value

    return check


def seconds(low: float, high: float) -> Check[float]:
    """A number of seconds from `low` to `high`."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"a number was expected, not {_kind(value)}")
        if not low <= value <= high:
            raise ValueError(f"{value} s is not in {low:g} .. {high:g}")
        return float(value)

    return check


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false was expected, not {_kind(value)}")
    return value


def hexadecimal(low: int, high: int) -> Check[str]:
    """Lower-case hex text of an even number of digits from `low` to `high`."""
    length = text(low, high)

    def check(value: Any) -> str:
        digits = length(value)
        if len(digits) % 2 or not set(digits) <= set("0123456789abcdef"):
            raise ValueError("lower-case hex digits in pairs were expected")
        return digits

    return check


def list_of(check_item: Check[T], low: int, high: int) -> Check[list[T]]:
    """A list of `low` to `high` items, each checked."""

    def check(value: Any) -> list[T]:
        if not isinstance(value, list):
            raise ValueError(f"a list was expected, not {_kind(value)}")
        if not low <= len(value) <= high:
            raise ValueError(f"a list of {len(value)} items, {low} to {high} are allowed")
        return [check_item(item) for item in value]

    return check


def pair_of(check_first: Check[T], check_second: Check[U]) -> Check[tuple[T, U]]:
    """A list of two items, each checked."""

    def check(value: Any) -> tuple[T, U]:
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError("a list of two items was expected")
        return check_first(value[0]), check_second(value[1])

    return check


def optional(check_value: Check[T]) -> Check[T | None]:
    """Null, or what `check_value` says."""
    return lambda value: None if value is None else check_value(value)


def choice_of(*choices: Check[Any]) -> Check[Any]:
    """The first of `choices` that accepts the value; the last one's complaint if none does."""

    def check(value: Any) -> Any:
        for choice in choices[:-1]:
            try:
                return choice(value)
            except ValueError:
                continue
        return choices[-1](value)

    return check
