"""Reports: written, found without an import, shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sig_core.cli import checkup, look
from sig_core.plugins import PluginInfo
from sig_core.testing.checks import KIT, Result, Rule
from sig_core.testing.installed import info_for
from sig_core.testing.report import FILE, Report, find, report_of, write

INFO = PluginInfo("carrier", "pigeon", "sig-pigeon", "1.2", "sig_pigeon.air.carrier:PigeonCarrier")
RESULTS = [
    Result(Rule("C10", "test_both_directions", ""), "passed"),
    Result(Rule("C19", "test_order", ""), "failed", "carrier 'pigeon': the second came first"),
    Result(Rule("C15", "test_packets_of_mtu_bytes", ""), "skipped", "carrier 'pigeon': its links are streams"),
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a plug-in that must not be imported."""
    folder = tmp_path / "sig_pigeon" / "air"
    folder.mkdir(parents=True)
    for each in (folder, folder.parent):
        (each / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_a_board_has_no_version() -> None:
    report = report_of(info_for("board", "lamp"), RESULTS)
    assert (report.kind, report.name, report.distribution) == ("board", "lamp", "")
    assert str(report) == f"1 passed, 1 failed (kit {KIT}, {report.date})"


def test_a_board_in_the_file_of_a_plugin_is_left_alone(package: Path) -> None:
    ours = report_of(INFO, RESULTS)
    write(package / FILE, [report_of(info_for("board", "pigeon"), RESULTS), ours])
    assert find(INFO) == ours


def test_it_sums_up_results() -> None:
    report = report_of(INFO, RESULTS)
    assert (report.kind, report.name, report.version, report.passed) == ("carrier", "pigeon", "1.2", 1)
    assert report.failed == {"test_order": "carrier 'pigeon': the second came first"}
    assert report.skipped == {"test_packets_of_mtu_bytes": "carrier 'pigeon': its links are streams"}
    assert str(report) == f"1 passed, 1 failed (kit {KIT}, {report.date}, version 1.2)"


@pytest.mark.parametrize("depth", [0, 1])
def test_it_is_found_beside_the_module_which_is_not_imported(package: Path, depth: int) -> None:
    report = report_of(INFO, RESULTS)
    write([package, package.parent][depth] / FILE, [report])
    assert find(INFO) == report
    assert "sig_pigeon" not in sys.modules


def test_it_is_found_among_the_files_of_its_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meta = tmp_path / "sig_pigeon-1.2.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: sig-pigeon\nVersion: 1.2\n")
    (meta / "RECORD").write_text("share/sig-pigeon/sig-conformance.json,,\n")
    (tmp_path / "share" / "sig-pigeon").mkdir(parents=True)
    write(tmp_path / "share" / "sig-pigeon" / FILE, [report_of(INFO, RESULTS)])
    monkeypatch.syspath_prepend(str(tmp_path))
    found = find(INFO)
    assert found is not None
    assert found.passed == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plugins": [{"kind": "carrier"}]}', '{"plugins": 5}', "\udcff"])
def test_a_file_that_is_none_of_ours_is_none(package: Path, text: str) -> None:
    (package / FILE).write_bytes(text.encode(errors="surrogateescape"))
    assert find(INFO) is None


def test_another_plugin_of_the_same_file_is_not_taken(package: Path) -> None:
    write(package / FILE, [report_of(PluginInfo("codec", "pigeon", "sig-pigeon", "1.2", ""), RESULTS)])
    assert find(INFO) is None
    assert len(json.loads((package / FILE).read_text())["plugins"]) == 1


@pytest.mark.parametrize(
    ("version", "results", "state", "cause"),
    [
        ("1.2", RESULTS[:1], "ok", ""),
        ("1.1", RESULTS[:1], "missing", "its report is of 1.1, and 1.2 is installed"),
        ("1.2", RESULTS, "broken", "1 rules are broken, so test_order: carrier 'pigeon': the second came first"),
    ],
)
def test_the_doctor_reads_it(
    package: Path, monkeypatch: pytest.MonkeyPatch, version: str, results: list[Result], state: str, cause: str
) -> None:
    write(package / FILE, [report_of(PluginInfo("carrier", "pigeon", "sig-pigeon", version, ""), results)])
    monkeypatch.setattr(checkup.default_plugins(), "describe", lambda: [INFO])
    (finding,) = checkup.check_conformance()
    assert (finding.state, finding.cause) == (state, cause)
    assert finding.state == "ok" or "--sig-carrier=pigeon" in finding.remedy


def test_reports_are_compared_by_value() -> None:
    assert Report("codec", "x", "d", "1", "1.0", "2024-02-29") == Report("codec", "x", "d", "1", "1.0", "2024-02-29")


def test_sig_plugins_shows_it(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of(INFO, RESULTS)
    write(package / FILE, [report])
    monkeypatch.setattr(look.default_plugins(), "describe", lambda: [INFO, PluginInfo("codec", "coo", "", "", "coo")])
    monkeypatch.setattr(look, "as_json", lambda asked: asked)  # as on a terminal
    shown = CliRunner().invoke(look.plugins, []).output
    assert "conformance" in shown.splitlines()[0]
    assert f"1 passed, 1 failed (kit {KIT}" in shown.splitlines()[1]
    first, second = map(json.loads, CliRunner().invoke(look.plugins, ["--json"]).output.splitlines())
    assert first["conformance"]["failed"] == report.failed
    assert "conformance" not in second
