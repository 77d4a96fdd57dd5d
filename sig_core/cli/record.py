"""`sig record`: write the events of a server into a file, as they come."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from sig_core.cli.failures import LOST, OK
from sig_core.cli.options import client_options, resume_option
from sig_core.cli.target import Target
from sig_core.errors import ConfigError
from sig_core.events import is_channel

__all__ = ["check_extra", "record"]


def check_extra(command: str) -> None:
    """Raise ConfigError where the library of recordings is not installed."""
    try:
        import mcap  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise ConfigError(f'sig {command} needs mcap: pip install "pysig[record]"') from error


@click.command(short_help="Write events into a file.")
@click.argument("file", metavar="FILE.mcap", type=click.Path(path_type=Path))
@click.argument("sender", required=False)
@click.argument("event", required=False)
@client_options
@click.option("--for", "seconds", type=click.FloatRange(0.001), metavar="SECONDS", help="End after so long.")
@click.option("--max-size", type=click.FloatRange(0.001), metavar="MB", help="Begin the next file after so much.")
@click.option("--max-time", type=click.FloatRange(1), metavar="SECONDS", help="Begin the next file after so long.")
@resume_option
def record(
    file: Path,
    sender: str | None,
    event: str | None,
    target: Target,
    seconds: float | None,
    max_size: float | None,
    max_time: float | None,
    resume: float | None,
) -> int:
    """Record events until Ctrl-C: of EVENT of SENDER, of all of SENDER, or of everybody.

    FILE.mcap is made, and never overwritten; with --max-size or --max-time the second one is FILE-2.mcap. A SENDER that
    begins with # and stands alone is a channel. Payloads are kept as they come on the link, so in its --codec.

    The link comes back by itself; status 6 if events were lost, which the file tells too.
    """
    check_extra("record")
    from sig_core.recording import Recorder

    if sender is not None and event is None and is_channel(sender):
        sender, event = None, sender
    recorder = Recorder(
        *(file, target.url, target.codecs or "json"),
        sender=sender,
        event=event,
        max_bytes=None if max_size is None else int(max_size * 1e6),
        max_seconds=max_time,
        token=target.token,
        resume=resume,
    )
    try:
        with suppress(KeyboardInterrupt):  # the way to end it
            recorder.start()
            recorder.failed.wait(seconds)
    finally:
        recorder.stop()
    return _tell(recorder.stats())


def _tell(stats: dict[str, object]) -> int:
    print(f"sig: {stats['recorded']} events recorded", file=sys.stderr)
    if stats["lost"]:
        print(f"sig: {stats['lost']} events were lost", file=sys.stderr)
    return LOST if stats["lost"] else OK
