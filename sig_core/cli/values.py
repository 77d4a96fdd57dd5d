"""Values on the command line: JSON, a file, standard input; and values as text again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from sig_core.printable import printable

__all__ = ["dump", "read_value", "read_values", "shown"]

BOM = "\ufeff"  # what programs of Windows begin UTF-8 with

_encoder = msgspec.json.Encoder()


def read_values(data: str | None, text: bool) -> Iterator[Any]:
    """Return the values that DATA stands for: one, or with `-` one for each line of standard input.

    Raises:
        click.UsageError: it is no JSON, or the file can't be read, or standard input is closed.
    """
    if data != "-":
        return iter([read_value(data, text)])
    return _read_lines(_standard_input(), text)


def _read_lines(lines: Iterable[str], text: bool) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(BOM)
        if line.strip():
            line = line.removesuffix("\n").removesuffix("\r")  # as programs of Windows end lines
            yield _parse(line, text, f"line {number} of standard input")


def read_value(data: str | None, text: bool) -> Any:
    """Return the one value that DATA stands for; with `-` all of standard input is one.

    Raises:
        click.UsageError: see `read_values`.
    """
    if data is None:
        return None
    if data == "-":
        return _parse(_standard_input().read().removeprefix(BOM), text, "standard input")
    if data.startswith("@"):
        return _parse(_read(data[1:]), text, data[1:])
    return _parse(data, text, "DATA")


def _standard_input() -> TextIO:
    if sys.stdin is None:  # so it is where who started this program has closed it, as cron jobs may (`<&-`)
        raise click.UsageError("DATA -: standard input is closed; redirect it (`< FILE`), or use @FILE")
    return sys.stdin


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")  # programs of Windows begin with a byte order mark
    except OSError as error:
        raise click.UsageError(f"DATA @{name}: can't read that file: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"DATA @{name}: it is no text in UTF-8: {error.reason}") from error


def _parse(text: str, plain: bool, where: str) -> Any:
    if plain:
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
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
