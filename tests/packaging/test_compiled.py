"""What compiled.txt lists: what is there, each once, and why some is left out; and that the build runs just that."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import sig_core
from tests.support import ROOT

PLACE = Path(str(sig_core.__file__)).parents[1]  # of the packages: the checkout, or where the wheel is installed
TEXT = (ROOT / "compiled.txt").read_text(encoding="utf-8")
LINES = [re.fullmatch(r"(- )?(\S+)(?:  # (.+))?", line) for line in TEXT.splitlines() if not line.startswith("#")]
compiled_files = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["compiled_files"]
FILES = compiled_files(TEXT, PLACE)


def test_each_name_is_there_once() -> None:
    names = [line[2] for line in LINES if line]
    assert len(names) == len(LINES) == len(set(names)) > 0
    assert [name for name in names if not (PLACE / name).exists()] == []
    assert [name for name in names if (PLACE / name).is_dir() != name.endswith("/")] == []


def test_what_is_left_out_says_why() -> None:
    assert [line[2] for line in LINES if line and bool(line[1]) != bool(line[3])] == []


def test_nothing_is_left_out_that_would_not_be_there() -> None:
    for line in LINES:
        assert not (line and line[1]) or compiled_files(TEXT.replace(line[0], ""), PLACE) != FILES, line


@pytest.mark.parametrize("file", FILES)
def test_each_is_what_its_build_says(file: str) -> None:
    module = import_module(file.removesuffix(".py").replace("/", "."))
    assert str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES)) == (sig_core.build == "compiled")


def test_nothing_else_is_compiled() -> None:
    found = [
        str(path.relative_to(PLACE).with_name(path.name.partition(".")[0] + ".py"))
        for package in ("sig_core", "sig_carriers", "sig_codecs")
        for path in (PLACE / package).rglob("*")
        if path.name.endswith(tuple(EXTENSION_SUFFIXES))
    ]
    assert sorted(found) == (FILES if sig_core.build == "compiled" else [])
