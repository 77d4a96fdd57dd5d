"""Certificates, keys and lists of revoked ones, as files have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from sig_core.errors import ConfigError

__all__ = ["certificates_in", "key_in", "key_pem", "read", "revocations_in", "serial_of"]

LARGEST = 1_048_576  # bytes of a file; a bundle of all that a system trusts has 250,000
UNLOCK = "write it to a file without one (openssl pkey -in KEY -out FILE)"

T = TypeVar("T")


def certificates_in(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a file, of which there is one at least.

    Raises:
        ConfigError: it can't be read, or holds none.
    """
    return _parsed(path, "a certificate in PEM", x509.load_pem_x509_certificates)


def revocations_in(path: Path) -> x509.CertificateRevocationList:
    """Return the list of revoked certificates that a file holds.

    Raises:
        ConfigError: it can't be read, or holds none.
    """
    return _parsed(path, "a list of revoked certificates in PEM", x509.load_pem_x509_crl)


def key_in(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key that a file holds.

    Raises:
        ConfigError: it can't be read, holds none, has a password, or is none of an elliptic curve.
    """
    try:
        key = _parsed(path, "a key in PEM", lambda data: load_pem_private_key(data, None))
    except TypeError as error:  # so cryptography says that it wants a password
        raise ConfigError(f"{path}: the key has a password; {UNLOCK}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: the key is none of an elliptic curve, as those of an authority of sig are")
    return key


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return what a file holds for a key."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def serial_of(certificate: x509.Certificate) -> str:
    """Return the number of a certificate, as `openssl` writes it."""
    text = f"{certificate.serial_number:X}"
    return text.zfill(len(text) + len(text) % 2)


def read(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        ConfigError: it can't be read, or is no file of certificates, which are short.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror or error}") from error
    if len(data) > LARGEST:
        raise ConfigError(f"{path}: has more than {LARGEST:,} bytes; is it the right file?")
    return data


def _parsed(path: Path, what: str, parse: Callable[[bytes], T]) -> T:
    data = read(path)
    try:
        return parse(data)
    except ValueError as error:
        raise ConfigError(f"{path}: holds nothing of the kind; {what} was expected") from error
