"""A carrier for a new medium is short: what every author would write is in the core."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

from tests.plugins.distributions import FOLDER

MOST = 80  # lines of code
BESIDE = {  # tokens that are no code
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def lines_of_code(source: str) -> int:
    """Count the lines that are neither blank nor comments nor documentation."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {line for token in tokens if token.type not in BESIDE for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        can_have_one = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if can_have_one and ast.get_docstring(node) is not None:
            text = node.body[0]
            lines -= set(range(text.lineno, (text.end_lineno or 0) + 1))
    return len(lines)


def test_they_are_counted() -> None:
    assert lines_of_code('"""One\ntwo."""\n\n# three\nx = (\n    1,  # four\n)\n\ndef f():\n    """Five."""\n') == 4


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/sig_*/carrier.py")), ids=lambda path: path.parent.name)
def test_a_carrier_is_short(path: Path) -> None:
    assert lines_of_code(path.read_text(encoding="utf-8")) < MOST
