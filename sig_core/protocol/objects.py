"""A byte stream of JSON objects (docs/plain.md, section 1): found by their braces, wherever the segments end."""

from __future__ import annotations

import re

from sig_core.errors import MessageTooBig, RemoteProtocolError, SigError

__all__ = ["ObjectReader"]

_SPACE = re.compile(rb"[ \t\r\n]*")
_OUTSIDE_TEXT = re.compile(rb'["{}]')
_INSIDE_TEXT = re.compile(rb'["\\]')


class ObjectReader:
    """Cuts objects out of a stream. It balances braces alone: whether an object is valid JSON shows its decoder.

    Args:
        limit: bytes of the longest object.

    Attributes:
        begun: an object has come.
        lines: a newline has followed an object.
        fault: why nothing more can be read, once it has gone wrong.
    """

    def __init__(self, limit: int) -> None:
        self.begun = False
        self.lines = False
        self.fault: SigError | None = None
        self._limit = limit
        self._buffer = bytearray()  # begins with the object that is not complete
        self._at = 0  # what lies before it was looked at
        self._depth = 0
        self._in_text = False

    @property
    def waiting(self) -> int:
        """Bytes of an object that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; give the objects that are complete now, up to the first fault."""
        objects: list[bytes] = []
        if self.fault is not None:
            return objects
        self._buffer += data
        begin = 0
        while True:
            if not self._depth:
                begin = self._at = self._skip_space(begin)
                if begin == len(self._buffer) or self.fault is not None:
                    break
            self._find_end()
            if self._at - begin > self._limit:
                self.fault = MessageTooBig(f"an object of over {self._limit} bytes", self._at - begin, self._limit)
            if self._depth or self.fault is not None:
                break
            objects.append(bytes(self._buffer[begin : self._at]))
            self.begun = True
            begin = self._at
        del self._buffer[:begin]
        self._at -= begin
        return objects

    def _skip_space(self, begin: int) -> int:
        """Give where the next object begins, or the end of the buffer."""
        space = _SPACE.match(self._buffer, begin)
        assert space is not None
        self.lines = self.lines or (self.begun and b"\n" in space.group())
        end = space.end()
        if end < len(self._buffer) and self._buffer[end] != ord("{"):
            start = bytes(self._buffer[end : end + 20])
            self.fault = RemoteProtocolError(f"a JSON object was expected, not {start!r}")
        return end

    def _find_end(self) -> None:
        """Look on until the object ends, or the buffer does."""
        buffer, at, depth, in_text = self._buffer, self._at, self._depth, self._in_text
        while True:
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
        self._at, self._depth, self._in_text = at, depth, in_text
