"""Imports go downward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RING_0 = {"contract", "address", "errors", "events", "portable", "spelling"}
MAY_IMPORT = {  # package or module of sig_core -> what it may import of sig_core, beside itself
    **{name: {"address", "errors", "events"} for name in RING_0},
    "protocol": RING_0,
    "line": {"errors"},
    "packet": {"errors", "line"},
    "routing": RING_0 | {"protocol"},
    "session": RING_0 | {"protocol", "line", "routing"},
    "log": set(),
    "plugins": RING_0 | {"log", "hookspecs"},
    "hookspecs": set(),
    "io": RING_0 | {"protocol", "line", "packet", "routing", "session", "log", "plugins"},
}
# beside the rings: what authors use; to a board it is a host, made of the line, or of a whole server
MAY_IMPORT["testing"] = RING_0 | {"plugins", "protocol", "line", "server"}
FACES = {"router", "server", "client", "aio"}
for face in FACES:
    MAY_IMPORT[face] = {*RING_0, "protocol", "line", "routing", "session", "log", "plugins", "io", "router"}
SANS_IO = {"protocol", "line", "packet", "routing", "session"}
IO_MODULES = {"socket", "select", "selectors", "threading", "asyncio", "time", "ssl", "queue", "logging", "subprocess"}
BESIDE = {
    "sig_carriers": {
        *("sig_core.contract", "sig_core.address", "sig_core.errors", "sig_core.io.links", "sig_core.io.media"),
        "sig_carriers",
    },
    "sig_codecs": {"sig_core.contract", "sig_core.errors", "sig_core.portable", "sig_codecs"},
}


def imports_of(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def breaches(room: str, source: str) -> list[str]:
    """What a file of `room` (a part of sig_core) imports that it must not."""
    found = []
    for name in imports_of(source):
        parts = name.split(".")
        if parts[0] in ("sig_carriers", "sig_codecs") or (room in SANS_IO and parts[0] in IO_MODULES):
            found.append(name)
        elif parts[0] == "sig_core" and room in MAY_IMPORT:
            part = parts[1] if len(parts) > 1 else ""
            if part != room and part not in MAY_IMPORT[room]:
                found.append(name)
    return found


def files() -> list[Path]:
    return sorted(path for path in (ROOT / "sig_core").rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downward(path: Path) -> None:
    room = path.relative_to(ROOT / "sig_core").parts[0].removesuffix(".py")
    assert breaches(room, path.read_text()) == []


def test_a_breach_is_found() -> None:
    assert breaches("protocol", "import threading\n") == ["threading"]
    assert breaches("routing", "from sig_core.session.base import Session\n") == ["sig_core.session.base"]
    assert breaches("io", "from sig_core.server import ServerRouter\n") == ["sig_core.server"]
    assert breaches("server", "import sig_codecs.json_codec\n") == ["sig_codecs.json_codec"]
    assert breaches("session", "from sig_core.routing.table import Table\n") == []
    assert breaches("testing", "from sig_core.io.loop import IoThread\n") == ["sig_core.io.loop"]
    assert breaches("io", "from sig_core.compat import Carrier\n") == ["sig_core.compat"]


@pytest.mark.parametrize("package", BESIDE)
def test_plugins_import_the_contract_only(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        ours = {name for name in imports_of(path.read_text()) if name.split(".")[0].startswith("sig_")}
        assert all(name in BESIDE[package] or name.split(".")[0] == package for name in ours), (path, ours)


def test_core_names_no_medium_and_no_encoding() -> None:
    words = {"tcp", "unix", "serial", "msgpack", "cbor"}
    for path in files():
        if path.relative_to(ROOT / "sig_core").parts[0] in ("demo", "__main__.py"):
            continue
        tree = ast.parse(path.read_text())
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                assert node.value not in words, (path, node.value)


def test_files_and_functions_are_short() -> None:
    for package in ("sig_core", "sig_carriers", "sig_codecs"):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text()
            assert source.count("\n") <= 420, path
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    doc = ast.get_docstring(node) or ""
                    size = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
                    assert size <= 45, (path, node.name, size)


def test_import_is_light() -> None:
    code = "import sys, sig_core; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(run.stdout.split())
    heavy = {"asyncio", "click", "serial", "msgpack", "cbor2", "uvloop", "sig_carriers", "sig_codecs"}
    assert not heavy & loaded


def test_everything_exported_exists() -> None:
    import sig_core
    from sig_core import errors

    assert [name for name in sig_core.__all__ if not hasattr(sig_core, name)] == []
    assert len(set(sig_core.__all__)) == len(sig_core.__all__)
    assert set(errors.__all__) - {"error_for", "is_status"} <= set(sig_core.__all__)
