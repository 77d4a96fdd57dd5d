"""Values on the command line: JSON, a file, standard input; and values as text again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from sig_core.printable import printable

__all__ = ["dump", "read_value", "read_values", "shown"]

_encoder = msgspec.json.Encoder()


def read_values(data: str | None, text: bool) -> Iterator[Any]:
    """Return the values that DATA stands for: one, or with `-` one for each line of standard input.

    Raises:
        click.UsageError: it is no JSON, or the file can't be read.
    """
    if data != "-":
        yield read_value(data, text)
        return
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            yield _parse(line.rstrip("\n"), text, f"line {number} of standard input")


def read_value(data: str | None, text: bool) -> Any:
    """Return the one value that DATA stands for; with `-` all of standard input is one.

    Raises:
        click.UsageError: see `read_values`.
    """
    if data is None:
        return None
    if data == "-":
        return _parse(sys.stdin.read(), text, "standard input")
    if data.startswith("@"):
        return _parse(_read(data[1:]), text, data[1:])
    return _parse(data, text, "DATA")


def _read(name: str) -> str:
    try:
        return Path(name).read_text()
    except OSError as error:
        raise click.UsageError(f"DATA @{name}: can't read that file: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"DATA @{name}: it is no text in UTF-8: {error.reason}") from error


def _parse(text: str, plain: bool, where: str) -> Any:
    if plain:
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        short = text if len(text) <= 60 else text[:57] + "..."
        remedy = "for text add --text, or write it as JSON: '\"like this\"'"
        raise click.UsageError(f"{where}: {short!r} is no JSON ({error}); {remedy}") from error


def dump(value: Any) -> bytes:
    """Return a value as one line of JSON; what JSON does not know (bytes, NaN) becomes its nearest there."""
    try:
        return shown(_encoder.encode(value))
    except (TypeError, ValueError):
        return shown(_encoder.encode(repr(value)))


def shown(text: bytes) -> bytes:
    """Return text of others as it goes to standard output: on a terminal, what could control it is written out."""
    return printable(text.decode("utf-8", "backslashreplace")).encode() if sys.stdout.isatty() else text
