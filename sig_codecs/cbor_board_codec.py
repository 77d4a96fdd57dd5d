"""The CBOR of the boards: what fits 2 KiB of memory and a float of 32 bits (docs/board-protocol.md, section 5)."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from sig_core.compiling import mypyc_attr
from sig_core.contract import HasNarrows
from sig_core.errors import DecodeError, EncodeError, because
from sig_core.portable import MAX_DEPTH, RAW, fault, place

__all__ = ["CborBoardCodec"]

_EXTRAS: Final = frozenset({"bytes"})

_INTEGER, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG = range(7)  # major types of RFC 8949
_MAX = 0xFFFFFFFF
_PLAIN = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}
_PLAIN_OF_HEAD = {0xF4: False, 0xF5: True, 0xF6: None}
_SIZE = {24: 1, 25: 2, 26: 4}  # bytes that follow a head with these low bits
_FLOAT, _WORD, _LONG = Struct(">Bf"), Struct(">BH"), Struct(">BI")
_OTHER = {
    0xF7: "undefined can't be carried",
    0xF9: "float of 16 bits, floats are float32",
    0xFB: "float of 64 bits, floats are float32",
    0xFF: "break without a beginning",
}


class _Refused(Exception):
    """The reason; `path` grows from the inside out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[Any] = []


@mypyc_attr(allow_interpreted_subclasses=True, serializable=True)
class CborBoardCodec(HasNarrows):
    """The portable model with integers of -2**32 .. 2**32-1, floats as float32, and bytes.

    A float is narrowed to the nearest float32: the only thing that any codec alters. One that no float32 is near is
    refused. Lengths are definite, there are no tags, and of two items of one key in a map the last one counts. Heads
    are written in their shortest form; longer ones are read. All that it writes, the codec `cbor` reads.

    Args:
        exact: refuse a float that is not a float32, instead of narrowing it.
    """

    name = "cbor-board"
    extras = _EXTRAS
    narrows = "floats to float32"

    def __init__(self, *, exact: bool = False) -> None:
        self._exact = exact

    def encode(self, value: Any, /) -> bytes:
        """Return the bytes of `value`; EncodeError names the place of the first part that can't be carried."""
        out = bytearray()
        try:
            self._write(out, value, MAX_DEPTH)
        except _Refused as error:
            raise because(EncodeError(f"cbor-board: value{place(error.path[::-1])}: {error}"), error)
        return bytes(out)

    def decode(self, data: bytes, /) -> Any:
        """Return the value of exactly these bytes; DecodeError if they are none that this codec carries.

        Containers may be 64 deep. Nothing is allocated for a length that is not there.
        """
        try:
            value, end = _read(data, 0, MAX_DEPTH)
            if end != len(data):
                raise ValueError(f"{len(data) - end} bytes follow the value")
        except ValueError as error:
            raise because(DecodeError(f"cbor-board: {error}"), error)
        return value

    def _write(self, out: bytearray, item: Any, room: int) -> None:
        kind = type(item)
        if kind is str:
            _write_text(out, item)
        elif kind is int:
            _write_integer(out, item)
        elif kind is float:
            out += self._float(item)
        elif item is None or kind is bool:
            out += _PLAIN[item]
        elif kind is dict:
            self._write_map(out, item, room)
        elif kind is list or kind is tuple:
            out += _head(_LIST, _entered(item, room))
            for index, part in enumerate(item):
                self._write_part(out, index, part, room)
        else:
            _write_bytes(out, item)

    def _write_map(self, out: bytearray, items: dict[Any, Any], room: int) -> None:
        out += _head(_MAP, _entered(items, room))
        for key, item in items.items():
            if type(key) is not str:
                raise _Refused(_reason({key: None}))
            try:
                _write_text(out, key)
            except _Refused:
                raise because(_Refused(_reason({key: None})), None)
            self._write_part(out, key, item, room)

    def _write_part(self, out: bytearray, key: Any, item: Any, room: int) -> None:
        try:
            self._write(out, item, room - 1)
        except _Refused as error:
            error.path.append(key)
            raise

    def _float(self, item: float) -> bytes:
        if item - item != 0.0:
            raise _Refused(_reason(item))
        try:
            data = _FLOAT.pack(0xFA, item)
        except OverflowError:
            raise because(_Refused(f"{item!r} is beyond float32, whose greatest is 3.4028234663852886e+38"), None)
        if self._exact and _FLOAT.unpack(data)[1] != item:
            raise _Refused(f"{item!r} is no float32; the nearest one is {_FLOAT.unpack(data)[1]!r}")
        return data


def _entered(items: Any, room: int) -> int:
    if not room:
        raise _Refused(f"nested more than {MAX_DEPTH} deep")
    return len(items)


def _write_text(out: bytearray, text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise because(_Refused(_reason(text)), None)
    out += _head(_TEXT, len(data))
    out += data


def _write_integer(out: bytearray, number: int) -> None:
    if 0 <= number <= _MAX:
        out += _head(_INTEGER, number)
    elif ~_MAX <= number < 0:
        out += _head(_NEGATIVE, ~number)
    else:
        raise _Refused(f"integer of {number.bit_length()} bits is outside -2**32 .. 2**32-1")


def _write_bytes(out: bytearray, item: Any) -> None:
    if type(item) not in RAW:
        raise _Refused(_reason(item))
    try:
        whole = type(item) is not memoryview or item.c_contiguous
    except ValueError:  # it was released
        whole = False
    if not whole:
        raise _Refused(_reason(item))
    data = bytes(item)
    out += _head(_BYTES, len(data))
    out += data


def _reason(item: Any) -> str:
    return fault(item, _EXTRAS).removeprefix("value: ")


def _head(major: int, number: int) -> bytes:
    first = major << 5
    if number < 24:
        return bytes((first | number,))
    if number < 0x100:
        return bytes((first | 24, number))
    return _WORD.pack(first | 25, number) if number < 0x10000 else _LONG.pack(first | 26, number)


def _read(data: bytes, at: int, room: int) -> tuple[Any, int]:
    """Return the item that begins at byte `at`, and where it ends; ValueError says what is wrong, and at which byte."""
    if at >= len(data):
        raise ValueError(f"byte {at}: the bytes end before the item")
    head = data[at]
    if head < 24:
        return head, at + 1
    if head >= 0xE0:
        return _read_simple(data, at, head)
    major, number, start = head >> 5, head & 31, at + 1
    if number > 23:
        number, start = _read_number(data, at, number)
    if major == _INTEGER:
        return number, start
    if major == _NEGATIVE:
        return ~number, start
    if major == _TAG:
        raise ValueError(f"byte {at}: tag {number} can't be carried")
    if number * (2 if major == _MAP else 1) > len(data) - start:  # an item takes a byte at least
        raise ValueError(f"byte {at}: a length of {number}, but only {len(data) - start} bytes follow")
    if major == _TEXT:
        return _text(data, start, start + number), start + number
    if major == _BYTES:
        return bytes(data[start : start + number]), start + number
    if not room:
        raise ValueError(f"byte {at}: nested more than {MAX_DEPTH} deep")
    return (_read_map if major == _MAP else _read_list)(data, start, number, room - 1)


def _read_list(data: bytes, at: int, count: int, room: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _read(data, at, room)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, room: int) -> tuple[dict[str, Any], int]:
    items = {}
    for _ in range(count):
        if at < len(data) and data[at] >> 5 != _TEXT:
            raise ValueError(f"byte {at}: keys must be text (head {data[at]:02x} is none)")
        key, at = _read(data, at, 0)
        items[key], at = _read(data, at, room)
    return items, at


def _read_number(data: bytes, at: int, low: int) -> tuple[int, int]:
    if low == 27:
        raise ValueError(f"byte {at}: number of 64 bits, at most 32 are taken")
    if low == 31:
        raise ValueError(f"byte {at}: indefinite length, lengths must be definite")
    end = at + 1 + _whole(data, at, _SIZE.get(low, 0))
    return int.from_bytes(data[at + 1 : end], "big"), end


def _whole(data: bytes, at: int, size: int) -> int:
    """Return `size`, the bytes that follow the head at `at`, if they are there."""
    if not size:
        raise ValueError(f"byte {at}: head {data[at]:02x} is reserved")
    if len(data) - at - 1 < size:
        raise ValueError(f"byte {at}: the bytes end inside an item")
    return size


def _read_simple(data: bytes, at: int, head: int) -> tuple[Any, int]:
    if head in _PLAIN_OF_HEAD:
        return _PLAIN_OF_HEAD[head], at + 1
    if head != 0xFA:
        raise ValueError(f"byte {at}: {_OTHER.get(head, f'simple value (head {head:02x}) is not of the model')}")
    _whole(data, at, 4)
    number: float = _FLOAT.unpack_from(data, at)[1]
    if number - number != 0.0:
        raise ValueError(f"byte {at}: {number!r} can't be carried")
    return number, at + 5


def _text(data: bytes, start: int, end: int) -> str:
    try:
        return data[start:end].decode()
    except UnicodeDecodeError as error:
        raise because(ValueError(f"byte {start + error.start}: text is not UTF-8: {error.reason}"), error)
