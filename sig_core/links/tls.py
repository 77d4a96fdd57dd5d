"""TLS for carriers whose library takes a context of `ssl`: made of the options of a URL.

    options = frozenset({"speed"}) | tls.OPTIONS

    async def connect(self, address):
        with tls.explained(address):
            return LabLink(await dial(address.host, address.port, ssl=tls.client_context(address)))

Options of a URL; files are in PEM:
    ca: a file of certificates that are trusted. A client takes it instead of those of the system; a server lets in
        those clients alone that have a certificate of it.
    cert: a file with the certificate of this end, and those that lead to one that is trusted. A server needs one.
    key: a file with its key, without a password; default: it is in the file `cert`.

A server is always verified: its certificate, and that it is for the host of the URL. There is no option against it; a
certificate that was made at home is trusted by `ca`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sig_core.address import Address
from sig_core.errors import ConfigError, ConnectFailed

__all__ = ["OPTIONS", "client_context", "explained", "server_context"]

OPTIONS = frozenset({"ca", "cert", "key"})

TRUST = "have it signed by somebody whom this machine trusts, or give the certificate of who signed it: ca=FILE"
REMEDIES = {  # codes of OpenSSL (x509_vfy.h) -> what to do
    **dict.fromkeys((2, 18, 19, 20, 21), TRUST),
    **dict.fromkeys((9, 10), "have it renewed, or set the clock of this machine"),
    **dict.fromkeys((62, 64), "connect to a name that is in it, or have one made for this name"),
}


def client_context(address: Address) -> ssl.SSLContext:
    """Return the context of a client: it verifies the server's certificate, and that it is for the host of the URL.

    Args:
        address: whose options are read: `ca`, `cert`, `key`.

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
        address: whose options are read: `ca`, `cert`, `key`. Their files are read now, and not again.

    Raises:
        ConfigError: there is no `cert`, or a file can't be used; says which.
    """
    if "cert" not in address.options:
        raise ConfigError(f"address {address.url!r}: to listen takes a certificate; give its file: cert=FILE&key=FILE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
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
        why = error.verify_message.rstrip(".")
        remedy = REMEDIES.get(error.verify_code, "have another one made")
        raise ConnectFailed(f"{address}: the server's certificate is refused: {why}; {remedy}") from error
    except ssl.SSLError as error:
        remedy = "does it speak TLS, and does it know your certificate (cert=, key=)?"
        raise ConnectFailed(f"{address}: no TLS with who is there: {_reason(error)}; {remedy}") from error


def _filled(context: ssl.SSLContext, address: Address) -> ssl.SSLContext:
    ca, cert, key = map(address.options.get, ("ca", "cert", "key"))
    if ca is not None:
        _load(address, "ca", ca, lambda: context.load_verify_locations(ca))
    if cert is not None:
        if key is not None:
            _load(address, "key", key, lambda: None)
        _load(address, "cert", cert, lambda: context.load_cert_chain(cert, key, password=_none))
    elif key is not None:
        raise ConfigError(f"address {address.url!r}: option key={key!r} is that of no certificate; give cert=FILE")
    return context


def _load(address: Address, name: str, file: str, load: Callable[[], None]) -> None:
    option = f"address {address.url!r}: option {name}={file!r}"
    try:
        Path(file).read_bytes()  # whose errors name the cause; those of ssl do not
        load()
    except ssl.SSLError as error:
        needed = "certificates in PEM" if name == "ca" else "a certificate in PEM, and its key: there, or in key=FILE"
        raise ConfigError(f"{option} can't be used: {_reason(error)}; it takes {needed}") from error
    except OSError as error:
        raise ConfigError(f"{option} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{option} can't be used: {error}") from error


def _none() -> str:  # else OpenSSL would ask at the terminal, and everything would wait
    raise ValueError("its key has a password; write it to a file without one (openssl pkey -in KEY -out FILE)")


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
