"""`sig ports`: what boards are plugged into, and how a URL names it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from sig_core.cli.failures import OK
from sig_core.cli.look import table
from sig_core.cli.options import as_json, json_option
from sig_core.cli.values import dump
from sig_core.contract import HasPorts, PortInfo
from sig_core.errors import BrokenPlugin
from sig_core.plugins import default_plugins

__all__ = ["ports", "ports_of"]


@click.command(short_help="List the ports of this machine.")
@json_option
def ports(to_json: bool) -> int:
    """List the ports of this machine that a carrier can use, with their URLs, the most lasting first.

    Opens none of them: that would reset some boards. States: free; busy, and who has it open, as far as this user may
    see; denied, and what to do about it.
    """
    found = list(_all())
    if as_json(to_json):
        for port in found:
            click.echo(dump(port))
    elif found:
        _show(found)
    else:
        click.echo("no port is plugged in")
    return OK


def ports_of(carrier: str) -> list[PortInfo]:
    """Ask a carrier for its ports; none if it knows of no such thing.

    Raises:
        BrokenPlugin: it can't be had, or fails at this.
    """
    found = default_plugins().carriers.get(carrier)
    try:
        return list(found.ports()) if isinstance(found, HasPorts) else []
    except Exception as error:
        text = f"carrier {carrier!r} can't list its ports: {type(error).__name__}: {error}; report it to its authors"
        raise BrokenPlugin(text) from error


def _all() -> Iterator[dict[str, Any]]:
    for carrier in default_plugins().carriers.names():
        try:
            yield from ({"carrier": carrier, **port} for port in ports_of(carrier))
        except BrokenPlugin as error:  # it hurts only who asks for it; but its ports are not listed
            print(f"sig: {error}", file=sys.stderr)


def _show(found: list[dict[str, Any]]) -> None:
    lines = table(None, [[port["device"], port["description"], _state(port)] for port in found]).splitlines()
    for line, port in zip(lines, found, strict=True):
        click.echo(line)
        for text in filter(None, [*port["urls"], port["remedy"]]):
            click.echo(f"    {text}")


def _state(port: dict[str, Any]) -> str:
    return f"{port['state']}: {port['cause']}" if port["cause"] else str(port["state"])
