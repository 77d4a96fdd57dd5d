"""In which line of a TOML file a key stands: `tomllib` does not tell, and an error without it is half an error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["LineIndex", "Path"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top: `("roles", "panel", "listen", 2)`."""

_PLAIN = re.compile(r"\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*=\s*(.*)")
_BLANK = re.compile(r"\s*(#.*)?")
LONG = 64  # lines of one value after which those are not tried that end with a comma, as most in a long list do


class LineIndex:
    """The lines of the keys of one file, which `tomllib` has read without an error.

    It is no parser: the file is cut into statements, of as few lines each as `tomllib` takes by themselves, and what a
    statement defines `tomllib` says. An item of a list that fills several lines has a line of its own.

    Args:
        text: of the file.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # of the tables in each list of tables
        here: Path = ()
        for number, lines in _statements(text.splitlines()):
            if lines[0].lstrip().startswith("["):
                here = self._enter(_parsed(lines), number)
            else:
                for path in _keys_of(lines):
                    self._note((*here, *path), number)
                    if len(lines) > 1:
                        self._note_items((*here, *path), lines, number)

    def line(self, path: Path) -> int:
        """Return the line of a key, or of the nearest above it that is written by itself; 1 if there is none."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def _note(self, path: Path, number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)

    def _enter(self, found: Any, number: int) -> Path:
        """Note the header of a table, and return the path of the keys below it."""
        path: Path = ()
        while found:
            if isinstance(found, list):
                self._counts[path] = self._counts.get(path, -1) + 1
                path, found = (*path, self._counts[path]), found[0]
            else:
                key = next(iter(found))
                path, found = (*path, key), found[key]
                if path in self._counts and isinstance(found, dict):  # below the last table of a list
                    path = (*path, self._counts[path])
        self._note(path, number)
        return path

    def _note_items(self, path: Path, lines: list[str], number: int) -> None:
        """Note the lines of the items of a list: each group of lines that is a list by itself."""
        if not _value(lines[0]).startswith("["):
            return
        position, group, begun = 0, "", number
        for offset, line in enumerate(lines):
            begun = begun if group.strip("[ \n") else number + offset
            group += (_value(line) if not offset else ("" if group else "[") + line) + "\n"
            items = _items(group if offset + 1 == len(lines) else group + "]")
            if items is None:
                continue
            for _ in range(items):
                self._note((*path, position), begun)
                position += 1
            group = ""


def _statements(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the statements with the numbers of their first lines."""
    begun: list[str] = []
    for number, line in enumerate(lines, 1):
        if not begun and _BLANK.fullmatch(line):
            continue
        begun.append(line)
        if _is_whole(begun):
            yield number - len(begun) + 1, begun
            begun = []


def _is_whole(lines: list[str]) -> bool:
    first, last = lines[0], lines[-1]
    if len(lines) == 1 and _PLAIN.fullmatch(first) and not any(mark in first for mark in ("[", "{", '""', "''")):
        return True  # as most are, and that is ten times as fast
    if len(lines) > LONG and last.partition("#")[0].rstrip().endswith(","):
        return False
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _value(line: str) -> str:
    return line.partition("=")[2].strip()


def _parsed(lines: list[str]) -> Any:
    return tomllib.loads("\n".join(lines))


def _keys_of(lines: list[str]) -> Iterator[Path]:
    """Yield the paths of what a statement defines: a dotted key, and the keys of an inline table."""
    plain = _PLAIN.fullmatch(lines[0])
    if len(lines) == 1 and plain is not None and "{" not in lines[0]:
        yield tuple(plain[1].split("."))
        return
    yield from _paths(_parsed(lines), ())


def _paths(found: Any, path: Path) -> Iterator[Path]:
    if isinstance(found, dict) and found:
        for key, value in found.items():
            yield from _paths(value, (*path, key))
    else:
        yield path


def _items(text: str) -> int | None:
    """Return how many items a list has; None: it is none."""
    try:
        return len(tomllib.loads(f"x = {text}")["x"])
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
