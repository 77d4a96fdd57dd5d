"""The command `sig`. Needs the extra `cli`; `import sig_core` never comes here."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        import click
    except ImportError:
        print('the command line needs click: pip install "pysig[cli]"', file=sys.stderr)
        sys.exit(2)

    import sig_core

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(sig_core.__version__, prog_name="sig")
    def sig() -> None:
        """Route events and requests between programs, over any carrier and codec."""

    @sig.command()
    @click.option("--seconds", type=click.FloatRange(1, 3600), default=6.0, show_default=True, help="How long.")
    def demo(seconds: float) -> None:
        """Run a server on three carriers, sensor processes in three codecs and a listener, and count everything."""
        from sig_core.demo.show import run

        sys.exit(run(seconds))

    sig(prog_name="sig")
