"""What stands in the certificate of an authority, in those that it issues, and in its list of revoked ones.

All are strict: RFC 5280, and `ssl.VERIFY_X509_STRICT`, which is the default of Python from 3.13 on. Keys are of the
curve P-256, which everything knows, small boards too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sig_core.certs.index import Issued
from sig_core.certs.names import Names

__all__ = ["BACKDATED", "DEFAULT_DAYS", "authority_certificate", "certificate", "last_second", "revocations"]

BACKDATED = timedelta(hours=1)  # for clocks that are slow, as those of boards that have just got the time
AUTHORITY_DAYS = 3_653  # ten years
DEFAULT_DAYS = 825  # the most that Apple's systems take, of authorities of one's own too; all others take more


def last_second(begin: datetime, days: int) -> datetime:
    """Return when a certificate ends that is good for so many days; its last second is one of them."""
    return begin + timedelta(days=days, seconds=-1)


def authority_certificate(key: ec.EllipticCurvePrivateKey, name: str, now: datetime) -> x509.Certificate:
    """Return the certificate of an authority, which signs itself.

    Args:
        key: of it.
        name: its subject.
        now: with a time zone.
    """
    subject = _subject(name)
    return (
        _begun(subject, subject, key.public_key(), key.public_key(), now)
        .not_valid_after(last_second(now - BACKDATED, AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def certificate(
    names: Names,
    public_key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    until: datetime,
) -> x509.Certificate:
    """Return a certificate for a server, if `names` has hosts, or else for a client or a board.

    Args:
        names: whom it names.
        public_key: of who holds it.
        authority, authority_key: who signs it.
        now: with a time zone.
        until: when it ends.
    """
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if names.is_server else []
    purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)  # a server is a client of the next one
    return (
        _begun(_subject(names.common), authority.subject, public_key, authority_key.public_key(), now)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def revocations(
    revoked: Iterable[Issued],
    number: int,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.CertificateRevocationList:
    """Return the list of what is revoked; it is good for as long as its authority.

    A list that ended sooner would shut everybody out on the day on which nobody wrote the next one.

    Args:
        revoked: what is on it; each has a `revoked`.
        number: of the list, greater than that of the one before.
        authority, authority_key: who signs it.
        now: with a time zone.
    """
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - BACKDATED)
        .next_update(authority.not_valid_after_utc)
        .add_extension(identifier, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for each in revoked:
        assert each.revoked is not None
        entry = x509.RevokedCertificateBuilder().serial_number(int(each.serial, 16)).revocation_date(each.revoked)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority_key, hashes.SHA256())


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    """Return what all certificates have."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternatives(names: Names) -> list[x509.GeneralName]:
    return [
        *map(x509.DNSName, names.hosts),
        *map(x509.IPAddress, names.addresses),
        x509.UniformResourceIdentifier(names.uri),
    ]


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
