"""Certificates of the kit's own, for what it checks inside TLS: made once a process, and gone with it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from sig_core.address import Address, as_query
from sig_core.errors import ConfigError

__all__ = ["client_url", "server_url"]

HOST: Final = "localhost"  # whose name the server's certificate has, wherever it listens


def server_url(url: str) -> str:
    """Return a URL to listen on: with a certificate, and asking for those of clients, unless it names one.

    Args:
        url: as it was given; one without `tls+` stays as it is.

    Raises:
        ConfigError: certificates can't be made here.
    """
    return _filled(url, "cert", "server")


def client_url(url: str) -> str:
    """Return a URL to connect to: with a certificate, and trusting that of the server, unless it names whom to trust.

    Args and Raises: see `server_url`.
    """
    return _filled(url, "ca", "client", name=HOST)


def _filled(url: str, needed: str, holder: str, **more: str) -> str:
    address = Address.parse(url)
    if not address.is_secured or needed in address.options:
        return url
    folder = _folder()
    files = {"ca": "ca.pem", "cert": f"{holder}.pem", "key": f"{holder}.key"}
    files = {name: str(folder / file) for name, file in files.items()}
    return url.partition("?")[0] + as_query({**address.options, **files, **more})


@cache
def _folder() -> Path:
    try:
        from sig_core.certs import Authority
    except ImportError as error:
        ways = "pip install 'pysig[certs]', or name files of yours in the URLs: cert=FILE&key=FILE, and ca=FILE"
        raise ConfigError(f"the kit can't make certificates, which takes the package cryptography: {ways}") from error
    folder = Path(tempfile.mkdtemp(prefix="sig-kit-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = Authority.create(folder, "kit")
    authority.issue("server", hosts=(HOST,))
    authority.issue("client")
    return folder
