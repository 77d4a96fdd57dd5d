"""TLS between two ends in memory, as strict as Python can be."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path


def client(folder: Path, name: str | None = None) -> ssl.SSLContext:
    """Give the context of a client that trusts an authority, with a certificate or without."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if name is not None:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def server(folder: Path, name: str) -> ssl.SSLContext:
    """Give the context of a server that lets in whom its authority knows, and has not revoked."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_CRL_CHECK_LEAF
    context.load_verify_locations(folder / "crl.pem")
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def shake_hands(one: ssl.SSLContext, two: ssl.SSLContext, host: str) -> list[str]:
    """Connect them; give who the client is to the server, by the URIs of its certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = one.wrap_bio(to_client, to_server, server_hostname=host)
    far = two.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (near, far):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    near.write(b"x")
    assert far.read(1) == b"x"
    shown = far.getpeercert() or {}
    return [text for kind, text in shown.get("subjectAltName", ()) if kind == "URI"]
