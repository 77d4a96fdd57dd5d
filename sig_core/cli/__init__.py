"""The command `sig`. Needs the extra `cli`; `import sig_core` never comes here."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, and exit with its status."""
    try:
        import click  # noqa: F401 - only to see whether it is there
    except ImportError:
        print('the command line needs click: pip install "pysig[cli]"', file=sys.stderr)
        sys.exit(2)
    try:
        from sig_core.cli.app import run

        sys.exit(run())
    except KeyboardInterrupt:  # while it was still being imported
        sys.exit(130)
