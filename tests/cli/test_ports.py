"""`sig ports`: for people and for programs, with ports, without, and with carriers that fail at it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

import sig_core as sig_lib
from sig_core.cli import ports as module
from sig_core.cli.failures import OK
from sig_core.errors import BrokenPlugin
from sig_core.plugins import Plugins
from tests.cli.command import sig

ARDUINO = {
    "device": "/dev/ttyACM0", "description": "Arduino Uno", "removable": True,
    "urls": ["line://usb:2341:0043:7573", "line:///dev/ttyACM0"], "state": "free", "cause": "", "remedy": "",
}  # fmt: skip
CLONE = {
    "device": "/dev/ttyUSB10", "description": "CH340", "removable": True,
    "urls": ["line:///dev/ttyUSB10"], "state": "denied", "cause": "it belongs to group dialout", "remedy": "join it",
}  # fmt: skip


class Carrier:
    connect = listen = None

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = found

    def ports(self) -> Iterator[dict[str, Any]]:
        return iter(self.found)


class Failing(Carrier):
    def ports(self) -> Iterator[dict[str, Any]]:
        raise RuntimeError("the bus is off")


class Silent:
    connect = listen = None


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    found = Plugins()
    found.carriers.keep([])
    monkeypatch.setattr(module, "default_plugins", lambda: found)
    return found


def run(*arguments: str) -> Any:
    return CliRunner().invoke(module.ports, arguments, standalone_mode=False)


def test_for_programs(plugins: Plugins) -> None:
    plugins.carriers.register("line", lambda: Carrier(ARDUINO, CLONE))
    plugins.carriers.register("mute", Silent)
    found = run("--json")
    assert [json.loads(line) for line in found.stdout.splitlines()] == [
        {"carrier": "line", **ARDUINO}, {"carrier": "line", **CLONE},
    ]  # fmt: skip
    assert (found.return_value, found.stderr) == (OK, "")


def test_for_people(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "as_json", lambda asked: asked)
    plugins.carriers.register("line", lambda: Carrier(ARDUINO, CLONE))
    assert run().stdout == (
        "/dev/ttyACM0   Arduino Uno  free\n"
        "    line://usb:2341:0043:7573\n"
        "    line:///dev/ttyACM0\n"
        "/dev/ttyUSB10  CH340        denied: it belongs to group dialout\n"
        "    line:///dev/ttyUSB10\n"
        "    join it\n"
    )


def test_without_any(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.carriers.register("line", Carrier)
    assert (run("--json").stdout, run("--json").return_value) == ("", OK)
    monkeypatch.setattr(module, "as_json", lambda asked: asked)
    assert run().stdout == "no port is plugged in\n"


def test_a_carrier_that_fails_hurts_no_other(plugins: Plugins) -> None:
    def missing() -> Any:
        raise BrokenPlugin("carrier 'gone' can't be loaded: gone is not installed: pip install gone")

    plugins.carriers.register("a", Failing)
    plugins.carriers.register("gone", missing)
    plugins.carriers.register("line", lambda: Carrier(ARDUINO))
    found = run("--json")
    assert [json.loads(line)["carrier"] for line in found.stdout.splitlines()] == ["line"]
    assert found.stderr.splitlines() == [
        "sig: carrier 'a' can't list its ports: RuntimeError: the bus is off; report it to its authors",
        "sig: carrier 'gone' can't be loaded: gone is not installed: pip install gone",
    ]
    assert found.return_value == OK


def test_as_it_is_installed() -> None:
    """Whatever this machine has: every line is one port, as the carrier that knows it says."""
    found = sig("ports")
    assert (found.returncode, found.stderr) == (OK, "")
    known = sig_lib.default_plugins().carriers.names()
    for port in map(json.loads, found.stdout.splitlines()):
        assert port["carrier"] in known
        assert port["urls"] and port["state"] in ("free", "busy", "denied")
