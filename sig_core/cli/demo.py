"""`sig demo`."""

from __future__ import annotations

import click

__all__ = ["demo"]


@click.command(short_help="See it all at work.")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=6.0, show_default=True, help="How long.")
def demo(seconds: float) -> int:
    """Run a server on three carriers, sensor processes in three codecs and a listener, and count everything.

    One sensor comes by TLS with a token, and two that may not are refused, if the extra certs is there.
    """
    from sig_core.demo.show import run

    return run(seconds)
