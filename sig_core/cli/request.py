"""`sig request`: ask a sender."""

from __future__ import annotations

import sys

import click

from sig_core.cli.failures import OK
from sig_core.cli.options import as_json, client_options, connect, json_option, text_option, timeout_option
from sig_core.cli.target import Target
from sig_core.cli.values import dump, read_value, shown

__all__ = ["request"]


@click.command(short_help="Ask a sender.")
@click.argument("sender")
@click.argument("method")
@click.argument("data", required=False, metavar="[DATA|@FILE|-]")
@client_options
@text_option
@timeout_option
@json_option
def request(
    sender: str,
    method: str,
    data: str | None,
    target: Target,
    text: bool,
    timeout: float,
    to_json: bool,
) -> int:
    """Ask SENDER for METHOD with DATA, and print the answer.

    DATA is JSON; @FILE is a file with it; - is standard input. On a terminal an answer that is text is printed as it
    is, else as JSON.
    """
    params = read_value(data, text)
    with connect(target, timeout=timeout) as client:
        answer = client.remote_request(sender, method, params)
    plain = isinstance(answer, str) and not as_json(to_json)
    lines = map(shown, answer.encode().split(b"\n")) if plain else [dump(answer)]
    sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
    return OK
