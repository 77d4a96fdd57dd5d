"""What a board has said in a session: its registration, events, requests and answers, and what of it is wrong."""

from __future__ import annotations

from typing import TypeAlias

from sig_core.errors import CodecError, RemoteProtocolError
from sig_core.events import Name
from sig_core.plugins import default_plugins
from sig_core.protocol.board import (
    BoardAnswer,
    BoardRequest,
    EventItem,
    Fire,
    FromBoard,
    ListenItem,
    Register,
    RequestItem,
    read_from_board,
)

__all__ = ["CODEC", "Heard"]

CODEC = "cbor-board"
Listened: TypeAlias = tuple[Name | None, Name | None]


class Heard:
    """Reads the messages of a board, and knows it from what it registers.

    Attributes:
        messages: all, in order.
        name: of its sender; None: it only listens, or has not said yet.
        events, methods, listened: what it registered, by number.
        answers, asked, fired: that came; `fired` while it was in.
        early: events that it fired while it was not in.
        is_in: it was told so; the host sets it.
        wrong: the breaches of the page, in words.
    """

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.name: Name | None = None
        self.events: list[Name] = []
        self.methods: list[str | None] = []
        self.listened: list[Listened] = []
        self.answers: list[BoardAnswer] = []
        self.asked: list[BoardRequest] = []
        self.fired: list[Fire] = []
        self.early: list[Fire] = []
        self.is_in = False
        self.wrong: list[str] = []
        self._missing: int | None = None  # items; None: nothing was registered
        self._codec = default_plugins().codecs.get(CODEC)

    @property
    def complete(self) -> bool:
        """Whether it has registered, and all items have come."""
        return self._missing == 0

    def take(self, data: bytes) -> None:
        """Read the next message."""
        self.messages.append(data)
        try:
            message = read_from_board(data)
            self._codec.decode(data)
        except (RemoteProtocolError, CodecError) as error:
            self.wrong.append(f"message {len(self.messages)} is none: {error}; it is {data[:40].hex(' ')}")
        else:
            self._note(message)

    def _note(self, message: FromBoard) -> None:
        if isinstance(message, Register):
            self._register(message)
        elif isinstance(message, EventItem | RequestItem | ListenItem):
            self._add(message)
        elif isinstance(message, Fire):
            (self.fired if self.is_in else self.early).append(message)
        elif isinstance(message, BoardAnswer):
            self._answered(message)
        else:
            self.asked.append(message)

    def _register(self, message: Register) -> None:
        if self._missing:
            self.wrong.append(f"it registers again, and {self._missing} items of before are missing")
        self.name, self._missing = message.name, message.items
        self.events, self.methods, self.listened = [], [], []
        self.is_in = False

    def _add(self, item: EventItem | RequestItem | ListenItem) -> None:
        if not self._missing:
            self.wrong.append("an item comes before its registration, or behind the last one that was announced")
            return
        self._missing -= 1
        if isinstance(item, EventItem):
            self.events.append(item.event)
        elif isinstance(item, RequestItem):
            self.methods.append(item.method)
        else:
            self.listened.append((item.sender, item.event))

    def _answered(self, answer: BoardAnswer) -> None:
        self.answers.append(answer)
        if answer.status and not isinstance(self._codec.decode(answer.value), str):
            self.wrong.append(f"the answer to request {answer.id} has status {answer.status}, and no text")

    def answers_to(self, ident: int) -> list[BoardAnswer]:
        """Return the answers to requests of that ID."""
        return [answer for answer in self.answers if answer.id == ident]
