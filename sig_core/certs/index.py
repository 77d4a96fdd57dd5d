"""What an authority has issued. A certificate is revoked by its number, and who holds it need not be there for that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

import msgspec

from sig_core.errors import ConfigError

__all__ = ["Index", "Issued"]

KEPT = timedelta(days=30)  # after its end; then nobody takes it any more, however slow his clock
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Issued(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate.

    Attributes:
        name: of its files.
        serial: its number, as `openssl` writes it: in hexadecimal, upper case.
        until: when it ends.
        revoked: since when it is; None: it is not.
    """

    name: str
    serial: Annotated[str, msgspec.Meta(pattern="^[0-9A-F]{1,40}$")]
    until: Time
    revoked: Time | None = None


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them; each change gives a new index.

    Attributes:
        version: of the form of the file.
        revocations: how many lists of revoked ones were written: the number of the last one.
        issued: the certificates, in the order in which they were issued.
    """

    version: Literal[1] = 1
    revocations: Annotated[int, msgspec.Meta(ge=0)] = 0
    issued: tuple[Issued, ...] = ()

    @classmethod
    def parse(cls, where: str, data: bytes) -> Self:
        """Return the index that a file holds.

        Args:
            where: how errors call the file.
            data: what it holds.

        Raises:
            ConfigError: it holds none.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            remedy = "bring it back from a backup: without it nothing that was issued can be revoked"
            raise ConfigError(f"{where}: it is damaged: {error}; {remedy}") from error

    def dump(self) -> bytes:
        """Return what a file holds for it: JSON that a person can read."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def issue(self, issued: Issued, now: datetime) -> Self:
        """Return the index with one more. What ended long ago leaves it; not what is revoked, lest it be renewed."""
        kept = (each for each in self.issued if each.revoked or each.until + KEPT > now)
        return msgspec.structs.replace(self, issued=(*kept, issued))

    def valid(self, name: str, now: datetime) -> list[Issued]:
        """Return the certificates of a name that could still be used: a renewed one beside its new one."""
        return [each for each in self.issued if each.name == name and not each.revoked and each.until >= now]

    def revoke(self, name: str, now: datetime) -> Self:
        """Return the index with all certificates of a name revoked, which takes one more list."""
        over = {each.serial for each in self.valid(name, now)}
        issued = (msgspec.structs.replace(each, revoked=now) if each.serial in over else each for each in self.issued)
        return msgspec.structs.replace(self, issued=tuple(issued), revocations=self.revocations + 1)

    def knows(self, name: str) -> bool:
        """Return whether there is one of a name, good or not."""
        return any(each.name == name for each in self.issued)

    def is_revoked(self, serial: str) -> bool:
        """Return whether the one with that number is revoked."""
        return any(each.serial == serial and each.revoked for each in self.issued)

    def revoked(self, now: datetime) -> list[Issued]:
        """Return what a list of revoked ones has: those that somebody could still take for good."""
        return [each for each in self.issued if each.revoked and each.until + KEPT > now]
