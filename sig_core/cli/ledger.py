"""`sig ledger`: what became of an event."""

from __future__ import annotations

from typing import Any

import click

from sig_core.cli.failures import LOST, OK
from sig_core.cli.look import table
from sig_core.cli.options import as_json, client_options, connect, json_option, timeout_option
from sig_core.cli.target import Target
from sig_core.cli.values import dump

__all__ = ["ledger"]

WISHED = "superseded"  # a loss that the listener asked for


@click.command(short_help="Tell what became of an event.")
@click.argument("sender")
@click.argument("event")
@client_options
@timeout_option
@json_option
def ledger(sender: str, event: str, target: Target, timeout: float, to_json: bool) -> int:
    """Tell what became of EVENT of SENDER: at each who listens, fired = delivered + waiting + lost, and why.

    Of each it counts from when it began to listen. "Delivered" is handed over to its link. Status 6 if something was
    lost that nobody wanted to lose.
    """
    with connect(target, timeout=timeout) as client:
        told = client.ledger(sender, event)
    lost = any(why != WISHED for each in told["listeners"] for why in each["lost"])
    if as_json(to_json):
        click.echo(dump(told))
    else:
        click.echo(_head(told))
        if told["listeners"]:
            click.echo(table(["listener", "fired", "delivered", "waiting", "lost"], list(map(_row, told["listeners"]))))
    return LOST if lost else OK


def _head(told: dict[str, Any]) -> str:
    count = "it is not connected" if told["fired"] is None else f"fired {told['fired']:,} times"
    return f"{told['sender']} {told['event']}: {count}, {len(told['listeners']) or 'nobody'} listening"


def _row(each: dict[str, Any]) -> list[str]:
    name = each["listener"] if each["of"] == "event" else f"{each['listener']} ({each['of']} that it hears)"
    if "heard_by" in each:
        name += ", away" if each["heard_by"] is None else f", at {each['heard_by']}"
    lost = ", ".join(f"{count:,} {why}" for why, count in each["lost"].items()) or "0"
    return [name, *(f"{each[key]:,}" for key in ("fired", "delivered", "waiting")), lost]
