"""A byte stream of JSON objects (docs/plain.md, section 1): found by their braces, wherever the segments end."""

from __future__ import annotations

import re
import sys

from sig_core.errors import MessageTooBig, RemoteProtocolError, SigError

__all__ = ["ObjectReader", "parts_of"]

_SPACE = re.compile(rb"[ \t\r\n]*")
_OUTSIDE_TEXT = re.compile(rb'["{}]')
_INSIDE_TEXT = re.compile(rb'["\\]')


def parts_of(text: bytes) -> int:
    """Return how many values JSON text has at most; in no more time than it takes to look at each byte."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


class ObjectReader:
    """Cuts objects out of a stream. It balances braces alone: whether an object is valid JSON shows its decoder.

    Args:
        limit: bytes of the longest object.

    Attributes:
        limit: see above; it may be raised.
        begun: an object has come.
        lines: a newline has followed an object.
        fault: why nothing more can be read, once it has gone wrong.
        room: braces and quotes that may still be looked at; at 0 `next_object` gives none until it is raised.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.begun = False
        self.lines = False
        self.fault: SigError | None = None
        self.room = sys.maxsize
        self._buffer = bytearray()  # begins with the object that is not complete
        self._at = 0  # what lies before it was looked at
        self._depth = 0
        self._in_text = False

    @property
    def waiting(self) -> int:
        """Bytes of an object that is not complete, when `next_object` has given all that are."""
        return len(self._buffer)

    def has_more(self) -> bool:
        """Skip space, and return whether anything else has come."""
        if self.fault is None and not self._depth:
            self._skip_space()
        return bool(self._buffer)

    def drop(self) -> None:
        """Forget what has come of an object that is not complete."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        if self.fault is None:
            self._buffer += data

    def next_object(self) -> bytes | None:
        """Return the next object; None: none is complete, or `fault` says why none will be."""
        if self.fault is None and not self._depth:
            self._skip_space()
        if self.fault is not None or not self._buffer or not self.room:
            return None
        self._find_end()
        if self._at > self.limit:
            self.fault = MessageTooBig(f"an object of over {self.limit} bytes", self._at, self.limit)
        if self._depth or self.fault is not None:
            return None
        found = bytes(self._buffer[: self._at])
        self._drop(self._at)
        self.begun = True
        return found

    def _skip_space(self) -> None:
        """Let the buffer begin with the next object, if it has come."""
        space = _SPACE.match(self._buffer, 0)
        assert space is not None
        self.lines = self.lines or (self.begun and b"\n" in space.group())
        self._drop(space.end())
        if self._buffer and self._buffer[0] != ord("{"):
            start = bytes(self._buffer[:20])
            self.fault = RemoteProtocolError(f"a JSON object was expected, not {start!r}")

    def _drop(self, count: int) -> None:
        """Forget bytes that were looked at; a buffer moves its beginning for that, and nothing else."""
        del self._buffer[:count]
        self._at = 0

    def _find_end(self) -> None:
        """Look on until the object ends, or the buffer does."""
        buffer, at, depth, in_text = self._buffer, self._at, self._depth, self._in_text
        left = self.room
        while left:
            left -= 1
            mark = (_INSIDE_TEXT if in_text else _OUTSIDE_TEXT).search(buffer, at)
            if mark is None:
                at = max(at, len(buffer))
                break
            at, sign = mark.end(), mark.group()
            if sign == b'"':
                in_text = not in_text
            elif sign == b"\\":
                at += 1  # what is escaped, maybe not there yet
            else:
                depth += 1 if sign == b"{" else -1
                if not depth:
                    break
        self._at, self._depth, self._in_text, self.room = at, depth, in_text, left
