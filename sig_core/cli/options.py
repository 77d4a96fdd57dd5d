"""Options and arguments that several commands share."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from sig_core.cli.profiles import TLS_FILES
from sig_core.cli.target import DEFAULT_URL, Options, Target, target_of
from sig_core.client import ClientRouter
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.reconnect import Reconnect

__all__ = [
    *("as_json", "client_options", "connect", "files_in", "json_option", "resume_option", "text_option"),
    *("timeout_option", "tls_options"),
]

F = TypeVar("F", bound=Callable[..., Any])

_of_tls = (
    click.option("--profile", metavar="NAME", help="One of ~/.config/sig/profiles.toml; if not given 'default'."),
    click.option("--ca", metavar="FILE", help="TLS: who may have signed the server's certificate."),
    click.option("--cert", metavar="FILE", help="TLS: the certificate to show."),
    click.option("--key", metavar="FILE", help="TLS: its key, if that is in a file of its own."),
)
_of_clients = (
    click.option(
        "--url",
        metavar="URL",
        help=f"Server to join; if not given what SIG_URL says, or the profile, or {DEFAULT_URL}.",
    ),
    click.option(
        "--codec",
        "codecs",
        multiple=True,
        metavar="NAME",
        help="Codec to speak, json if none; of several the preferred first.",
    ),
    *_of_tls,
    click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The file of the token to show; if not given what SIG_TOKEN says, or the profile.",
    ),
)
json_option = click.option("--json", "to_json", is_flag=True, help="One JSON object a line, on a terminal too.")
text_option = click.option("--text", is_flag=True, help="DATA is text as it stands, not JSON.")
resume_option = click.option(
    "--resume",
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="Lose nothing while the link is cut for so long.",
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0.001, 86_400),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for an answer.",
)


def client_options(command: F) -> F:
    """Add to a command what says which server it joins: it gets that as `target`."""

    @functools.wraps(command)
    def joined(**values: Any) -> Any:
        files = files_in(values)
        said = {name: values.pop(name) for name in ("url", "codecs", "profile", "token_file")}
        options = Options(files=files, **said)
        return command(target=target_of(options, os.environ), **values)

    for option in reversed(_of_clients):
        joined = option(joined)
    return cast(F, joined)


def tls_options(command: F) -> F:
    """Add to a command what names files of TLS, and a profile that does."""
    for option in reversed(_of_tls):
        command = option(command)
    return command


def files_in(values: dict[str, Any]) -> dict[str, str]:
    """Take the files of TLS out of what a command line says."""
    named = {name: values.pop(name) for name in TLS_FILES}
    return {name: os.path.expanduser(path) for name, path in named.items() if path is not None}


def connect(
    target: Target, *, reconnect: bool = False, timeout: float = 10.0, resume: float | None = None
) -> ClientRouter:
    """Return a client to use in `with`; it comes back only where a command runs on for long."""
    return ClientRouter(
        target.url,
        target.codecs or "json",
        limits=Limits(request_timeout=timeout, handshake=min(timeout, 5.0)),
        reconnect=Reconnect() if reconnect else None,
        token=target.token,
        resume=resume,
    )


def as_json(to_json: bool) -> bool:
    """Return whether the output is for a program."""
    return to_json or not sys.stdout.isatty()
