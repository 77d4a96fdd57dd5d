"""What steps choose from, and the lots that choose."""

from __future__ import annotations

from typing import Any, NamedTuple

from sig_core.events import Pattern
from tests.support.sessions import PLUGINS

__all__ = [
    *("ALLOWED", "CODECS", "DURABLES", "EVENTS", "KEPT_PATTERNS", "METHODS", "NAMES", "PATTERNS"),
    *("SPOKEN", "STATEFUL", "Lots"),
]

NAMES: list[Any] = ["s", "t", "u", 7]
EVENTS: list[Any] = ["e", "#c"]
STATEFUL: list[Any] = ["t", 7]  # of these "#c" is the state, where a client has them
METHODS = ["answer", "refuse", "nothing"]
PATTERNS: list[Pattern] = [(None, None), (None, "#c"), *[(name, event) for name in NAMES for event in (None, *EVENTS)]]
DURABLES = ["d", "f"]
KEPT_PATTERNS: list[Pattern] = [(None, "#c"), (None, "#c"), ("s", "e"), ("t", "#c"), ("u", None), (None, None)]
CODECS = ["json", "msgpack", "cbor"]
SPOKEN = {name: PLUGINS.choose_codecs([name]) for name in CODECS}  # by a client that speaks one
ALLOWED = PLUGINS.choose_codecs(None)  # at a server


class Lots(NamedTuple):
    """Random numbers from 0 to 65,535: who does something, with what, how, and how much."""

    who: int
    what: int
    how: int
    much: int
