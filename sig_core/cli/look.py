"""`sig senders`, `sig stats`, `sig plugins`: who and what is there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from sig_core.cli.failures import OK
from sig_core.cli.options import as_json, client_options, connect, json_option, timeout_option
from sig_core.cli.target import Target
from sig_core.cli.values import dump
from sig_core.plugins import default_plugins
from sig_core.printable import printable

__all__ = ["plugins", "senders", "stats", "table"]


@click.command(short_help="List senders and their events.")
@client_options
@timeout_option
@json_option
def senders(target: Target, timeout: float, to_json: bool) -> int:
    """List the senders at the server, with their events, and those of them that are their state."""
    with connect(target, timeout=timeout) as client:
        found, state = client.remote_senders(), client.remote_state()
    if as_json(to_json):
        for name, events in found.items():
            click.echo(dump({"sender": name, "events": events} | ({"state": state[name]} if name in state else {})))
        return OK
    head = ["sender", "events", *(["state"] if state else [])]
    rows = [[str(name), *(" ".join(map(str, each.get(name, []))) for each in (found, state))] for name in found]
    click.echo(table(head, [row[: len(head)] for row in rows]))
    return OK


@click.command(short_help="Tell how the server stands.")
@client_options
@timeout_option
@click.option("--peers", is_flag=True, help="Each client for itself as well.")
@json_option
def stats(target: Target, timeout: float, peers: bool, to_json: bool) -> int:
    """Tell how the server stands: links, senders, events, losses, latencies (docs/statistics.md)."""
    with connect(target, timeout=timeout) as client:
        told = client.server_stats(peers=peers)
    if as_json(to_json):
        click.echo(dump(told))
        return OK
    each = told.pop("peers", [])
    click.echo(table(None, [[name, text] for name, text in _flat(told)]))
    if each:
        click.echo()
        click.echo(table(_PEER_COLUMNS, [_peer_row(peer) for peer in each]))
    return OK


@click.command(short_help="List what is installed.")
@json_option
def plugins(to_json: bool) -> int:
    """List what is installed: carriers, codecs, wrappers, hooks, without importing any of it.

    States: installed; missing (an extra is not there); broken (its module is not there); clash (two distributions offer
    one name). Whether what is installed works, sig doctor finds out. Where a plug-in was published with a report of the
    rules for plug-ins, its conformance is shown.
    """
    from sig_core.testing.report import find  # the kit, for nobody else

    found = [(info, find(info)) for info in default_plugins().describe()]
    if as_json(to_json):
        for info, report in found:
            click.echo(dump(asdict(info) | ({"conformance": asdict(report)} if report else {})))
        return OK
    columns = ["kind", "name", "distribution", "version", "state"]
    rows = [[*(str(getattr(info, name)) for name in columns[:-1]), _state(info)] for info, _ in found]
    if any(report for _, report in found):
        columns.append("conformance")
        rows = [[*row, str(report or "")] for row, (_, report) in zip(rows, found, strict=True)]
    click.echo(table(columns, rows))
    return OK


def _state(info: Any) -> str:
    return f"{info.state}: {info.problem}" if info.problem else str(info.state)


_PEER_COLUMNS = ["peer", "codec", "senders", "subscriptions", "in", "fired", "out", "waiting", "lost", "queue"]


def _peer_row(peer: dict[str, Any]) -> list[str]:
    events = peer["events"]
    numbers = [events["in"], events["fired"], events["out"], events["waiting"], sum(events["lost"].values())]
    kept = [peer.get("codec", ""), peer.get("senders", ""), peer.get("subscriptions", "")]
    return [peer["peer"], *map(str, kept), *map(str, numbers), f"{peer['queue']['fill']:.0%}"]


def _flat(told: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return (name, text) of each figure, with dots for what is inside."""
    found: list[tuple[str, str]] = []
    for name, value in told.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, _text(name, value)))
    return found


def _text(name: str, value: Any) -> str:
    if name in ("p50", "p99"):
        return "-" if value is None else f"{value * 1e6:,.0f} us"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(head: list[str] | None, rows: list[list[str]]) -> str:
    """Lay rows out in columns."""
    lines = [*([head] if head else []), *([printable(cell) for cell in row] for row in rows)]
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = (map(str.ljust, line, widths) for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)
