"""Proof that packets reach their sender: epochs that only who got an answer knows (docs/packet-protocol.md)."""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import blake2b
from typing import Final

from sig_core.datagram.wire import tag_of

__all__ = ["LEAST_EPOCH", "Cookies", "is_cookie_for"]

HASH_BITS: Final = 20
LEAST_EPOCH: Final = 1 << HASH_BITS  # that a side which dials may choose: none of its upper part is 0
STEP: Final = 30.0  # seconds for which a cookie is given; it is taken for as long again


class Cookies:
    """Makes epochs of a side that listens, and knows its own again; it keeps nothing of those who ask.

    Args:
        secret: 16 random bytes and more.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, peer: Hashable, epoch: int, now: float, taken: int | None = None) -> int:
        """Return the epoch that a peer has to come with.

        Args:
            peer: as the medium names it.
            epoch: that it came with.
            now: monotonic seconds.
            taken: the epoch of the link that is open there: packets of that, which are late, must not fit another one.
        """
        step = int(now // STEP)
        made = self._at(peer, epoch, step)
        return made if taken is None or tag_of(made) != tag_of(taken) else self._at(peer, epoch, step - 1)

    def fits(self, peer: Hashable, epoch: int, now: float) -> bool:
        """Return whether an epoch was made for this peer not long ago; args: see `make`."""
        step = int(now // STEP)
        return epoch in (self._at(peer, epoch, step), self._at(peer, epoch, step - 1))

    def _at(self, peer: Hashable, epoch: int, step: int) -> int:
        upper = epoch >> HASH_BITS
        said = f"{upper} {step} {peer!r}".encode("utf-8", "backslashreplace")
        lower = int.from_bytes(blake2b(said, key=self._secret, digest_size=4).digest(), "little") % LEAST_EPOCH
        return upper << HASH_BITS | lower


def is_cookie_for(epoch: int, made: int) -> bool:
    """Return whether `made` may be the answer to an OPEN with `epoch`."""
    return made >> HASH_BITS == epoch >> HASH_BITS and made != epoch
