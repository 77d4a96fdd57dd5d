"""The doctor's checks: each finding with cause and remedy, for what can be wrong with an environment."""

from __future__ import annotations

import os
import sysconfig
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

import sig_core
from sig_core.cli import checkup
from sig_core.cli.checkup import Finding


def test_a_sound_environment() -> None:
    found = list(checkup.check_environment())
    assert [(finding.kind, finding.state) for finding in found] == [("python", "ok"), ("pysig", "ok")]


def test_a_stale_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sig_core, "__version__", "9.9")
    *_, last = checkup.check_environment()
    assert (last.state, last.remedy) == ("broken", "install it again: pip install -e . in a checkout")
    assert last.cause.startswith("the code is 9.9, its metadata say ")


def test_no_install_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(checkup, "distribution", missing)
    *_, last = checkup.check_environment()
    assert (last.state, last.cause) == ("broken", "its distribution is not installed, so no plug-in is found")


def test_a_build_without_the_interpreter_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sysconfig.get_config_var
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else asked(name))
    assert "broken" in [finding.state for finding in checkup.check_environment()]


def test_a_plugin_that_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(checkup, "IMPORT", 0.5)
    info = sig_core.PluginInfo("codec", "mine", "sleepy", "2.0", "sleepy:Codec")
    monkeypatch.setattr(checkup.default_plugins(), "describe", lambda: [info])
    (found,) = checkup.check_plugins()
    assert (found.state, found.cause) == ("broken", "sleepy 2.0: importing it takes longer than 0.5 s")
    assert found.remedy == "report it to its authors, or uninstall sleepy"


def test_a_codec_that_alters_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_ask", lambda url, codec: {"text": "?"})
    found = list(checkup.check_round_trips(set()))
    assert {finding.state for finding in found} == {"broken"}
    assert "report it: codec json alters values" in [finding.remedy for finding in found]


def test_a_carrier_without_an_address_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    from sig_carriers.tcp import TcpCarrier

    monkeypatch.delattr(TcpCarrier, "trial")
    found = [finding for finding in checkup.check_round_trips(set()) if finding.name == "tcp"]
    cause = "not tried: it has no `trial`, an address that can be listened on anywhere"
    assert found == [Finding("round trip", "tcp", "missing", cause, "try one of yours with --url")]


def test_a_port_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "ttyACM1").touch()
    monkeypatch.setattr(checkup, "DEVICES", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: "ACM" in str(path))
    monkeypatch.setattr(checkup, "_group", lambda path: "dialout")
    assert list(checkup.check_serial_ports()) == [
        Finding("port", str(tmp_path / "ttyACM1")),
        Finding(
            "port", str(tmp_path / "ttyUSB0"), "broken",
            "no permission to read and write: it belongs to group dialout",
            "sudo usermod -aG dialout $USER, then log in again",
        ),
    ]  # fmt: skip
