"""`sig replay`: fire recorded events again."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from sig_core.cli.failures import LOST, OK
from sig_core.cli.options import client_options
from sig_core.cli.record import check_extra
from sig_core.cli.target import Target
from sig_core.printable import printable

__all__ = ["replay"]


@click.command(short_help="Fire recorded events again.")
@click.argument("file", metavar="FILE.mcap", type=click.Path(path_type=Path))
@client_options
@click.option(
    "--speed", type=click.FloatRange(0), default=1.0, metavar="X", help="2 is twice as fast; 0: as fast as it goes."
)
@click.option("--from", "start", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Leave out so much.")
@click.option("--only", metavar="SENDER[:EVENT]", help="Play this alone.")
@click.option("--loop", is_flag=True, help="Begin again at the end, until Ctrl-C.")
@click.option("--as", "name", metavar="NAME", help="What senders are called; %s in it is their name in the recording.")
def replay(
    file: Path, target: Target, speed: float, start: float, only: str | None, loop: bool, name: str | None
) -> int:
    """Add the senders of a recording to a server, and fire their events as they came.

    Returns when the server has routed all of them. Of a file that was cut, what is whole is played, and what is missing
    is said: status 6.
    """
    check_extra("replay")
    from sig_core.recording import Player

    sender, _, event = (only or "").partition(":")
    player = Player(file, speed=speed, start=start, only=(sender or None, event or None), loop=loop, name=name)
    with suppress(KeyboardInterrupt):  # the way to end it
        player.play(target.url, codec=target.codecs, token=target.token)
    print(f"sig: {player.played} events played", file=sys.stderr)
    missing = player.recording.missing
    if missing is not None:
        print(printable(f"sig: {missing}"), file=sys.stderr)
    return OK if missing is None else LOST
