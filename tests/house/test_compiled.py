"""How code is written that may be compiled: what mypyc compiles to something else, without a word."""

from __future__ import annotations

import ast
import runpy
from typing import Any

import pytest

from tests.support import ROOT

TEXT = (ROOT / "compiled.txt").read_text(encoding="utf-8")
FILES = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["compiled_files"](TEXT)


def wrong(source: str) -> list[str]:
    """Return what a source says that would be something else when it is compiled; and errors made without a cause."""
    return [*causes(source), *names(source), *slots(source)]


def nodes(source: ast.AST | str, *kinds: type[ast.AST]) -> list[Any]:
    tree = ast.parse(source) if isinstance(source, str) else source
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def causes(source: str) -> list[str]:
    """Find errors that are raised without `because`: what stands behind `from` is left out."""
    inside = [node for handler in nodes(source, ast.ExceptHandler) for node in nodes(handler, ast.Raise)]
    bare = [node for node in inside if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) != "because"]
    lines = {node.lineno for node in (*bare, *(node for node in nodes(source, ast.Raise) if node.cause))}
    return [f"line {line}: raise because(error, cause)" for line in sorted(lines)]


def names(source: str) -> list[str]:
    """Find functions with two handlers that give errors of two types one name: it has the type of the first."""
    found = []
    for function in nodes(source, ast.FunctionDef, ast.AsyncFunctionDef):
        handlers = [node for node in nodes(function, ast.ExceptHandler) if node.name]
        types = {(node.name, ast.unparse(node.type)) for node in handlers}
        if len(types) > len({node.name for node in handlers}):
            found.append(f"{function.name}: errors of two types need two names")
    return found


def slots(source: str) -> list[str]:
    """Find dataclasses with slots: they are made anew, of a class that can't be."""
    decorated = [(node.name, map(ast.unparse, node.decorator_list)) for node in nodes(source, ast.ClassDef)]
    bad = [name for name, texts in decorated if any("dataclass" in text and "slots=True" in text for text in texts)]
    return [f"{name}: a dataclass with slots can't be compiled" for name in bad]


def test_what_is_wrong_is_named() -> None:
    assert wrong("raise A from b") == ["line 1: raise because(error, cause)"]
    assert wrong("try:\n    a()\nexcept B as b:\n    raise A()") == ["line 4: raise because(error, cause)"]
    assert wrong("try:\n    a()\nexcept B as b:\n    raise because(A(), b)\nelse:\n    raise A()") == []
    two = "def f():\n    try:\n        a()\n    except B as b:\n        c()\n    except D as b:\n        c()"
    assert wrong(two) == ["f: errors of two types need two names"]
    assert wrong(two.replace("D as b", "D as d")) == []
    assert wrong("@dataclass(slots=True)\nclass A:\n    b: int") == ["A: a dataclass with slots can't be compiled"]


@pytest.mark.parametrize("file", FILES)
def test_what_may_be_compiled_means_the_same_then(file: str) -> None:
    assert wrong((ROOT / file).read_text(encoding="utf-8")) == []


def bases(source: str) -> set[str]:
    """Return the names of the classes that classes of a source inherit."""
    return {ast.unparse(base).partition("[")[0] for node in nodes(source, ast.ClassDef) for base in node.bases}


def test_a_compiled_class_that_is_inherited_elsewhere_allows_it() -> None:
    """Else a subclass that is not compiled can't be made: a TypeError, at run time, of the compiled build alone."""
    plain = [path for path in ROOT.glob("sig_*/**/*.py") if str(path.relative_to(ROOT)) not in FILES]
    inherited = set[str]().union(*(bases(path.read_text(encoding="utf-8")) for path in plain))
    for file in FILES:
        for node in nodes((ROOT / file).read_text(encoding="utf-8"), ast.ClassDef):
            marks = " ".join(map(ast.unparse, node.decorator_list))
            assert node.name not in inherited or "allow_interpreted_subclasses=True" in marks, (file, node.name)
