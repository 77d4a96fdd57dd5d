"""A private authority of certificates, in a folder.

    DIR/ca.pem      its certificate: what servers and clients trust
    DIR/ca.key      its key: whoever has it can be anybody
    DIR/crl.pem     its list of revoked certificates, which servers are given
    DIR/index.json  what it has issued
    DIR/NAME.pem    a certificate; the authority itself signs it, so that nothing stands between
    DIR/NAME.key    its key

Each file is written whole or not at all, and the index first: what can be revoked is known before it can be used. Who
changes the folder has it alone (`flock`), so that two at one time lose nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from sig_core.address import did_you_mean
from sig_core.certs import profiles
from sig_core.certs.description import is_signed_by
from sig_core.certs.index import Index, Issued
from sig_core.certs.names import Names, checked_name, names_of
from sig_core.certs.pem import certificates_in, key_in, key_pem, read, serial_of
from sig_core.errors import ConfigError
from sig_core.files import PUBLIC, create_file, replace_file

__all__ = ["Authority"]

LONGEST_DAYS = 3_650
CERTIFICATE, KEY, REVOCATIONS, INDEX = "ca.pem", "ca.key", "crl.pem", "index.json"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)  # certificates know nothing shorter than a second


class Authority:
    """Issues certificates for servers, clients and boards, renews and revokes them.

    Args:
        folder: of an authority, see `create`.
        now: returns the time, with its zone.

    Raises:
        ConfigError: there is none, or it can't be used: a file is missing or damaged, the key is not that of the
            certificate, or its time is over.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = _now) -> None:
        self._folder = folder
        self._now = now
        file = folder / CERTIFICATE
        if not file.exists():
            raise ConfigError(f"{file}: no authority is there; sig certs new {folder} makes one")
        self._certificate = certificates_in(file)[0]
        self._key = key_in(folder / KEY)
        self._end = self._certificate.not_valid_after_utc
        if self._key.public_key() != self._certificate.public_key():
            raise ConfigError(f"{folder / KEY} is not the key of {file}; bring both back from one backup")
        if self._end < now():
            remedy = "make a new authority in another folder, and issue all certificates anew"
            raise ConfigError(f"{file}: its time was over on {self._end:%Y-%m-%d}; {remedy}")

    @classmethod
    def create(cls, folder: Path, name: str | None = None, now: Callable[[], datetime] = _now) -> Authority:
        """Make an authority, good for ten years.

        Args:
            folder: where to; made if it is not there, for this user alone.
            name: of the authority; None: that of the folder.
            now: returns the time, with its zone.

        Raises:
            ConfigError: there is one already, or it can't be written, or the name can't be.
        """
        subject = checked_name(folder.resolve().name if name is None else name, "an authority")
        _make(folder)
        with _alone(folder):
            for each in (CERTIFICATE, KEY, INDEX, REVOCATIONS):
                if (folder / each).exists():
                    raise ConfigError(f"{folder / each} is there already; nothing is overwritten: name another folder")
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = profiles.authority_certificate(key, subject, now())
            revocations = profiles.revocations([], 0, certificate, key, now())
            create_file(folder / KEY, key_pem(key))
            create_file(folder / INDEX, Index().dump())
            create_file(folder / REVOCATIONS, revocations.public_bytes(Encoding.PEM), PUBLIC)
            create_file(folder / CERTIFICATE, certificate.public_bytes(Encoding.PEM), PUBLIC)  # last: now it is one
        return cls(folder, now)

    def issue(
        self, name: str, *, hosts: tuple[str, ...] = (), user: str | None = None, days: int | None = None
    ) -> x509.Certificate:
        """Make a key and its certificate: NAME.key and NAME.pem.

        Args:
            name: of the files, and the subject of the certificate.
            hosts: names and addresses of a server, as clients write them in their URLs; none for a client or a board.
            user: who holds it, such as `panel/hall`; None: `name`.
            days: how long it is good, 1 .. 3,650; None: 825, or what is left to the authority.

        Raises:
            ConfigError: a name, host or number of days can't be; there is a good one of this name; or files can't be
                written.
        """
        names, until = names_of(name, user, hosts), self._until(days)
        with self._changing() as index:
            if index.valid(name, self._now()):
                remedy = "sig certs renew makes it last longer; sig certs revoke ends it, then another can be issued"
                raise ConfigError(f"{self._file(name)}: a certificate of that name is issued and good; {remedy}")
            write = replace_file if index.knows(name) else create_file
            if write is create_file:
                self._check_free(name)
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._sign(index, names, key.public_key(), until)
            write(self._file(name, "key"), key_pem(key))
            write(self._file(name), certificate.public_bytes(Encoding.PEM), PUBLIC)
        return certificate

    def renew(self, name: str, *, days: int | None = None) -> x509.Certificate:
        """Replace NAME.pem with one that lasts longer, for the same names and the same key.

        The key stays, so that one file alone is replaced, in one step: a server that looks meanwhile never sees a
        certificate beside the key of another. The old certificate is good until its end, and is revoked with the new
        one. Who wants another key revokes, and issues anew.

        Args:
            name: of the file.
            days: how long the new one is good, see `issue`.

        Raises:
            ConfigError: there is none, it is revoked, or another authority's; or the file can't be written.
        """
        until = self._until(days)
        with self._changing() as index:
            old = self._mine(name)
            if index.is_revoked(serial_of(old)):
                raise ConfigError(f"{self._file(name)}: it is revoked; sig certs issue makes another, with a new key")
            key = old.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            certificate = self._sign(index, _names_in(old, name), key, until)
            replace_file(self._file(name), certificate.public_bytes(Encoding.PEM), PUBLIC)
        return certificate

    def revoke(self, name: str) -> int:
        """Put all certificates of a name that are still good on the list of revoked ones, crl.pem.

        Args:
            name: of the file, which need not be there any more.

        Returns:
            How many there were; the list is written anyhow.

        Raises:
            ConfigError: none of that name was issued, or the files can't be written.
        """
        checked_name(name)
        with self._changing() as index:
            index = self._with_file(index, name)
            if not index.knows(name):
                hint = did_you_mean(name, {each.name for each in index.issued})
                raise ConfigError(f"{self._folder}: no certificate {name!r} was issued here{hint}")
            now = self._now()
            changed = index.revoke(name, now)
            replace_file(self._folder / INDEX, changed.dump())
            revoked, number = changed.revoked(now), changed.revocations
            written = profiles.revocations(revoked, number, self._certificate, self._key, now)
            replace_file(self._folder / REVOCATIONS, written.public_bytes(Encoding.PEM), PUBLIC)
            return len(index.valid(name, now))

    def issued(self) -> tuple[Issued, ...]:
        """Return what was issued; without what ended more than 30 days ago, unless it was revoked.

        Raises:
            ConfigError: the index can't be read, or is damaged.
        """
        return self._index().issued

    def _index(self) -> Index:
        file = self._folder / INDEX
        return Index.parse(str(file), read(file))

    def _file(self, name: str, kind: str = "pem") -> Path:
        return self._folder / f"{name}.{kind}"

    @contextmanager
    def _changing(self) -> Iterator[Index]:
        """Have the folder alone, and yield what it has issued."""
        with _alone(self._folder):
            yield self._index()

    def _until(self, days: int | None) -> datetime:
        begin = self._now() - profiles.BACKDATED
        if days is None:
            return min(profiles.last_second(begin, profiles.DEFAULT_DAYS), self._end)
        if not 1 <= days <= LONGEST_DAYS:
            raise ConfigError(f"a certificate can't be good for {days:,} days: 1 .. {LONGEST_DAYS:,}")
        until = profiles.last_second(begin, days)
        if until > self._end:
            left = (self._end - begin).days
            raise ConfigError(f"{days:,} days are longer than the authority has, which is good for {left:,} more")
        return until

    def _check_free(self, name: str) -> None:
        for file in (self._file(name), self._file(name, "key")):
            if file.exists():
                raise ConfigError(f"{file} is there already, and was not issued here; nothing is overwritten")

    def _sign(self, index: Index, names: Names, key: ec.EllipticCurvePublicKey, until: datetime) -> x509.Certificate:
        """Return a certificate that is in the index already."""
        now = self._now()
        certificate = profiles.certificate(names, key, self._certificate, self._key, now, until)
        issued = Issued(names.common, serial_of(certificate), until)
        replace_file(self._folder / INDEX, index.issue(issued, now).dump())
        return certificate

    def _mine(self, name: str) -> x509.Certificate:
        """Return the certificate of a name, which this authority has signed."""
        file = self._file(checked_name(name))
        if not file.exists():
            raise ConfigError(f"{file}: there is none; sig certs issue {self._folder} {name} makes one")
        certificate = certificates_in(file)[0]
        if not is_signed_by(certificate, self._certificate):
            raise ConfigError(f"{file}: another authority issued it, not {self._folder / CERTIFICATE}")
        return certificate

    def _with_file(self, index: Index, name: str) -> Index:
        """Return an index that has what lies in the folder, though an old one was brought back from a backup."""
        if not self._file(name).exists():
            return index
        found = self._mine(name)
        issued = Issued(name, serial_of(found), found.not_valid_after_utc)
        known = any(each.serial == issued.serial for each in index.issued)
        return index if known else index.issue(issued, self._now())


def _names_in(certificate: x509.Certificate, name: str) -> Names:
    """Return whom a certificate names, of an authority of sig."""
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = alternatives.get_values_for_type(x509.IPAddress)
    return Names(
        common=name,
        uri=alternatives.get_values_for_type(x509.UniformResourceIdentifier)[0],
        hosts=tuple(alternatives.get_values_for_type(x509.DNSName)),
        addresses=tuple(each for each in addresses if isinstance(each, IPv4Address | IPv6Address)),
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: can't be made: {error.strerror or error}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{folder}: can't be opened: {error.strerror or error}") from error
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)  # which also lets the others in
