"""A table that other threads change too is copied in one step.

`list(table.items())` is none: it makes a tuple of each pair, so that the garbage collector may run amid it, and with it
destructors, or another thread, that change the table: "dictionary changed size during iteration". `table.copy()` makes
nothing that the collector looks at, and `list(table)` and `list(table.values())` do not either.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("sig_core", "sig_carriers", "sig_codecs")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def copies_in_steps(source: str) -> Iterator[int]:
    """Give the lines of a source where the pairs of a table are listed one after the other."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple"):
            for part in node.args:
                if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "items":
                    yield node.lineno


def test_what_is_wrong_is_named() -> None:
    assert list(copies_in_steps("a = list(b)\nc = list(b.values())\nd = b.copy().items()\n")) == []
    assert list(copies_in_steps("a = 1\nfor b, c in list(d.items()):\n    e = tuple(f.g.items())\n")) == [2, 3]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_copied_in_one_step(path: Path) -> None:
    assert list(copies_in_steps(path.read_text(encoding="utf-8"))) == []
