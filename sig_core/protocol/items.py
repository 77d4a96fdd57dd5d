"""The heads of CBOR items (RFC 8949), as far as the messages of boards need them: definite lengths, 32 bits."""

from __future__ import annotations

from typing import Final

from sig_core.errors import ConfigError, RemoteProtocolError
from sig_core.events import Name, check_name

__all__ = ["ItemReader", "array_head", "integer_item", "name_item", "text_item"]

UNSIGNED: Final = 0  # major types
NEGATIVE: Final = 1
TEXT: Final = 3
ARRAY: Final = 4
NULL: Final = 0xF6  # a whole item

_SIZES: Final = {24: 1, 25: 2, 26: 4}  # what follows the first byte, by its low five bits


def _head(major: int, value: int) -> bytes:
    first = major << 5
    if value < 24:
        return bytes((first | value,))
    if value < 0x100:
        return bytes((first | 24, value))
    if value < 0x10000:
        return bytes((first | 25,)) + value.to_bytes(2, "big")
    return bytes((first | 26,)) + value.to_bytes(4, "big")


def array_head(count: int) -> bytes:
    """Return the head of an array of `count` items."""
    return _head(ARRAY, count)


def integer_item(value: int) -> bytes:
    """Return an integer of -2**32 .. 2**32-1."""
    return _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)


def text_item(text: str) -> bytes:
    """Return a text, which has no lone surrogates."""
    data = text.encode()
    return _head(TEXT, len(data)) + data


def name_item(name: Name) -> bytes:
    """Return a sender's or event's name; a board learns a name that is neither text nor a short integer as text."""
    if isinstance(name, int) and -(2**32) <= name < 2**32:
        return integer_item(name)
    return text_item(str(name))


class ItemReader:
    """Reads the items of one array from the beginning on.

    Every method raises RemoteProtocolError if the next item is not what it reads.
    """

    __slots__ = ("_at", "_data", "count")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        major, self.count = self._read_head()
        if major != ARRAY:
            raise RemoteProtocolError(f"a message of {len(data)} bytes is no array")

    def integer(self, low: int, high: int) -> int:
        """Read an integer from `low` to `high`."""
        major, value = self._read_head()
        if major not in (UNSIGNED, NEGATIVE):
            raise RemoteProtocolError(f"an integer was expected, not an item of major type {major}")
        if major == NEGATIVE:
            value = -1 - value
        if not low <= value <= high:
            raise RemoteProtocolError(f"{value} is not in {low} .. {high}")
        return value

    def name(self) -> Name:
        """Read a name: text or an integer."""
        major = self._peek() >> 5
        value: Name = self._text() if major == TEXT else self.integer(-(2**32), 2**32 - 1)
        try:
            return check_name(value)
        except ConfigError as error:
            raise RemoteProtocolError(str(error)) from error

    def name_or_null(self) -> Name | None:
        """Read a name, or null."""
        if self._peek() != NULL:
            return self.name()
        self._at += 1
        return None

    def method(self) -> str:
        """Read the name of a method: text of 1 to 255 bytes."""
        name = self.name()
        if not isinstance(name, str):
            raise RemoteProtocolError(f"method {name}: text was expected")
        return name

    def method_or_null(self) -> str | None:
        """Read the name of a method, or null."""
        if self._peek() != NULL:
            return self.method()
        self._at += 1
        return None

    def rest(self) -> bytes:
        """Return the bytes of all that follows."""
        return self._data[self._at :]

    def end(self) -> None:
        """Check that nothing follows."""
        if self._at != len(self._data):
            raise RemoteProtocolError(f"{len(self._data) - self._at} bytes follow the message")

    def _peek(self) -> int:
        if self._at >= len(self._data):
            raise RemoteProtocolError("the message ends too early")
        return self._data[self._at]

    def _read_head(self) -> tuple[int, int]:
        first = self._peek()
        major, low = first >> 5, first & 31
        self._at += 1
        if low < 24:
            return major, low
        size = _SIZES.get(low)
        if size is None or self._at + size > len(self._data):
            raise RemoteProtocolError(f"head 0x{first:02x}: neither a definite length nor an integer of 32 bits")
        value = int.from_bytes(self._data[self._at : self._at + size], "big")
        self._at += size
        return major, value

    def _text(self) -> str:
        _, size = self._read_head()
        end = self._at + size
        if end > len(self._data):
            raise RemoteProtocolError("a text ends too early")
        try:
            text = self._data[self._at : end].decode()
        except UnicodeDecodeError as error:
            raise RemoteProtocolError("a text is not UTF-8") from error
        self._at = end
        return text
