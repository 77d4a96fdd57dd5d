"""A board that keeps all rules, written from docs/board-protocol.md; mutants override what they break."""

from __future__ import annotations

import struct
from typing import Any

from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_core.errors import SigError
from tests.support.strict_board import ACK, DATA, FIN, HELLO, NAK, PART, PING, SYN, StrictBoard

KNOWN = (SYN, DATA, ACK, NAK, PING, FIN, PART)
CODEC = CborBoardCodec()
SYN_SIZE = 12


class ReferenceBoard(StrictBoard):
    """The link of `StrictBoard`, and the dialect on top of it.

    Attributes:
        name, events, methods, listened: what it registers.
        status: of the registration; None: it was not answered.
        missed: events that the host could not send.
    """

    name = "reference"
    events = ("#changed", "cold")
    methods = ("echo", "burst", "fail")
    listened = (("clock", "tick"), (None, "#alarm"))

    def __init__(self, **terms: Any) -> None:
        self._done = 0
        self._hello = False  # is the answer to a SYN that came while it is connected
        self.status: int | None = None
        self.missed = 0
        super().__init__(**{"mtu": 64, "window": 3, "message": 512, "credit": 4, "long_crc": True, **terms})

    # -- the link

    def reopened(self, now: float) -> None:
        """The line is a new one."""
        self.connected = False
        self._in.clear()
        self._hello_at = -float("inf")

    def receive(self, data: bytes, now: float) -> None:
        super().receive(data, now)
        self.work()

    def _packet(self, kind: int, credit: int, seq: int, ack: int, payload: bytes, now: float) -> None:
        if kind not in KNOWN or (kind in (ACK, NAK, PING, FIN) and payload):
            return
        if kind == SYN and len(payload) < SYN_SIZE:
            return
        super()._packet(kind, credit, seq, ack, payload, now)
        if kind == FIN:
            self._long = False

    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        before = self.sid
        super()._syn(credit, ack, payload, now)
        self._hello = not self._synack and self.connected
        if self.connected and self.sid != before:
            self.out.clear()
            self._done, self.status = 0, None
            self.register()

    @property
    def has_output(self) -> bool:
        return self._hello or super().has_output

    def take(self, room: int, now: float) -> bytes:
        if self._hello:
            self._hello = False
            return self._seal(HELLO, 0, struct.pack("<BI", 1, self.sid), now)
        return super().take(room, now)

    def _data(self, kind: int, seq: int, payload: bytes, now: float) -> None:
        super()._data(kind, seq, payload, now)
        if len(self.got) and len(self.got[-1]) > max(self.mtu, self.message):
            self.got[-1] = b""  # too long: dropped as a whole

    # -- the dialect

    def register(self) -> None:
        """Say who it is."""
        items = len(self.events) + len(self.methods) + len(self.listened)
        self.say([0, 0, self.name, items])
        for event in self.events:
            self.say([0, 1, event])
        for method in self.methods:
            self.say([0, 2, method])
        for sender, event in self.listened:
            self.say([0, 3, sender, event])

    def say(self, message: list[Any]) -> None:
        self.out.append(CODEC.encode(message))

    def work(self) -> None:
        """Do what the messages that came say."""
        while self._done < len(self.got):
            message = self.got[self._done]
            self._done += 1
            self.take_message(message)

    def take_message(self, message: bytes) -> None:
        try:
            parts = CODEC.decode(message)
        except SigError:
            return
        if isinstance(parts, list) and parts and type(parts[0]) is int:
            self.understand(parts)

    def understand(self, parts: list[Any]) -> None:
        kind, size = parts[0], len(parts)
        if kind == 0 and size in (2, 3):
            self.status = parts[1]
        elif kind == 2 and size == 4:
            self.answer(*parts[1:])
        elif kind == 4 and size == 3 and parts[1] < len(self.listened):
            self.missed += parts[2]

    def answer(self, ident: int, method: Any, params: Any) -> None:
        """Answer a request."""
        known = type(method) is int and 0 <= method < len(self.methods)
        status, value = self.call(self.methods[method], params) if known else (-5, "no such method")
        self.reply(ident, status, value)

    def call(self, method: str, params: Any) -> tuple[int, Any]:
        if method == "echo":
            return 0, params
        if method == "burst" and type(params) is int:
            for number in range(min(params, 100)):
                self.fire(0, number)
            return 0, params
        return (-7, "a count is expected") if method == "burst" else (-2, "failed")

    def reply(self, ident: int, status: int, value: Any) -> None:
        longest = max(self._host_message, min(self.mtu, self._host_mtu))
        message = CODEC.encode([3, ident, status, value])
        if len(message) > longest:
            message = CODEC.encode([3, ident, -8, ""])
        self.out.append(message)

    def fire(self, event: int, value: Any) -> None:
        if self.status == 0:
            self.say([1, event, value])
