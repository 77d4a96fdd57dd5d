"""`sig trigger`: fire events."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import click

from sig_core.cli.failures import LOST, OK
from sig_core.cli.options import client_options, connect, text_option
from sig_core.cli.target import Target
from sig_core.cli.values import read_value, read_values

__all__ = ["trigger"]


@click.command(short_help="Fire events.")
@click.argument("sender")
@click.argument("event")
@click.argument("data", required=False, metavar="[DATA|@FILE|-]")
@client_options
@text_option
@click.option("--count", type=click.IntRange(1), metavar="N", help="Fire N times; without --every as fast as it goes.")
@click.option("--every", type=click.FloatRange(0.001), metavar="SECONDS", help="Fire again and again, until Ctrl-C.")
@click.option(
    "--confirm", type=click.FloatRange(0.001, 86_400), metavar="SECONDS", help="Wait for each; say where it went."
)
def trigger(
    sender: str,
    event: str,
    data: str | None,
    target: Target,
    text: bool,
    count: int | None,
    every: float | None,
    confirm: float | None,
) -> int:
    """Connect SENDER, fire EVENT with DATA, and leave.

    DATA is JSON; @FILE is a file with it; - is standard input, each line of it the data of one event. Without DATA the
    event has none (null).

    Returns when the server has routed everything; status 4 if the name is taken. With --confirm each event is confirmed
    by the server within that time, and the number of links that it went to is printed.
    """
    if data == "-" and count:
        raise click.UsageError("--count and -: each line of standard input is fired once")
    values = read_values(data, text) if data == "-" else _repeat(read_value(data, text), count, every)
    with connect(target, reconnect=every is not None) as client:
        signal = client.add_remote_sender(sender, [event]).get_signal(event)
        with suppress(KeyboardInterrupt):  # what was fired still goes out
            _fire(signal, values, every, confirm)
        client.flush()
        events = client.stats()["events"]
    lost = events["dropped"] + events["unsent"]
    if lost:
        print(f"sig: {lost} of {events['fired']} events did not reach the server", file=sys.stderr)
    return LOST if lost else OK


def _repeat(value: Any, count: int | None, every: float | None) -> Iterator[Any]:
    if count is None and every is not None:
        return itertools.repeat(value)
    return itertools.repeat(value, count or 1)


def _fire(signal: Any, values: Iterator[Any], every: float | None, confirm: float | None) -> None:
    due = time.monotonic()
    for value in values:
        if every is not None:
            time.sleep(max(0.0, due - time.monotonic()))
            due += every
        links = signal.trigger(value, confirm)
        if confirm is not None:
            print(links, flush=True)
