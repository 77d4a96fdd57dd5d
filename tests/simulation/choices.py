"""What steps choose from, and the lots that choose."""

from __future__ import annotations

from typing import Any, NamedTuple

from sig_core.events import Pattern

__all__ = ["CODECS", "EVENTS", "METHODS", "NAMES", "PATTERNS", "Lots"]

NAMES: list[Any] = ["s", "t", "u", 7]
EVENTS: list[Any] = ["e", "#c"]
METHODS = ["answer", "refuse", "nothing"]
PATTERNS: list[Pattern] = [(None, None), (None, "#c"), *[(name, event) for name in NAMES for event in (None, *EVENTS)]]
CODECS = ["json", "msgpack", "cbor"]


class Lots(NamedTuple):
    """Random numbers from 0 to 65,535: who does something, with what, how, and how much."""

    who: int
    what: int
    how: int
    much: int
