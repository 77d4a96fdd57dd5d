"""Text of strangers, so that it can be shown: in a log, where each line is an entry, and on a terminal."""

from __future__ import annotations

import re

__all__ = ["printable"]

# Control characters but the tab (ESC begins what a terminal obeys, a newline forges a line), marks that turn the
# direction of what follows, other ends of lines, and halves of characters, which no stream takes.
_UNSAFE = re.compile("[\0-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r"}


def printable(text: str) -> str:
    r"""Return text with what could harm whoever reads it written out as in JSON: `\n`, `\u001b`."""
    return text if text.isprintable() else _UNSAFE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"
