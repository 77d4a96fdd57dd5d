"""The messages of boards (docs/board-protocol.md, section 5): arrays that begin with a kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from sig_core.errors import RemoteProtocolError
from sig_core.events import Name
from sig_core.protocol.items import ItemReader, array_head, integer_item, name_item, text_item

__all__ = [
    "LAST",
    "BoardAnswer",
    "BoardRequest",
    "EventItem",
    "Fire",
    "FromBoard",
    "Item",
    "ListenItem",
    "Register",
    "RequestItem",
    "answered",
    "asked",
    "gave_way",
    "heard",
    "read_from_board",
    "registered",
]

REGISTER: Final = 0  # kinds of messages
EVENT: Final = 1
REQUEST: Final = 2
ANSWER: Final = 3
LOST: Final = 4
LAST: Final = 5
SHORT_FIRE: Final = b"\x83\x01"  # [1, number, value]

MAX_NUMBER = 255  # of an event; whether there is one is not for the reader to say
MAX_ID = 255


@dataclass(frozen=True, slots=True)
class Register:
    """A registration begins: the sender's name, None if the board only listens, and how many items follow."""

    name: Name | None
    items: int


@dataclass(frozen=True, slots=True)
class EventItem:
    """An event that the board fires. `is_state`: its last value is kept."""

    event: Name
    is_state: bool = False


@dataclass(frozen=True, slots=True)
class RequestItem:
    """A method that it answers; None: all others."""

    method: str | None


@dataclass(frozen=True, slots=True)
class ListenItem:
    """What it listens to; None stands for any. `is_latest`: of each event only the newest is wanted."""

    sender: Name | None
    event: Name | None
    is_latest: bool = False


class Fire(NamedTuple):
    """An event, by number. `value`: encoded. (A tuple: nearly all that boards say is this, and it is made quickest.)"""

    event: int
    value: bytes


@dataclass(frozen=True, slots=True)
class BoardRequest:
    """A request of the board. `value`: encoded."""

    id: int
    sender: Name
    method: str
    value: bytes


@dataclass(frozen=True, slots=True)
class BoardAnswer:
    """The answer to a request. `status`: 0 or negative; `value`: encoded, text of the failure where it is negative."""

    id: int
    status: int
    value: bytes


Item: TypeAlias = EventItem | RequestItem | ListenItem
FromBoard: TypeAlias = Register | Item | Fire | BoardRequest | BoardAnswer


def read_from_board(data: bytes) -> FromBoard:
    """Read a message; the values in it are not looked at.

    Raises:
        RemoteProtocolError: it is none.
    """
    if data[:2] == SHORT_FIRE and len(data) > 3 and data[2] < 24:  # nearly all that boards say
        return Fire(data[2], data[3:])
    items = ItemReader(data)
    kind = items.integer(0, 2**32 - 1) if items.count else -1
    read = _READERS.get((kind, items.count))
    if read is None:
        raise RemoteProtocolError(f"no message is an array of {items.count} items that begins with {kind}")
    return read(items)


def _read_four(items: ItemReader) -> FromBoard:
    """`[0, 0, NAME, N]`, `[0, 3, SENDER, EVENT]` and `[0, 5, SENDER, EVENT]` are as long."""
    found: FromBoard
    what = items.integer(0, 5)
    if what == 0:
        found = Register(items.name_or_null(), items.integer(0, 255))
    elif what not in (3, 5):
        raise RemoteProtocolError(f"an item of {what} has one name")
    else:
        found = ListenItem(items.name_or_null(), items.name_or_null(), what == 5)
    items.end()
    return found


def _read_three(items: ItemReader) -> FromBoard:
    """`[0, 1, NAME]`, `[0, 2, NAME]` and `[0, 4, NAME]`."""
    what = items.integer(1, 4)
    if what == 3:
        raise RemoteProtocolError("an item of 3 that listens to nothing")
    found: FromBoard = RequestItem(items.method_or_null()) if what == 2 else EventItem(items.name(), what == 4)
    items.end()
    return found


def _read_fire(items: ItemReader) -> FromBoard:
    return Fire(items.integer(0, MAX_NUMBER), items.rest())


def _read_ask(items: ItemReader) -> FromBoard:
    return BoardRequest(items.integer(0, MAX_ID), items.name(), items.method(), items.rest())


def _read_answer(items: ItemReader) -> FromBoard:
    return BoardAnswer(items.integer(0, MAX_ID), items.integer(-(2**15), 0), items.rest())


_READERS: dict[tuple[int, int], Callable[[ItemReader], FromBoard]] = {
    (REGISTER, 4): _read_four,
    (REGISTER, 3): _read_three,
    (EVENT, 3): _read_fire,
    (REQUEST, 5): _read_ask,
    (ANSWER, 4): _read_answer,
}


def registered(status: int, text: str = "") -> bytes:
    """Answer a registration. `text`: why not; "" if it is in."""
    if not text:
        return array_head(2) + integer_item(REGISTER) + integer_item(status)
    return array_head(3) + integer_item(REGISTER) + integer_item(status) + text_item(text)


def heard(number: int, value: bytes, names: Sequence[Name] = (), kind: int = EVENT) -> bytes:
    """Return an event to what was registered under `number`.

    Args:
        number: of the item that hears it.
        value: encoded.
        names: what the item left open, sender first.
        kind: LAST: it is told because it is the last value, and was not fired just now.
    """
    head = array_head(3 + len(names)) + integer_item(kind) + integer_item(number)
    return head + value + b"".join(map(name_item, names))


def asked(ident: int, method: int | str, value: bytes) -> bytes:
    """Make a request. `method`: its number, or text where the board answers what it has no number for."""
    which = integer_item(method) if isinstance(method, int) else text_item(method)
    return array_head(4) + integer_item(REQUEST) + integer_item(ident) + which + value


def answered(ident: int, status: int, value: bytes) -> bytes:
    """Answer a request of the board. `value`: encoded, text where `status` is negative."""
    return array_head(4) + integer_item(ANSWER) + integer_item(ident) + integer_item(status) + value


def gave_way(number: int, count: int) -> bytes:
    """Say that `count` events for what was registered under `number` did not reach it."""
    return array_head(3) + integer_item(LOST) + integer_item(number) + integer_item(count)
