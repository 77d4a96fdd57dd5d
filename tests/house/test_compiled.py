"""How code is written that may be compiled: what mypyc compiles to something else, without a word."""

from __future__ import annotations

import ast
import runpy

import pytest

from tests.support import ROOT

TEXT = (ROOT / "compiled.txt").read_text(encoding="utf-8")
FILES = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["compiled_files"](TEXT)


def wrong(source: str) -> list[str]:
    """Return what a source says that would be something else when it is compiled; and errors made without a cause."""
    tree = ast.parse(source)
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    in_handlers = [node for handler in handlers for node in ast.walk(handler) if isinstance(node, ast.Raise)]
    bare = [node for node in in_handlers if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) != "because"]
    return [f"line {node.lineno}: raise because(error, cause)" for node in raised if node.cause or node in bare]


def test_what_is_wrong_is_named() -> None:
    assert wrong("raise A from b") == ["line 1: raise because(error, cause)"]
    assert wrong("try:\n    a()\nexcept B as b:\n    raise A()") == ["line 4: raise because(error, cause)"]
    assert wrong("try:\n    a()\nexcept B as b:\n    raise because(A(), b)\nelse:\n    raise A()") == []


@pytest.mark.parametrize("file", FILES)
def test_what_may_be_compiled_means_the_same_then(file: str) -> None:
    assert wrong((ROOT / file).read_text(encoding="utf-8")) == []
