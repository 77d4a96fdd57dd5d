"""The distributions' own tests, with the conformance kit, where they are installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.plugins.distributions import NAMES
from tests.support import within
from tests.support.environment import Environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("plugins")]


@pytest.mark.parametrize("name", NAMES)
def test_they_pass(own_tests: dict[str, subprocess.Popen[str]], name: str) -> None:
    out, _ = own_tests[name].communicate(timeout=within(90))
    assert own_tests[name].returncode == 0, out


def test_the_kit_says_the_same_of_a_carrier_that_is_named(installed: Environment, tmp_path: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "--sig-carrier=can", "--sig-report=report.json"]
    command = [installed.python, "-B", "-m", "pytest", *options]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=within(90), check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (report,) = json.loads((tmp_path / "report.json").read_text())["plugins"]
    assert report["failed"] == {}
    skipped = report["skipped"]
    assert skipped["test_busy_address"] == "carrier 'can': nothing tells that an address of its medium is taken"
    assert skipped["test_peer_is_killed"] == "carrier 'can': its medium lies within one process"
