"""Certificates for tests: an authority, and whoever has one of it, as files in a folder."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sig_core.address import as_query

__all__ = ["Authority"]

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates, in files NAME.pem and NAME.key. Strict verifiers take them.

    Args:
        folder: where the files are.
        name: of the authority; its own certificate is in the file of that name.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _named(name)
        what = x509.BasicConstraints(ca=True, path_length=0), _usage(key_cert_sign=True, crl_sign=True)
        own = self._signed(self._subject, self._key, *what, days=(-1, 30))
        self._write(name, own, self._key)

    def issue(
        self, name: str, *hosts: str, days: tuple[float, float] = (-1, 30), uri: str = "", mode: int = 0o600
    ) -> x509.Certificate:
        """Make a certificate; again: another one in its place.

        Args:
            name: of the files, and the common name.
            hosts: names and addresses that it is for; none: those of this machine.
            days: from when to when, from now.
            uri: that it has as well.
            mode: of the file of its key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [_general(host) for host in hosts or ("127.0.0.1", "::1", "localhost", "lab")]
        names += [x509.UniformResourceIdentifier(uri)] if uri else []
        made = self._signed(
            *(_named(name), key, x509.BasicConstraints(ca=False, path_length=None), _usage(digital_signature=True)),
            x509.SubjectAlternativeName(names),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            days=days,
        )
        self._write(name, made, key, mode)
        return made

    def revoke(self, *certificates: x509.Certificate, file: str = "crl.pem") -> None:
        """Write the list of what is revoked."""
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self._subject)
        made = made.last_update(now - DAY).next_update(now + 30 * DAY)
        for each in certificates:
            revoked = x509.RevokedCertificateBuilder().serial_number(each.serial_number).revocation_date(now - DAY)
            made = made.add_revoked_certificate(revoked.build())
        made = made.add_extension(x509.CRLNumber(1), critical=False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        whole = made.sign(self._key, hashes.SHA256())
        (self.folder / file).write_bytes(whole.public_bytes(serialization.Encoding.PEM))

    def query(self, name: str = "", /, *, ca: str | None = None, **more: str) -> str:
        """Return the end of a URL.

        Args:
            name: whose certificate and key are shown; "": none.
            ca: the file whose certificates are trusted; None: that of this authority; "": none is named.
            more: options; those that name files are files of the folder.
        """
        options = {"cert": f"{name}.pem", "key": f"{name}.key"} if name else {}
        options |= {"ca": f"{self.name}.pem" if ca is None else ca} if ca != "" else {}
        options |= more
        files = ("cert", "key", "ca", "crl")
        return as_query({each: str(self.folder / text) if each in files else text for each, text in options.items()})

    def _signed(
        self, subject: x509.Name, key: Any, *extensions: x509.ExtensionType, days: tuple[float, float]
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
        for extension in extensions:
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            made = made.add_extension(extension, critical)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: Any, mode: int = 0o600) -> None:
        pem, kind, none = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path = self.folder / f"{name}.key"
        path.write_bytes(key.private_bytes(pem, kind, none))
        path.chmod(mode)
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(**true: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    names += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: true.get(name, False) for name in names})
