"""Imports go downward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, within

RING_0 = {
    *("busy_poll", "clock", "contract", "address", "description", "errors", "events", "interrupts", "portable"),
    *("compiling", "printable", "spelling", "tokens"),
}
DIALECTS = {"session.binary", "session.plain", "session.board", "session.line"}
RING_1 = {"access", "protocol", "line", "datagram", "routing", "store", "session", "session.client_state"} | DIALECTS
RING_2 = {
    *("files", "log", "hookspecs", "plugins", "links"),
    *("io.sync", "io.delivery", "io.aio", "io.adapters", "io.tls", "io.store", "io.client", "io.server"),
}
MAY_IMPORT = {  # room of sig_core -> the rooms that it may import, beside itself
    **{name: {"address", "errors", "events"} for name in RING_0},
    "description": {"interrupts"},
    "events": {"description", "errors"},
    "address": {"description", "errors"},
    "protocol": RING_0,
    "line": {"clock", "errors"},
    "datagram": {"clock", "errors", "line"},
    "access": RING_0,
    "routing": RING_0 | {"access", "protocol", "store"},
    "store": RING_0,
    "session": RING_0 | {"access", "protocol", "routing"},
    "session.binary": RING_0 | {"access", "protocol", "routing", "session", "store"},
    "session.plain": RING_0 | {"access", "protocol", "routing", "session"},
    "session.board": RING_0 | {"access", "protocol", "routing", "session", "line"},
    "session.line": RING_0 | {"protocol", "line", "session", "session.binary", "session.board"},
    "session.client_state": RING_0 | {"protocol", "routing", "session", "session.binary"},
    "log": RING_0,
    "files": {"errors"},
    "hookspecs": set(),
    "links": RING_0 | {"log"},
    "plugins": RING_0 | {"log", "hookspecs", "links"},
    "io.sync": RING_0 | {"log"},
    "io.store": RING_0 | {"files", "log", "store"},
    "io.delivery": RING_0 | {"log", "links", "routing", "io.sync"},
    "io.aio": RING_0 | {"log", "links", "routing", "io.sync"},
    "io.adapters": RING_0 | {"log", "links", "line", "datagram"},
    "io.tls": RING_0 | {"log", "links", "protocol", "session", "io.sync", "io.adapters"},
    "io.client": RING_0 | RING_1 | RING_2 - {"io.server"},
    "io.server": RING_0 | RING_1 - {"session.client_state"} | RING_2 - {"io.client"},
    "router": RING_0 | {"protocol", "routing", "log", "io.sync", "io.delivery"},
    "client_base": RING_0 | RING_1 | {"log", "plugins", "router"},
    "operations": RING_0,
    "client": RING_0 | RING_1 | RING_2 - {"io.server"} | {"router", "client_base", "operations"},
    "server_base": RING_0 | RING_1 | RING_2 - {"io.client", "io.aio"} | {"router"},
    "server": RING_0 | RING_1 | RING_2 - {"io.client", "io.aio"} | {"router", "server_base"},
    "aio": RING_0 | RING_1 | RING_2 | {"router", "client_base", "server_base"},
    # beside the rings: an authority of certificates, which knows files and the time alone
    "certs": RING_0 | {"files"},
    # above the faces: what records and plays is a client, with codecs that leave payloads as they are
    "recording": RING_0 | {"client", "plugins", "routing"},
    # beside the rings: what authors use; to a board it is a host, made of the line, or of a whole server, and around
    # carriers it puts TLS, as routers do
    "testing": RING_0 | {"links", "plugins", "protocol", "line", "server", "io.adapters", "io.tls", "certs"},
}
SANS_IO = RING_1
IO_MODULES = {"socket", "select", "selectors", "threading", "asyncio", "time", "ssl", "queue", "logging", "subprocess"}
BESIDE = {
    "sig_carriers": {
        *("sig_core.contract", "sig_core.address", "sig_core.errors"),
        *("sig_core.links.sockets", "sig_core.links.shared_medium"),
        "sig_carriers",
    },
    "sig_codecs": {"sig_core.compiling", "sig_core.contract", "sig_core.errors", "sig_core.portable", "sig_codecs"},
}


def imports_of(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def room_of(module: str) -> str:
    """The room of a module of sig_core, given without that: the longest name in the table that begins it."""
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((name for name in names if name in MAY_IMPORT), names[-1])


def breaches(room: str, source: str) -> list[str]:
    """What a file of a room imports that it must not."""
    found = []
    for name in imports_of(source):
        top, _, module = name.partition(".")
        if top in ("sig_carriers", "sig_codecs") or (room in SANS_IO and top in IO_MODULES):
            found.append(name)
        elif top == "sig_core" and room in MAY_IMPORT:
            there = room_of(module)
            if there != room and there not in MAY_IMPORT[room]:
                found.append(name)
    return found


def files() -> list[Path]:
    return sorted(path for path in (ROOT / "sig_core").rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downward(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT / "sig_core").with_suffix("").parts).removesuffix(".__init__")
    assert breaches(room_of(module), path.read_text()) == []


def test_every_room_has_a_rule() -> None:
    rooms = {room_of(".".join(path.relative_to(ROOT / "sig_core").with_suffix("").parts)) for path in files()}
    above = {"__init__", "__main__", "cli", "compat", "demo", "io", "pytest_plugin"}  # ring 4, and what holds no code
    assert rooms - set(MAY_IMPORT) <= above
    assert set(MAY_IMPORT) <= rooms


def test_a_breach_is_found() -> None:
    assert breaches("protocol", "import threading\n") == ["threading"]
    assert breaches("session.client_state", "import threading\n") == ["threading"]
    assert breaches("routing", "from sig_core.session.base import Session\n") == ["sig_core.session.base"]
    assert breaches("session.plain", "import sig_core.session.binary.server\n") == ["sig_core.session.binary.server"]
    assert breaches("session.plain", "from sig_core.session.base import State\n") == []
    assert breaches("io.client", "from sig_core.server import ServerRouter\n") == ["sig_core.server"]
    assert breaches("io.client", "import sig_core.io.server.io_thread\n") == ["sig_core.io.server.io_thread"]
    assert breaches("io.server", "import sig_core.io.client.threaded_link\n") == ["sig_core.io.client.threaded_link"]
    assert breaches("links", "from sig_core.io.sync.future import F\n") == ["sig_core.io.sync.future"]
    assert breaches("server", "import sig_codecs.json_codec\n") == ["sig_codecs.json_codec"]
    assert breaches("session", "from sig_core.routing.table import Table\n") == []
    assert breaches("testing", "import sig_core.io.server.io_thread\n") == ["sig_core.io.server.io_thread"]
    assert breaches("io.server", "from sig_core.compat import Carrier\n") == ["sig_core.compat"]


@pytest.mark.parametrize("package", BESIDE)
def test_plugins_import_the_contract_only(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        ours = {name for name in imports_of(path.read_text()) if name.split(".")[0].startswith("sig_")}
        assert all(name in BESIDE[package] or name.split(".")[0] == package for name in ours), (path, ours)


def test_core_names_no_medium_and_no_encoding() -> None:
    words = {"tcp", "unix", "serial", "msgpack", "cbor"}
    for path in files():
        if path.relative_to(ROOT / "sig_core").parts[0] in ("demo", "__main__.py", "access"):  # rules name the system
            continue
        tree = ast.parse(path.read_text())
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                assert node.value not in words, (path, node.value)


PACKAGES = ("sig_core", "sig_carriers", "sig_codecs")
MOST_METHODS = 22  # public ones of one class, without the second spelling of pysig 0.7
MOST_ATTRIBUTES = 29  # that one class sets on itself
MOST_LINES = 45  # of one function, without its docstring


def nodes_of(source: str, *kinds: type[ast.AST]) -> list[Any]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


def public_methods(node: ast.ClassDef) -> list[str]:
    found = [each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for name in found if not name.startswith("_")]


def attributes(node: ast.ClassDef) -> set[str]:
    stored = [each for each in ast.walk(node) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)]
    return {each.attr for each in stored if isinstance(each.value, ast.Name) and each.value.id == "self"}


def test_classes_are_one_thing_and_functions_short() -> None:
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        source = path.read_text()
        for node in nodes_of(source, ast.ClassDef):
            assert len(public_methods(node)) <= MOST_METHODS, (path, node.name, len(public_methods(node)))
            assert len(attributes(node)) <= MOST_ATTRIBUTES, (path, node.name, len(attributes(node)))
        for node in nodes_of(source, ast.FunctionDef, ast.AsyncFunctionDef):
            doc = ast.get_docstring(node) or ""
            size = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            assert size <= MOST_LINES, (path, node.name, size)


def test_import_is_light() -> None:
    code = "import sys, sig_core; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=within(30), check=True)
    loaded = set(run.stdout.split())
    heavy = {"asyncio", "click", "cryptography", "serial", "msgpack", "cbor2", "uvloop", "mcap"}
    heavy |= {"sig_carriers", "sig_codecs"}
    assert not heavy & loaded


def test_everything_exported_exists() -> None:
    import sig_core
    from sig_core import errors

    assert [name for name in sig_core.__all__ if not hasattr(sig_core, name)] == []
    assert len(set(sig_core.__all__)) == len(sig_core.__all__)
    assert set(errors.__all__) - {"because", "error_for", "is_status"} <= set(sig_core.__all__)
