"""Boards whose messages are broken, each in one way that an author of firmware might."""

from __future__ import annotations

import struct
from typing import Any

from tests.testing.board_mutants import Fragile, caught_by
from tests.testing.reference_board import ReferenceBoard


@caught_by("test_registration", r"registers one of its events twice: \['#changed', '#changed'\]")
class RegistersAnEventTwice(ReferenceBoard):
    events = ("#changed", "#changed")


@caught_by("test_registration", "its registration, with all items: it did not come")
class MiscountsItsItems(ReferenceBoard):
    def say(self, message: list[Any]) -> None:
        super().say([*message[:3], message[3] + 1] if message[:2] == [0, 0] else message)


@caught_by("test_refused_registration", "fired [0-9]+ events while it was not in")
class FiresWhenRefused(ReferenceBoard):
    def understand(self, parts: list[Any]) -> None:
        super().understand(parts)
        if parts[0] == 0 and parts[1] < 0:
            self.say([1, 0, None])


@caught_by("test_what_it_says", "message [0-9]+ is none: .*it is 83 01 00 9f 01 ff")
class HasIndefiniteLengths(ReferenceBoard):
    def fire(self, event: int, value: Any) -> None:
        self.out.append(b"\x83\x01" + bytes((event,)) + b"\x9f\x01\xff")


@caught_by("test_what_it_says", "float of 64 bits")
class HasLongFloats(ReferenceBoard):
    def fire(self, event: int, value: Any) -> None:
        self.out.append(b"\x83\x01" + bytes((event,)) + b"\xfb" + struct.pack(">d", 21.5))


@caught_by("test_events", "fires event 2, and registered 2, numbered from 0")
class CountsEventsFromOne(ReferenceBoard):
    def fire(self, event: int, value: Any) -> None:
        super().fire(event + 2, value)


@caught_by("test_unknown_method", "answers method 3 with status -2; it has none of that, so -5")
class HasOneStatus(ReferenceBoard):
    def reply(self, ident: int, status: int, value: Any) -> None:
        super().reply(ident, status and -2, value)


@caught_by("test_ids", "were answered as")
class CountsIdsInSevenBits(ReferenceBoard):
    def reply(self, ident: int, status: int, value: Any) -> None:
        super().reply(ident & 127, status, value)


@caught_by("test_unknown_messages", "a request with an item too many was answered")
class DoesNotCountItems(ReferenceBoard):
    def understand(self, parts: list[Any]) -> None:
        super().understand(parts[:4] if parts[0] == 2 else parts)


@caught_by("test_broken_items", "before that it got a request with an array of indefinite length")
class CrashesInItsCodec(Fragile):
    def take_message(self, message: bytes) -> None:
        if b"\x9f" in message:
            self.crash(0.0)
        else:
            super().take_message(message)


@caught_by("test_numbers_that_nobody_gave", "before that it got an event for item")
class TrustsNumbers(Fragile):
    def understand(self, parts: list[Any]) -> None:
        if parts[0] == 1 and parts[1] >= len(self.listened):
            self.crash(0.0)
        else:
            super().understand(parts)


@caught_by("test_values", "method 'echo' gives -2147483648 for 2147483648")
class HasSignedIntegers(ReferenceBoard):
    def call(self, method: str, params: Any) -> tuple[int, Any]:
        status, value = super().call(method, params)
        return status, value - 2**32 if type(value) is int and value >= 2**31 else value


@caught_by("test_answer_that_is_too_long", "answers with status 0 with [0-9]+ bytes of value")
class CutsItsAnswers(ReferenceBoard):
    def reply(self, ident: int, status: int, value: Any) -> None:
        room = max(self._host_message, min(self.mtu, self._host_mtu)) - 8
        super().reply(ident, status, value[:room] if isinstance(value, bytes) else value)


@caught_by("test_any_params", r"method 'burst' answers None with status -200")
class HasStatusesOfItsOwn(ReferenceBoard):
    def call(self, method: str, params: Any) -> tuple[int, Any]:
        status, value = super().call(method, params)
        return (-200 if status == -7 else status), value


@caught_by("test_server_is_started_anew", "its registration at the next server did not come true")
class ComesOnce(ReferenceBoard):
    def register(self) -> None:
        if len(self.lives) < 2:
            super().register()
