"""`sig token`: what clients show to say who they are."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sig_core import tokens
from sig_core.cli.failures import OK
from sig_core.cli.groups import Group
from sig_core.errors import ConfigError
from sig_core.files import create_file

__all__ = ["token"]


@click.group(cls=Group, short_help="Make a token, or its digest for the rules.")
def token() -> None:
    """Make tokens, which clients show to say who they are, and their digests, which a server's rules have instead."""


@token.command()
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="Write it to a new file that only you can read, and not to standard output.",
)
def new(file: Path | None) -> int:
    """Make a token of 256 random bits, and print it.

    Its digest, for the rules of a server, goes to standard error, so that `sig token new > FILE` is the token alone.
    """
    made = tokens.new_token()
    if file is None:
        click.echo(made)
    else:
        create_file(file, f"{made}\n".encode())
        click.echo(f"{file}: a new token", err=True)
    click.echo(f'in the rules of the server: token = "{tokens.digest(made)}"', err=True)
    return OK


@token.command("hash")
def digest() -> int:
    """Print the digest of the token that is read from standard input: what the rules of a server have of it.

    Space and line ends round it do not count.
    """
    if sys.stdin is None:
        raise click.UsageError("standard input is closed; redirect it (`< FILE`)")
    if sys.stdin.isatty():
        click.echo("the token, then Ctrl-D:", err=True)
    try:
        text = sys.stdin.read(2 * tokens.LONGEST)
    except UnicodeDecodeError as error:
        raise ConfigError("a token is text in UTF-8, and standard input is none; is it the right file?") from error
    if tokens.is_digest(text.strip()):
        raise ConfigError("that is a digest already; standard input takes the token that it was made of")
    click.echo(tokens.digest(text))
    return OK
