"""What `import sig_core.compat as sig` gives, and who may import it."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import sig_core
import sig_core.compat as sig
from tests.support import ROOT, within

OWN = {"Carrier", "ClientRouter", "ServerRouter", "carrier"}
SEED = {  # what the documentation of 0.7 uses
    *("Router", "ServerRouter", "ClientRouter", "Sender", "Signal", "Event", "Carrier", "carrier"),
    *("EVENT_CONNECT", "EVENT_DISCONNECT", "LOG_LEVELS", "SimpleLogger", "setup_logger"),
}


def test_everything_of_the_core_is_there() -> None:
    assert set(sig_core.__all__) | SEED <= set(sig.__all__)
    for name in sig.__all__:
        assert hasattr(sig, name)
        if name in sig_core.__all__ and name not in OWN:
            assert getattr(sig, name) is getattr(sig_core, name)


def test_its_own_are_its_own() -> None:
    assert issubclass(sig.ServerRouter, sig_core.ServerRouter)
    assert issubclass(sig.ClientRouter, sig_core.Router)
    assert sig.Carrier is sig.carrier.Carrier
    assert sig_core.__version__ == sig.VERSION


@pytest.mark.parametrize(
    ("name", "channel", "built_in"), [("#connect", True, True), ("#x", True, False), (5, False, False)]
)
def test_names_of_events(name: object, channel: bool, built_in: bool) -> None:
    assert sig.hasChannelDecorator(name) is channel
    assert sig.isBuiltinEvent(name) is built_in


def test_the_logger_logs_where_it_is_told_at_all_levels_of_old() -> None:
    class Kept(sig.NullLogger):
        def __init__(self) -> None:
            self.lines: list[tuple[str, str]] = []

        def debug(self, msg: str) -> None:
            self.lines.append(("debug", msg))

        def error(self, msg: str) -> None:
            self.lines.append(("error", msg))

    kept = Kept()
    sig.setup_logger(kept)
    try:
        for level in ("trace", "debug", "info", "warning", "error", "critical"):
            getattr(sig.logger, level)(level)
    finally:
        sig.setup_logger(logging.getLogger("sig"))
    assert kept.lines == [("debug", "trace"), ("debug", "debug"), ("error", "error"), ("error", "critical")]


def test_messages_are_shown_as_json() -> None:
    assert json.loads(sig.stringify_object({"id": 1, "params": [None]})) == {"id": 1, "params": [None]}
    assert "<object" in sig.stringify_object({"data": object()})


def test_star_imports_as_in_the_documentation() -> None:
    for module, names in {
        "tcpserver": {"CarrierTCPServer"},
        "tcpclient": {"CarrierTCPClient", "carrier"},
        "local": {"LocalCarrier"},
    }.items():
        space: dict[str, object] = {}
        exec(f"from sig_core.compat.carrier.{module} import *", space)
        assert set(space) - {"__builtins__"} == names
    for name in ("CarrierTCPClient", "CarrierTCPServer", "LocalCarrier"):
        assert issubclass(getattr(sig.carrier, name), sig.Carrier)


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.pure_only("it looks at sources")
@pytest.mark.parametrize("package", ["sig_core", "sig_carriers", "sig_codecs"])
def test_nothing_outside_imports_it(package: str) -> None:
    files = [path for path in (ROOT / package).rglob("*.py") if "compat" not in path.relative_to(ROOT).parts]
    assert files
    for path in files:
        assert not [name for name in imports_of(path) if name.startswith("sig_core.compat")], path


def test_the_core_does_not_load_it() -> None:
    code = "import sys, sig_core, sig_core.server, sig_core.client, sig_core.aio; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=within(60), check=True)
    assert not [name for name in run.stdout.split() if name.startswith("sig_core.compat")]
