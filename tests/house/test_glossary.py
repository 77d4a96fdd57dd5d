"""What docs/architecture.md names is in the tree: rooms, files, classes, threads; and no word means two things."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sig_core", "sig_carriers", "sig_codecs")
CORRIDORS = ("io", "session")  # packages of rooms
TEXT = (ROOT / "docs/architecture.md").read_text()
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?<![\w/.`])[a-z_]+(?:/[a-z_]+)+(?:\.py|/)?(?![\w/])|(?<=`)[a-z_]+(?:/[a-z_]+)*(?:\.py|/)(?=`)")
CLASS = re.compile(r"(?<![\w`])`?([A-Z][a-z]+(?:[A-Z][a-z]*\d*)+)\b")  # two humps: also outside of backticks
THREAD = re.compile(r"`(sig-[a-z-]+)")
STARTED = re.compile(r"\"(sig-[a-z-]+)[ \"{]")  # in the source: the name of a thread, or how it begins


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def names() -> frozenset[str]:
    """All that modules define: classes, functions, constants, type aliases."""
    found: set[str] = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def is_there(path: str) -> bool:
    """Whether a file, module or folder is in the tree, from its root or from sig_core."""
    ways = [base / path.rstrip("/") for base in (ROOT, ROOT / "sig_core")]
    return any(way.is_dir() or way.is_file() or way.with_suffix(".py").is_file() for way in ways)


def missing(text: str) -> list[str]:
    """What a text names that is not there."""
    paths = [found for found in PATH.findall(text) if not is_there(found)]
    classes = [found for found in CLASS.findall(text) if found not in names()]
    return paths + classes


@pytest.mark.parametrize("title", re.findall(r"^## (.*)$", TEXT, re.MULTILINE))
def test_what_is_named_is_there(title: str) -> None:
    assert missing(section(title)) == []


def test_what_is_not_there_is_found() -> None:
    text = "`io/client/nowhere.py`, io/server/local_port -> NoSuchSession, `Exchange`, session/nowhere, `nowhere/`"
    assert missing(text) == ["io/client/nowhere.py", "session/nowhere", "nowhere/", "NoSuchSession"]
    assert not is_there("io/client/nowhere.py") and is_there("io/client/reader.py") and is_there("line/")


def test_the_map_has_every_room() -> None:
    drawn = TEXT.partition("\n## ")[0]
    house = ROOT / "sig_core"
    packages = [
        *house.glob("*/__init__.py"),
        *(path for each in CORRIDORS for path in (house / each).glob("*/__init__.py")),
    ]
    rooms = [f"{path.parent.relative_to(house)}/" for path in packages if path.parent.name != "io"]
    modules = [path.stem for path in house.glob("*.py") if path.stem not in ("__init__", "__main__", "pytest_plugin")]
    for room in rooms + modules:
        assert re.search(rf"(?<![\w/]){room}(?![\w/])", drawn), room
    assert missing(drawn) == []


def test_where_is_leads_to_files() -> None:
    for what, *places in rows("Where is ...?"):
        found = [name for place in places for name in CODE.findall(place)]
        assert found, what
        assert [name for name in found if not (ROOT / "sig_core" / name).is_file()] == [], what


def test_each_word_of_the_glossary_has_one_meaning_and_a_place() -> None:
    words = [word for word, _, _ in rows("Glossary")]
    assert len(words) == len(set(words)) and len(words) > 50
    for word, meaning, place in rows("Glossary"):
        found = CODE.findall(place)
        assert meaning and found, word
        assert [name for name in found if name not in names() and not is_there(name)] == [], word


def test_the_glossary_is_in_order() -> None:
    words = [word for word, _, _ in rows("Glossary")]
    assert words == sorted(words)


def test_the_table_of_threads_is_whole() -> None:
    told = set(THREAD.findall(section("Threads, and asyncio")))
    places = ["sig_core/aio", "sig_core/io", "sig_core/links", "sig_core/compat", "sig_core/client.py", "sig_carriers"]
    places += ["sig_core/recording"]
    files = [path for place in places for path in [ROOT / place, *(ROOT / place).rglob("*.py")] if path.is_file()]
    started = {name for path in files for name in STARTED.findall(path.read_text())}
    assert {name for name in started if not any(each.startswith(name) for each in told)} == set()
    assert {each for each in told if not any(each.startswith(name) for name in started)} == set()
