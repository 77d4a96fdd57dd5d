"""TLS for carriers whose library takes a context of `ssl`: made of the options of a URL.

    options = frozenset({"speed"}) | tls.OPTIONS

    async def connect(self, address):
        with tls.explained(address):
            return LabLink(await dial(address.host, address.port, ssl=tls.client_context(address)))

Options of a URL; files are in PEM:
    ca: a file of certificates that are trusted. A client takes it instead of those of the system; a server lets in
        those clients alone that have a certificate of it.
    cert: a file with the certificate of this end, and those that lead to one that is trusted. A server needs one.
    key: a file with its key, without a password; default: it is in the file `cert`. It is told, as a warning, if others
        than its owner may read it.
    crl: a file of revoked certificates (CRL), of whoever signed those of the other end.
    min: the oldest version of TLS that is spoken: 1.3 (default), or 1.2, for boards.

A server is always verified: its certificate, and that it is for the host of the URL. There is no option against it; a
certificate that was made at home is trusted by `ca`.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sig_core.address import Address
from sig_core.errors import ConfigError, ConnectFailed
from sig_core.log import log

__all__ = ["OPTIONS", "client_context", "explained", "reason_of", "server_context", "why_refused"]

OPTIONS = frozenset({"ca", "cert", "crl", "key", "min"})

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
NEEDED = {
    "ca": "certificates in PEM",
    "crl": "a list of revoked certificates in PEM",
    **dict.fromkeys(("cert", "key"), "a certificate in PEM, and its key: there, or in key=FILE"),
}
KEY_MARK, CERTIFICATE_MARK = b"PRIVATE KEY-----", b"CERTIFICATE-----"
PLACE = re.compile(r"^\[\w+\] | \(_ssl\.c:\d+\)$")  # what `ssl` says beside, if OpenSSL gives no reason
OTHERS = 0o077  # the permissions of a file for those who do not own it

TRUST = "have it signed by somebody whom this machine trusts, or give the certificate of who signed it: ca=FILE"
REMEDIES = {  # codes of OpenSSL (x509_vfy.h) -> what to do
    **dict.fromkeys((2, 18, 19, 20, 21), TRUST),
    **dict.fromkeys((9, 10), "have it renewed, or set the clock of this machine"),
    **dict.fromkeys((62, 64), "connect to a name that is in it, or have one made for this name"),
    3: "the file crl= has no list of who signed it; put one there",
    **dict.fromkeys((11, 12), "get a newer list of revoked certificates: crl=FILE"),
    23: "have another one made",
}


def client_context(address: Address) -> ssl.SSLContext:
    """Return the context of a client: it verifies the server's certificate, and that it is for the host of the URL.

    Args:
        address: whose options are read: those of `OPTIONS`.

    Raises:
        ConfigError: a file can't be used; says which.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if "ca" not in address.options:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return _filled(context, address)


def server_context(address: Address) -> ssl.SSLContext:
    """Return the context of a server, which asks clients for a certificate if there is a `ca`.

    Args:
        address: whose options are read: those of `OPTIONS`. Their files are read now, and not again.

    Raises:
        ConfigError: there is no `cert`, or a file can't be used; says which.
    """
    if "cert" not in address.options:
        ways = "give its file: cert=FILE&key=FILE; `sig certs` makes some for a home"
        raise ConfigError(f"address {address.url!r}: to listen takes a certificate; {ways}")
    if "crl" in address.options and "ca" not in address.options:
        raise ConfigError(f"address {address.url!r}: option crl= is for certificates of clients; ask for them: ca=FILE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # a ticket would let a certificate in that was revoked meanwhile
    if "ca" in address.options:
        context.verify_mode = ssl.CERT_REQUIRED
    return _filled(context, address)


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Explain failures of TLS in the block, where a client connects.

    Args:
        address: how the error calls the server.

    Raises:
        ConnectFailed: for each error of `ssl`; says what to do.
    """
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed(f"{address}: the server's certificate is refused: {why_refused(error)}") from error
    except ssl.SSLError as error:
        remedy = "does it speak TLS, and does it know your certificate (cert=, key=)?"
        raise ConnectFailed(f"{address}: no TLS with who is there: {reason_of(error)}; {remedy}") from error


def why_refused(error: ssl.SSLCertVerificationError) -> str:
    """Return why the certificate of the other end is refused, and what to do."""
    why = (error.verify_message or reason_of(error)).rstrip(".")
    return f"{why}; {REMEDIES.get(error.verify_code, 'have another one made')}"


def reason_of(error: ssl.SSLError) -> str:
    """Return what OpenSSL calls an error, in words."""
    return (error.reason or PLACE.sub("", str(error))).replace("_", " ").lower()


def _filled(context: ssl.SSLContext, address: Address) -> ssl.SSLContext:
    context.minimum_version = _oldest(address)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    ca, cert, key, crl = map(address.options.get, ("ca", "cert", "key", "crl"))
    if ca is not None:
        _load(address, "ca", ca, lambda: context.load_verify_locations(ca))
    if crl is not None:
        _load(address, "crl", crl, lambda: _load_revoked(context, crl))
    if cert is not None:
        _load(address, "cert", cert, lambda: _check_certificate(cert, has_key=key is None))
        if key is not None:
            _load(address, "key", key, lambda: _check_holds(key, KEY_MARK, "key"))
        _load(address, "cert", cert, lambda: context.load_cert_chain(cert, key, password=_none))
        _warn_of_others(address, "key" if key else "cert", key or cert)
    elif key is not None:
        raise ConfigError(f"address {address.url!r}: option key={key!r} is that of no certificate; give cert=FILE")
    return context


def _oldest(address: Address) -> ssl.TLSVersion:
    text = address.options.get("min", "1.3")
    if text not in VERSIONS:
        raise ConfigError(f"address {address.url!r}: option min={text!r} is neither 1.3 nor 1.2")
    return VERSIONS[text]


def _load_revoked(context: ssl.SSLContext, crl: str) -> None:
    context.load_verify_locations(crl)
    if not context.cert_store_stats()["crl"]:
        raise ValueError("there is no list of revoked certificates in it (-----BEGIN X509 CRL-----)")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _load(address: Address, name: str, file: str, load: Callable[[], None]) -> None:
    option = f"address {address.url!r}: option {name}={file!r}"
    try:
        Path(file).read_bytes()  # whose errors name the cause; those of ssl do not
        load()
    except ssl.SSLError as error:
        raise ConfigError(f"{option} can't be used: {reason_of(error)}; it takes {NEEDED[name]}") from error
    except OSError as error:
        raise ConfigError(f"{option} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{option} can't be used: {error}") from error


def _check_certificate(file: str, *, has_key: bool) -> None:
    _check_holds(file, CERTIFICATE_MARK, "certificate")
    if has_key and KEY_MARK not in Path(file).read_bytes():
        raise ValueError("its key is not in it; name the file of that: key=FILE")


def _check_holds(file: str, mark: bytes, what: str) -> None:
    """Find out before OpenSSL what that does not tell apart."""
    if mark not in Path(file).read_bytes():
        raise ValueError(f"there is no {what} in it; it takes a {what} in PEM (-----BEGIN ...{mark.decode()})")


def _warn_of_others(address: Address, name: str, file: str) -> None:
    mode = Path(file).stat().st_mode & 0o777
    if os.name == "posix" and mode & OTHERS:
        who = f"address {address.url!r}: option {name}={file!r}"
        log.warning(f"{who}: others can read this key (mode {mode:o}); keep them out: chmod 600 {file}")


def _none() -> str:  # else OpenSSL would ask at the terminal, and everything would wait
    raise ValueError("its key has a password; write it to a file without one (openssl pkey -in KEY -out FILE)")
