"""`lossy+`: a link that drops, damages, doubles and delays what passes, and breaks, all as a seed decides."""

from __future__ import annotations

import random
from dataclasses import replace

from sig_carriers.fault_dice import KINDS, Faults
from sig_carriers.fault_link import FaultLink
from sig_carriers.fault_path import NEVER
from sig_core.address import Address
from sig_core.contract import Link, LinkTraits

__all__ = ["Lossy", "LossyCourse", "lossy"]

ROOM = 1 << 20  # bytes that may be on their way
LONGEST = 86_400.0  # seconds
OPTIONS = {"drop": "dropped", "flip": "flipped", "dup": "doubled"}


class Lossy:
    """Wraps a link: `lossy+tcp://127.0.0.1:3000?drop=0.02&flip=1e-5&dup=0.01&jitter=5ms&cut=30s&seed=7`.

    It acts in both directions, at the end where it is written, on single bytes of a stream, on whole packets otherwise.
    The same seed gives the same faults, by the count of bytes or packets, on every link anew; without one a seed is
    chosen, and told in the log.

    A link that loses bytes is declared as one (`reliable=False`), and the core then repeats what is lost; so the other
    end has to know as well: it writes `lossy+` too, without options if it is to add no faults. Only what is asked for
    nothing but `cut`, or `jitter` on a stream, stays as reliable as it was.

    Options:
        drop: share of the bytes or packets that vanish, 0 .. 1.
        flip: share in which one bit is inverted, 0 .. 1.
        dup: share that arrives twice, 0 .. 1.
        jitter: each piece comes late by chance, up to so many seconds, 0 .. 86,400; packets overtake each other so.
        cut: seconds after which the link breaks, 0 .. 86,400.
        seed: a number, or any text.
    """

    options = frozenset({*OPTIONS, "jitter", "cut", "seed"})

    def check(self, address: Address) -> None:
        """Raise ConfigError for a value that is out of its range."""
        _shares(address)
        _jitter(address)
        _cut(address)

    def __call__(self, link: Link, address: Address, /) -> FaultLink:
        """Return the link with faults."""
        shares, jitter, packets = _shares(address), _jitter(address), link.traits.packets
        seed = address.options.get("seed") or str(random.randrange(2**32))
        out, into = (LossyCourse(f"{seed} {way}", shares, jitter, packets=packets) for way in ("sent", "received"))
        return FaultLink(
            link,
            out,
            into,
            _traits(link.traits, address),
            late=jitter > 0,
            cut=_cut(address),
            told=lambda: f"lossy, seed={seed}: {out.told('sent')}; {into.told('received')}",
        )


class LossyCourse:
    """What becomes of one direction; see `Course`.

    Args:
        seed: decides, with the count of bytes or packets.
        shares: see `Faults`.
        jitter: seconds.
        packets: whether what passes is packets; pieces of a stream stay in their order.
    """

    room = ROOM

    def __init__(self, seed: str, shares: dict[str, float], jitter: float, *, packets: bool) -> None:
        self._faults = Faults(seed, shares)
        self._seed = seed
        self._jitter = jitter
        self._packets = packets
        self._latest = 0.0

    def send_off(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """See `Course`."""
        due = now + self._delay()
        if self._packets:
            return [(due, packet) for packet in self._faults.packet(data)]
        self._latest = due = max(due, self._latest)
        left = self._faults.stream(data)
        return [(due, left)] if left else []

    def _delay(self) -> float:
        if not self._jitter:
            return 0.0
        return random.Random(f"{self._seed} late {self._faults.seen}").random() * self._jitter

    def told(self, what: str) -> str:
        """Say what became of all."""
        counts = ", ".join(f"{self._faults.counts[kind]:,} {kind}" for kind in KINDS)
        return f"of {self._faults.seen:,} {'packets' if self._packets else 'bytes'} {what} {counts}"


def _shares(address: Address) -> dict[str, float]:
    return {kind: address.number(option, 0.0, 0.0, 1.0) for option, kind in OPTIONS.items()}


def _jitter(address: Address) -> float:
    return address.seconds("jitter", 0.0, 0.0, LONGEST)


def _cut(address: Address) -> float:
    return address.seconds("cut", NEVER, 0.0, LONGEST)


def _traits(inner: LinkTraits, address: Address) -> LinkTraits:
    asked = address.options.keys() - {"seed"}
    harmless = {"cut"} if inner.packets else {"cut", "jitter"}
    return replace(inner, reliable=inner.reliable and bool(asked) and asked <= harmless)


lossy = Lossy()
