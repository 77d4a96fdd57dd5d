"""How names of senders and events, and whole values, are written as text: the same way in and out.

A name is written as it stands. The word None, or nothing, means any; what looks like a number is one; double quotes
make a text of whatever is between them, in JSON: `42` is a number, `"42"` a text, `"None"` too.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sig_core.errors import ConfigError
from sig_core.events import Name, Pattern, check_name

__all__ = ["Pattern", "as_json", "read_name", "read_pattern", "visible", "write_name", "write_pattern"]

ANY = "None"

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_name(text: str, what: str) -> Name | None:
    """Make a name of a text; None stands for any.

    Args:
        what: how the error calls it: "sender", "event".

    Raises:
        ConfigError: it is none: too long, a number of more than 64 bits, or quotes that do not match.
    """
    if text in ("", ANY):
        return None
    if not text.startswith('"') and not _NUMBER.fullmatch(text):
        return check_name(text, what)
    try:
        return check_name(json.loads(text), what)
    except ConfigError:
        raise
    except ValueError as error:
        remedy = 'a name that begins with a quote is a JSON string, such as "42"'
        raise ConfigError(f"{what} {visible(text[:40])}: {remedy}: {error}") from error


def write_name(name: Name | None) -> str:
    """Give the text that `read_name` makes this name of; every character of it can be seen."""
    if name is None:
        return ANY
    if not isinstance(name, str):
        return json.dumps(name)
    bare = name.isprintable() and name == name.strip() and name != ANY and not name.startswith('"')
    return name if bare and not _NUMBER.fullmatch(name) else as_json(name)


def read_pattern(text: str) -> Pattern:
    """Make a sender and an event of SENDER:EVENT; without a colon the event is any.

    A sender with a colon in its name goes in quotes.

    Raises:
        ConfigError: one of them is no name.
    """
    quoted = _QUOTED.match(text)
    sender = quoted.group() if quoted else text.partition(":")[0]
    rest = text[len(sender) :]
    if rest and not rest.startswith(":"):
        raise ConfigError(f"{visible(text[:80])}: SENDER:EVENT was expected: a colon after the quoted sender")
    return read_name(sender, "sender"), read_name(rest[1:], "event")


def write_pattern(pattern: Pattern) -> str:
    """Give the text that `read_pattern` makes this pattern of."""
    sender, event = pattern
    quoted = isinstance(sender, str) and ":" in sender
    return f"{as_json(sender) if quoted else write_name(sender)}:{write_name(event)}"


def as_json(value: Any) -> str:
    """Give a value as JSON in one line; what JSON does not know, such as bytes, as Python would write it."""
    return visible(json.dumps(value, ensure_ascii=False, default=repr))


def visible(text: str) -> str:
    """Write what can't be seen, or turns the text around, as \\u escapes; so JSON stays the same JSON."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
