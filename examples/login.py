"""Who a client is to its server, and how it is sure of it: files of TLS, as options."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote, urlencode

from prompts import tcp_url

__all__ = ["add_login", "server_url"]

FILES = {
    "ca": "TLS: file of certificates that may have signed the server's",
    "cert": "TLS: file of the certificate to show",
    "key": "TLS: file of its key, if it has one of its own",
}


def add_login(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    for name, text in FILES.items():
        parser.add_argument(f"--{name}", help=text, metavar="FILE")


def server_url(answers: Any) -> str:
    """Give the address of the server, with the files of TLS.

    Args:
        answers: to the questions `prompts.SERVER`, and of the options; with a file of TLS, a host and a port speak TLS.
    """
    files = {name: getattr(answers, name) for name in FILES if getattr(answers, name) is not None}
    url: str = answers.url or ("tls+" if files else "") + tcp_url(answers.ip, answers.port)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(files, quote_via=quote)}" if files else url
