"""The reference part of docs/cli.md, made from the help texts: `python -m sig_core.cli.reference docs/cli.md`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from sig_core.cli.app import COMMANDS, sig
from sig_core.cli.failures import STATUSES

__all__ = ["MARK", "reference"]

MARK = "<!-- from here on made by: python -m sig_core.cli.reference docs/cli.md -->\n"


def reference() -> str:
    """Return the reference as Markdown."""
    parent = click.Context(sig, info_name="sig")
    parts = [_of_all(parent), *(_of(name, parent) for name in COMMANDS)]
    return "\n".join(parts)


def _of_all(ctx: click.Context) -> str:
    statuses = "\n".join(f"| {status} | {meaning} |" for status, meaning in STATUSES.items())
    head = f"## Exit status\n\n| status | meaning |\n| --- | --- |\n{statuses}"
    return f"{head}\n\n## sig\n\n{_text(sig)}\n\n{_options(sig, ctx)}"


def _of(name: str, parent: click.Context) -> str:
    """Return the part of a command, with those of what it has below it."""
    assert isinstance(parent.command, click.Group)
    command = parent.command.get_command(parent, name)
    assert command is not None
    ctx = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    own = f"## {ctx.command_path}\n\n    {usage}\n\n{_text(command)}\n\n{_options(command, ctx)}"
    below = command.list_commands(ctx) if isinstance(command, click.Group) else []
    return "\n".join([own, *(_of(each, ctx) for each in below)])


def _text(command: click.Command) -> str:
    """Return the help text: each paragraph one line, as it was written where that is asked for."""
    found = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        asked = paragraph.startswith("\b\n")
        found.append(paragraph[2:] if asked else paragraph.replace("\n", " "))
    return "\n\n".join(found)


def _options(command: click.Command, ctx: click.Context) -> str:
    rows = ["| option | |", "| --- | --- |"]
    for option in command.get_params(ctx):
        record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
        if record is not None:
            rows.append(f"| `{record[0]}` | {record[1]} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write it into the file that is named, below the mark."""
    file = Path(sys.argv[1])
    written, _, _ = file.read_text(encoding="utf-8").partition(MARK)
    file.write_text(f"{written}{MARK}\n{reference()}", encoding="utf-8")


if __name__ == "__main__":
    main()
