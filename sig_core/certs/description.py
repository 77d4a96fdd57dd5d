"""What a certificate says, for people and programs that do not read X.509."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sig_core.certs.pem import serial_of

__all__ = ["Description", "describe", "is_covered", "is_signed_by", "revoked_since"]

PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}
USAGES = ("digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "crl_sign")

E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Description:
    """A certificate.

    Attributes:
        name: the common name of its subject; "" if there is none.
        uris: who holds it, such as `sig:panel/hall`.
        hosts: names and addresses that it is for.
        issuer: the common name of who signed it.
        since, until: when it is good.
        usage: what its key may do.
        purposes: what it is for: "server", "client", or what it says; none: anything.
        is_authority: it may sign others.
        serial: its number, as `openssl` writes it.
        sha256: its fingerprint, as rules have it: `sha256:` and 64 digits.
    """

    name: str
    uris: tuple[str, ...]
    hosts: tuple[str, ...]
    issuer: str
    since: datetime
    until: datetime
    usage: tuple[str, ...]
    purposes: tuple[str, ...]
    is_authority: bool
    serial: str
    sha256: str


def describe(certificate: x509.Certificate) -> Description:
    """Return what a certificate says."""
    alternatives = _extension(certificate, x509.SubjectAlternativeName) or x509.SubjectAlternativeName([])
    names = alternatives.get_values_for_type(x509.DNSName)
    addresses = alternatives.get_values_for_type(x509.IPAddress)
    purposes = _extension(certificate, x509.ExtendedKeyUsage) or ()
    usage = _extension(certificate, x509.KeyUsage)
    constraints = _extension(certificate, x509.BasicConstraints)
    return Description(
        name=_common(certificate.subject),
        uris=tuple(alternatives.get_values_for_type(x509.UniformResourceIdentifier)),
        hosts=(*names, *map(str, addresses)),
        issuer=_common(certificate.issuer),
        since=certificate.not_valid_before_utc,
        until=certificate.not_valid_after_utc,
        usage=tuple(name.replace("_", " ") for name in USAGES if usage is not None and getattr(usage, name)),
        purposes=tuple(PURPOSES.get(each, each.dotted_string) for each in purposes),
        is_authority=constraints is not None and constraints.ca,
        serial=serial_of(certificate),
        sha256=f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}",
    )


def is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether an authority signed a certificate; nothing of time or use is looked at."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def is_covered(certificate: x509.Certificate, revocations: x509.CertificateRevocationList) -> bool:
    """Return whether a list is of the authority that issued a certificate; nobody's signature is looked at."""
    return revocations.issuer == certificate.issuer and _signer(revocations) == _signer(certificate)


def revoked_since(certificate: x509.Certificate, revocations: x509.CertificateRevocationList) -> datetime | None:
    """Return since when a list, which covers it, has a certificate; None: it has not."""
    entry = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return None if entry is None else entry.revocation_date_utc


def _signer(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes | None:
    found = _extension(signed, x509.AuthorityKeyIdentifier)
    return None if found is None else found.key_identifier


def _extension(signed: x509.Certificate | x509.CertificateRevocationList, kind: type[E]) -> E | None:
    try:
        return signed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _common(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
