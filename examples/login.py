"""Who a client is to its server, and how it is sure of it: files of TLS and a token, as options."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from prompts import tcp_url

import sig_core as sig

__all__ = ["add_login", "server_url", "token_of"]

FILES = {
    "ca": "TLS: file of certificates that may have signed the server's",
    "cert": "TLS: file of the certificate to show",
    "key": "TLS: file of its key, if it has one of its own",
}


def add_login(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    for name, text in FILES.items():
        parser.add_argument(f"--{name}", help=text, metavar="FILE")
    text = "file of the token to show (default: the variable SIG_TOKEN, if there is one)"
    parser.add_argument("--token-file", type=Path, help=text, metavar="FILE")


def server_url(answers: Any) -> str:
    """Give the address of the server, with the files of TLS.

    Args:
        answers: to the questions `prompts.SERVER`, and of the options; with a file of TLS, a host and a port speak TLS.
    """
    files = {name: getattr(answers, name) for name in FILES if getattr(answers, name) is not None}
    url: str = answers.url or ("tls+" if files else "") + tcp_url(answers.ip, answers.port)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(files, quote_via=quote)}" if files else url


def token_of(answers: Any) -> Callable[[], str] | None:
    """Give what returns the token, or None. A file is read again each time, since its token may be replaced."""
    file, variable = answers.token_file, os.environ.get("SIG_TOKEN")
    if file is not None:
        return lambda: _read(file)
    return (lambda: variable) if variable else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise sig.ConfigError(f"token file {file}: {reason}") from error
