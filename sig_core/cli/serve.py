"""`sig serve`: be a server."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress

import click

from sig_core.cli.config import Config, read_config
from sig_core.cli.ending import Ending
from sig_core.cli.failures import OK
from sig_core.cli.options import as_json, json_option
from sig_core.cli.private_socket import private_socket
from sig_core.cli.target import DEFAULT_URL
from sig_core.cli.values import dump
from sig_core.errors import ConfigError
from sig_core.server import ServerRouter

__all__ = ["serve"]


@click.command(short_help="Be a server.")
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "--codec", "codecs", multiple=True, metavar="NAME", help="Codec that clients may speak; if none, all there are."
)
@click.option("--config", metavar="FILE", help="A TOML file; URLs and --codec come before what it says.")
@click.option("--open", "opened", is_flag=True, help="Listen also where other machines reach it; no password is asked.")
@click.option("--rules", metavar="FILE", help="Who may come in and do what; then other machines may reach it, too.")
@click.option("--store", metavar="FILE", help="Keep events there for durable listeners; it is made if it is not there.")
@json_option
def serve(
    urls: tuple[str, ...],
    codecs: tuple[str, ...],
    config: str | None,
    opened: bool,
    rules: str | None,
    store: str | None,
    to_json: bool,
) -> int:
    """Listen on each URL, and route until Ctrl-C or SIGTERM.

    Without any it listens on tcp://127.0.0.1:3000 and, for this user alone, on
    a Unix socket, which is faster. Prints the addresses as they are bound.
    """
    found = read_config(config) if config else Config()
    server = ServerRouter(
        *(urls or found.listen or _default_urls()),
        codecs=codecs or found.codecs,
        limits=found.limits,
        plugins=found.plugins(),
        open=opened or found.open,
        rules=rules or found.rules,
        store=store or found.store,
    )
    # Whoever reads an address may end us before the next line runs.
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda number, frame: server.reload_soon())
    with server, Ending() as ending, suppress(KeyboardInterrupt):
        for address in server.addresses:
            click.echo(dump({"listening": address}) if as_json(to_json) else f"listening on {address}")
        ending.wait()
    return OK


def _default_urls() -> tuple[str, ...]:
    try:
        socket = private_socket(os.environ)
    except ConfigError as error:
        logging.getLogger("sig").warning("no Unix socket beside %s: %s", DEFAULT_URL, error)
        socket = None
    return (DEFAULT_URL,) if socket is None else (DEFAULT_URL, socket)
