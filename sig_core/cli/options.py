"""Options and arguments that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sig_core.client import ClientRouter
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.reconnect import Reconnect

__all__ = ["DEFAULT_URL", "as_json", "client_options", "connect", "json_option", "text_option", "timeout_option"]

DEFAULT_URL = "tcp://127.0.0.1:3000"

F = TypeVar("F", bound=Callable[..., Any])

_url = click.option(
    "--url",
    envvar="SIG_URL",
    default=DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    metavar="URL",
    help="Server to join.",
)
_codec = click.option(
    "--codec",
    "codecs",
    multiple=True,
    metavar="NAME",
    help="Codec to speak, json if none; of several the preferred first.",
)
json_option = click.option("--json", "to_json", is_flag=True, help="One JSON object a line, on a terminal too.")
text_option = click.option("--text", is_flag=True, help="DATA is text as it stands, not JSON.")
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0.001, 86_400),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for an answer.",
)


def client_options(command: F) -> F:
    """Add to a command --url and --codec."""
    return _url(_codec(command))


def connect(url: str, codecs: tuple[str, ...], *, reconnect: bool = False, timeout: float = 10.0) -> ClientRouter:
    """Return a client to use in `with`; it comes back only where a command runs on for long."""
    return ClientRouter(
        url,
        codecs or "json",
        limits=Limits(request_timeout=timeout, handshake=min(timeout, 5.0)),
        reconnect=Reconnect() if reconnect else None,
    )


def as_json(to_json: bool) -> bool:
    """Return whether the output is for a program."""
    return to_json or not sys.stdout.isatty()
