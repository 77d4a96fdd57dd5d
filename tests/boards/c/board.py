"""A whole board whose handlers are functions of the test, and a host that is a list of messages."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Sequence
from typing import Any

import cbor2

from tests.boards.c.bench import LinkBench, ack, data
from tests.boards.c.library import ANSWER, ANSWERED, HEAR, LOST, App, Listened, Method, Writer
from tests.boards.c.packets import DATA, PART, Packet, syn

__all__ = ["BoardBench", "In", "Out"]


class In:
    """A reader."""

    def __init__(self, library: c.CDLL, reader: Any) -> None:
        self._library, self.reader = library, reader

    def __getattr__(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self._library, f"sigb_read_{name}")(self.reader)

    @property
    def failed(self) -> bool:
        return bool(self.reader.contents.failed)

    def skip(self) -> None:
        self._library.sigb_skip(self.reader)

    def text(self) -> str:
        return self._string("text").decode()

    def bytes(self) -> bytes:
        return self._string("bytes")

    def _string(self, kind: str) -> bytes:
        size = c.c_uint16()
        at = getattr(self._library, f"sigb_read_{kind}")(self.reader, size)
        return c.string_at(at, size.value) if at else b""

    def raw(self) -> bytes:
        """The bytes of the next item."""
        at = self.reader.contents.at
        self.skip()
        return c.string_at(at, self.reader.contents.at - at)


class Out:
    """A writer."""

    def __init__(self, library: c.CDLL, writer: Any) -> None:
        self._library, self.writer = library, writer

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *value: getattr(self._library, f"sigb_write_{name}")(self.writer, *value)

    def item(self, value: Any) -> None:
        """Any item without floats."""
        encoded = cbor2.dumps(value)
        self.raw(encoded, len(encoded))


Answer = Callable[[In, Out], int]
Hear = Callable[[In], int]


class BoardBench(LinkBench):
    """A board on a line and a clock of the test's.

    Args:
        methods: names (None: the default) and handlers.
        listened: sender, event, handler.

    Attributes:
        lost: (listened, count) as the board was told.
    """

    def __init__(
        self, library: c.CDLL, *, name: str | None = "uno", events: Sequence[str] = (),
        methods: Sequence[tuple[str | None, Answer]] = (), listened: Sequence[tuple[str | None, str | None, Hear]] = (),
        **memory: int,
    ) -> None:  # fmt: skip
        self.lost: list[tuple[int, int]] = []
        self._events = (c.c_char_p * max(1, len(events)))(*(each.encode() for each in events))
        self._methods = (Method * max(1, len(methods)))(
            *(Method(each.encode() if each else None, ANSWER(self._answer(handler))) for each, handler in methods)
        )
        self._listened = (Listened * max(1, len(listened)))(
            *(
                Listened(sender.encode() if sender else None, event.encode() if event else None, HEAR(self._hear(each)))
                for sender, event, each in listened
            )
        )
        self._lost = LOST(lambda board, item, count: self.lost.append((item, count)))
        self.app = App(
            name.encode() if name else None, self._events, len(events), self._methods, len(methods),
            self._listened, len(listened), self._lost,
        )  # fmt: skip
        self._sent = self._expected = 0
        self._parts = b""
        self._answered: list[Any] = []
        super().__init__(library, **memory)

    def _init(self) -> int:
        return int(self.library.sigb_init(self.link, self.app, self.line.io, self.memory))

    def _answer(self, handler: Answer) -> Callable[[int, Any, Any], int]:
        return lambda board, params, result: handler(In(self.library, params), Out(self.library, result))

    def _hear(self, handler: Hear) -> Callable[[int, Any], int]:
        return lambda board, value: handler(In(self.library, value))

    # ---- the board's side

    def poll(self, ms: int = 0) -> None:
        self.line.now += ms
        self.library.sigb_poll(self.link)

    @property
    def is_in(self) -> bool:
        return bool(self.library.sigb_is_in(self.link))

    @property
    def board_status(self) -> int:
        return int(self.library.shim_status(self.link))

    @property
    def needs(self) -> tuple[int, int]:
        """What the last SIGB_TOO_BIG needed, and what was there."""
        return int(self.library.shim_needed(self.link)), int(self.library.shim_there(self.link))

    def fire(self, event: int, write: Callable[[Out], None]) -> int:
        """Open an event, write it, close it: the first status that is not 0, or 0."""
        writer = Writer()
        status = self.library.sigb_open_event(self.link, event, writer)
        if status:
            return int(status)
        write(Out(self.library, c.pointer(writer)))
        return int(self.library.sigb_close(self.link, writer))

    def request(
        self, sender: str, method: str, params: Any, answered: Callable[[int, In], int] | None, timeout: int = 0
    ) -> int:
        callback = ANSWERED((lambda board, status, value: answered(status, In(self.library, value))) if answered else 0)
        self._answered.append(callback)
        writer = Writer()
        status = self.library.sigb_open_request(self.link, writer, sender.encode(), method.encode(), timeout, callback)
        if status:
            return int(status)
        Out(self.library, c.pointer(writer)).item(params)
        return int(self.library.sigb_close(self.link, writer))

    # ---- the host's side

    def begin(self, sid: int = 0x01020304, *, status: int | None = 0, **terms: int) -> list[Any]:
        """Begin a session, take the registration and answer it (None: do not); what the board registered."""
        self._sent = self._expected = 0
        self._parts = b""
        self.give(syn(sid, **terms))
        registered = self.talk()
        if status is not None:
            assert self.talk([0, status]) == []
        return registered

    def talk(self, *messages: Any, ms: int = 0) -> list[Any]:
        """Send messages (bytes as they are), acknowledge all that comes, until nothing comes: the board's messages."""
        for message in messages:
            self._give(message if isinstance(message, bytes) else cbor2.dumps(message))
        self.poll(ms)
        came: list[Any] = []
        while packets := self.take():
            for packet in packets:
                if packet.kind in (DATA, PART) and packet.seq == self._expected % 256:
                    self._expected += 1
                    self._parts += packet.payload
                    if packet.kind == DATA:
                        came.append(cbor2.loads(self._parts))
                        self._parts = b""
            if any(packet.kind in (DATA, PART) for packet in packets):
                self.give(ack(self._expected))
                self.poll()
        return came

    def _give(self, message: bytes) -> None:
        """A message, in parts if it must be."""
        while len(message) > self.memory.mtu:
            self.give(Packet(PART, message[: self.memory.mtu], self._sent, self._expected))
            self._sent, message = self._sent + 1, message[self.memory.mtu :]
        self.give(data(message, self._sent, self._expected))
        self._sent += 1
