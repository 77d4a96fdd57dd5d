"""Where helpers of tests are: in the folder that uses them, or in `tests/support`; never in a test or a conftest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

FILES = sorted((ROOT / "tests").rglob("*.py"))


def imported(source: str) -> Iterator[tuple[str, ...]]:
    """Give the parts of each module of the tests that a source imports from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module and node.module.startswith("tests."):
            yield tuple(node.module.split("."))


def wrong(room: str, source: str) -> list[str]:
    """Name the modules that a source in a folder of the tests imports, and should not."""
    return [
        ".".join(module)
        for module in imported(source)
        if module[1] not in (room, "support") or module[-1] == "conftest" or module[-1].startswith("test_")
    ]


def test_what_is_wrong_is_named() -> None:
    assert wrong("cli", "from tests.support import within\nfrom tests.cli.command import sig") == []
    for module in ("tests.system.rawpeer", "tests.cli.conftest", "tests.cli.test_commands"):
        assert wrong("cli", f"from {module} import anything") == [module]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_helpers_are_imported_from_where_they_belong(path: Path) -> None:
    assert wrong(path.relative_to(ROOT).parts[1], path.read_text(encoding="utf-8")) == []
