"""Names of senders and events, the channel rule, and the built-in events."""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias, TypeGuard

from sig_core.description import described
from sig_core.errors import ConfigError, because

__all__ = [
    "CHANNEL_DECORATOR",
    "EVENT_CONNECT",
    "EVENT_DISCONNECT",
    "Info",
    "Key",
    "Name",
    "Pattern",
    "check_name",
    "is_channel",
    "key_of",
    "patterns_of",
]

Name: TypeAlias = str | int | float
"""Of a sender or an event: text of 1 to 255 bytes, an integer of 64 bits or a finite float; not a bool."""

Pattern: TypeAlias = tuple[Name | None, Name | None]
"""What a listener hears: (sender, event); None stands for any (with an event alone: its channel)."""

Key: TypeAlias = str | tuple[str, Name]
"""What a name is looked up by, see `key_of`."""

Info: TypeAlias = dict[str, Any]
"""What a listener learns of an event: "sender", "event", and what a Signal subclass added."""

CHANNEL_DECORATOR: Final = "#"
EVENT_CONNECT: Final = "#connect"
EVENT_DISCONNECT: Final = "#disconnect"

MAX_NAME: Final = 255  # bytes of UTF-8: it fits a length byte on boards
MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**64 - 1


def is_channel(event: Name | None) -> TypeGuard[str]:
    """Return whether an event of this name is shared by all senders that declare it (`#name`)."""
    return type(event) is str and event[:1] == CHANNEL_DECORATOR


def key_of(name: Name) -> Key:
    """Return what a name is looked up by in tables that strangers fill, where one look-up must not cost a walk.

    Numbers hash to themselves: 100,000 of them can be chosen so that a look-up of one passes by all others. Beside a
    text, whose hash nobody knows outside of this process, they can't.
    """
    return name if isinstance(name, str) else ("number", name)


def patterns_of(sender: Name, event: Name) -> list[Pattern]:
    """Return the patterns that hear an event, in order of dispatch."""
    if is_channel(event):
        return [(None, None), (sender, None), (None, event), (sender, event)]
    return [(None, None), (sender, None), (sender, event)]


def check_name(name: object, what: str = "name") -> Name:
    """Return `name` if it may name a sender or an event; of a subclass, such as an enumeration's, its plain value.

    Args:
        name: any object.
        what: what the error calls it: "sender", "event".

    Raises:
        ConfigError: it is no str, int or float; empty, too long, not finite, beyond 64 bits, or has lone surrogates.
    """
    kind = type(name)
    if type(name) is str:
        if name.isascii() and 0 < len(name) <= MAX_NAME:  # most are
            return name
        return _check_text(name, what)
    if isinstance(name, str):  # a subclass, such as a member of StrEnum: its plain text is the name
        return _check_text(str.__str__(name), what)
    if isinstance(name, bool) or not isinstance(name, int | float):
        raise ConfigError(f"{what} {described(name)}: a name is text, an integer or a float, not {kind.__name__}")
    if isinstance(name, float) and not math.isfinite(name):
        raise ConfigError(f"{what} {described(name)}: a name that is a float must be finite")
    if isinstance(name, int) and not MIN_INT <= name <= MAX_INT:
        raise ConfigError(f"{what} {described(name)}: a name that is an integer must fit 64 bits (-2**63 .. 2**64-1)")
    if kind is int or kind is float:
        return name
    return int.__int__(name) if isinstance(name, int) else float.__float__(name)


def _check_text(name: str, what: str) -> str:
    if not name:
        raise ConfigError(f"{what} '': a name can't be empty")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise because(ConfigError(f"{what} {name!r}: a name can't have lone surrogates"), error)
    if size > MAX_NAME:
        raise ConfigError(f"{what} {name[:40]!r}...: {size} bytes of UTF-8, at most {MAX_NAME} are allowed")
    return name
