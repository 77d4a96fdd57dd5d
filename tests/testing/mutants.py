"""What mutants are: the smallest classes that break one rule each, and the check that is meant to catch them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sig_core.testing import Result
from tests.testing.plain_codec import PlainCodec
from tests.testing.reference import (
    AioCarrier,
    AioLink,
    DatagramStream,
    PacketAcceptor,
    PacketCarrier,
    Pipe,
    StreamAcceptor,
    StreamCarrier,
    StreamLink,
    UdpCarrier,
    UdpMedium,
)

T = TypeVar("T", bound=type)

PARTS: list[tuple[type, type, str]] = [  # a mutant of this is put into a carrier of that, as this attribute
    (StreamLink, StreamCarrier, "link"),
    (StreamAcceptor, StreamCarrier, "acceptor"),
    (DatagramStream, PacketCarrier, "link"),
    (PacketAcceptor, PacketCarrier, "acceptor"),
    (Pipe, PacketCarrier, "pipe"),
    (UdpMedium, UdpCarrier, "medium"),
    (AioLink, AioCarrier, "link"),
]


@dataclass(frozen=True)
class Mutant:
    """A plug-in that is broken; `check` is meant to catch it, and `says` is in its message."""

    broken: Any
    check: str
    says: str

    @property
    def sound(self) -> type:
        """The plug-in that it is a mutant of."""
        known = (StreamCarrier, PacketCarrier, UdpCarrier, AioCarrier, PlainCodec)
        return next(base for base in self.plugin.__mro__ if base in known)

    @property
    def plugin(self) -> Any:
        """The class of the carrier, or codec."""
        for part, carrier, attribute in PARTS:
            if issubclass(self.broken, part):
                return type(f"{self.broken.__name__}Carrier", (carrier,), {attribute: self.broken})
        return self.broken


MUTANTS: list[Mutant] = []
LEFT: list[Callable[[], object]] = []  # what puts away what mutants leave open


def noting(mutants: list[Mutant]) -> Callable[[str, str], Callable[[T], T]]:
    """Return what notes classes as mutants: `@caught_by(check, says)`."""

    def caught_by(check: str, says: str) -> Callable[[T], T]:
        def note(broken: T) -> T:
            mutants.append(Mutant(broken, check, says))
            return broken

        return note

    return caught_by


caught_by = noting(MUTANTS)


def insist_caught(mutant: Mutant, outcome: Callable[[float], Result]) -> None:
    """Fail unless the check, made with a timeout of so many seconds, fails in the words that it should."""
    for timeout in (0.2, 3.0):  # the first is enough, but on a busy machine; so what hangs does until it is put away
        result = outcome(timeout)
        if result.outcome == "failed" and re.search(mutant.says, result.reason, re.DOTALL):
            return
    raise AssertionError(result)
