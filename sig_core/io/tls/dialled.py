"""A client's way to its server: dialled, made a stream, and put inside TLS where its URL says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sig_core.address import Address
from sig_core.contract import Link
from sig_core.errors import ConfigError
from sig_core.io.adapters.as_stream import as_stream

if TYPE_CHECKING:
    import ssl

    from sig_core.errors import SigError
    from sig_core.io.tls.stream import TlsStream

__all__ = ["dialled"]


def dialled(url: str, connect: Callable[[], Link], patience: float) -> Link:
    """Return a live link on which a session can speak.

    Args:
        url: of the server.
        connect: returns the link of its carrier.
        patience: seconds within which the other end must answer what is asked before a session speaks.

    Raises:
        ConfigError: the URL, or a file that it names, can't be used.
        ConnectFailed: nobody answers, or who does is not to be trusted.
        AccessDenied: the server does not trust this client.
        Exception: what `connect` raises.
    """
    address = Address.parse(url)
    if not address.is_secured:
        return as_stream(connect(), dialing=True, patience=patience)
    from sig_core.io.tls.contexts import check_reliable, context_of_client  # who has no TLS needs none of it
    from sig_core.io.tls.link import secured
    from sig_core.io.tls.problems import client_problem

    context, name = context_of_client(address), _name(address)
    raw = connect()
    try:
        check_reliable(url, raw.traits)
    except ConfigError:
        raw.close()
        raise
    raw = as_stream(raw, dialing=True, patience=patience)
    shown = f"tls+{raw.peer}"

    def explain(error: ssl.SSLError, is_open: bool) -> SigError:
        return client_problem(error, shown, is_open=is_open)

    try:
        link = secured(raw, _stream(context, address, name), explain)
        link.shake_hands(patience)
    except BaseException:
        raw.close()
        raise
    return link


def _stream(context: ssl.SSLContext, address: Address, name: str) -> TlsStream:
    from sig_core.io.tls.stream import TlsStream

    try:
        return TlsStream(context, server_side=False, name=name)
    except ValueError as error:  # of names that are none: UnicodeError is one
        text = f"{name!r} can't be the name in a certificate: {error}"
        raise ConfigError(f"address {address.url!r}: {text}") from error


def _name(address: Address) -> str:
    name = address.options.get("name", address.host)
    if not name:
        raise ConfigError(f"address {address.url!r}: has no host to compare the certificate with; give it: name=HOST")
    return name
