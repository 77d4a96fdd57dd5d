"""The benchmark kit at work, shortly: it counts, checks, and says what failed. Its figures here mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import within

KIT = Path(__file__).parents[2] / "benchmarks"
SHORT = ["--repeats", "1", "--seconds", "0.1", "--venv", "none"]

LOSES = """
from peer_pysig import *
import peer_pysig
LABEL = "loses one"
def start_broker(port, log):
    from benchkit import spawn_python, wait_port
    process = spawn_python("pysig", "router", port, log)
    wait_port(port)
    return process
def publisher(ctx):
    schedule = ctx.schedule
    ctx.schedule = lambda: [i for i in schedule() if i != 7]
    peer_pysig.publisher(ctx)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(KIT / "run.py"), *SHORT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=within(100), check=False)


@pytest.mark.slow
def test_pysig_is_measured_beside_the_bound(tmp_path: Path) -> None:
    done = run("--peers", "raw,pysig", "--workloads", "W1,W4", "--relative-to", "raw", "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    for work in ("W1", "W4"):
        assert results["medians"]["pysig"][work]["rate"] > 100
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| pysig (MessagePack) |" in text
    assert "| times as good as raw | W1 | W4 |" in text
    assert results["machine"]["date"] in text


@pytest.mark.slow
def test_a_peer_that_loses_a_message_fails(tmp_path: Path) -> None:
    (tmp_path / "peer_loses.py").write_text(LOSES)
    done = run("--peers", "loses", "--workloads", "W1", "--peer-path", str(tmp_path))
    assert done.returncode == 1
    assert "FAILED W1 loses: not intact: 1 lost" in done.stderr


def test_a_peer_that_can_not_run_here_is_left_out_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "peer_absent.py").write_text("import no_such_package")
    (tmp_path / "peer_brokerless.py").write_text("PROGRAM = 'no-such-broker'")
    (tmp_path / "peer_homeless.py").write_text("PYTHON = '/no/such/python'")
    done = run("--peers", "absent,brokerless,homeless", "--workloads", "W1", "--peer-path", str(tmp_path))
    assert "# absent: left out: No module named 'no_such_package'" in done.stdout
    assert "# brokerless: left out: no-such-broker is not installed (see setup)" in done.stdout
    assert "# homeless: left out: its environment is not there (see setup)" in done.stdout
    assert (done.returncode, done.stderr) == (1, "FAILED nothing was measured\n")


def test_a_peer_without_a_file_is_a_mistake() -> None:
    done = run("--peers", "nobody", "--workloads", "W1")
    assert (done.returncode, done.stderr) == (1, "peer nobody: there is no peer_nobody.py\n")


def test_the_plot_is_drawn_from_results() -> None:
    sys.path.insert(0, str(KIT))
    try:
        import plot
    finally:
        sys.path.remove(str(KIT))
    row = {"label": "x", "rate": 800_000.0}
    results = {
        "machine": {"date": "2026-01-01", "cpus": [0, 1], "python": "3.11"},
        "medians": {"pysig": {"W1": row}, "slow & old": {"W1": {**row, "rate": 1000.0}}, "raw": {"W1": row}},
    }
    drawn = plot.draw(results)
    assert drawn.index(">pysig<") < drawn.index(">slow &amp; old<")
    assert ">800,000<" in drawn
    assert ">raw<" not in drawn
    assert "router; made by" in drawn
    results["medians"]["iceoryx2"] = {"W1": row}
    assert "router (iceoryx2: without one); made by" in plot.draw(results)
