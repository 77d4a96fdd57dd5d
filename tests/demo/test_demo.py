"""`sig demo` as a user runs it, and its arithmetic."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from sig_core.demo.board import why_not
from sig_core.demo.door import Refusal
from sig_core.demo.readings import READINGS
from sig_core.demo.summary import Row, verdict
from tests.support import within


def test_demo_ends_by_itself_with_everything_arrived() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "sig_core", "demo", "--seconds", "2"],
        capture_output=True,
        text=True,
        timeout=within(90),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "everything arrived" in run.stdout
    table = run.stdout[run.stdout.index("sender ") :]
    for name in READINGS:
        assert f"\n{name}" in table
    assert "over unix in msgpack" in run.stdout
    assert "over tls+tcp in json" in run.stdout
    assert re.search(r"^stranger tls\+tcp  json      refused  .*not admitted", table, re.MULTILINE)
    assert re.search(r"^alarm    tls\+tcp  json      refused  .*'alarm'", table, re.MULTILINE)
    assert "over local in json" in run.stdout
    if why_not():
        assert f"without a board: {why_not()}" in run.stdout
    else:
        assert "\nboard    serial   cbor-board" in table


@pytest.mark.parametrize("name", READINGS)
def test_readings_are_of_this_machine(name: str) -> None:
    reading = READINGS[name]()
    assert reading
    assert all(isinstance(value, int | float) and value >= 0 for value in reading.values())


def row(fired: int | None, heard: list[int]) -> Row:
    return Row.of(("s", "tcp", "json"), fired, {"s": heard})


def test_verdict_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict([row(3, [1, 2, 3])], 1, 1, 100.0, 5.0) == 0
    assert verdict([row(3, [1, 3])], 1, 1, 100.0, 5.0) == 1  # one lost
    assert verdict([row(None, [1, 2, 4])], 1, 1, 100.0, 5.0) == 1  # a gap before the kill
    assert verdict([row(3, [1, 3, 2])], 1, 1, 100.0, 5.0) == 1  # swapped
    assert verdict([row(2, [1, 2, 2])], 1, 1, 100.0, 5.0) == 1  # doubled
    assert verdict([row(0, [])], 1, 1, 100.0, 5.0) == 1  # nothing at all
    assert verdict([row(1, [1])], 2, 1, 100.0, 5.0) == 1  # no answer
    assert verdict([row(1, [1])], 1, 1, 100.0, None) == 1  # not missed
    refusals = [Refusal("stranger", "not admitted")]
    assert verdict([row(1, [1])], 1, 1, 100.0, 5.0, refusals) == 0
    assert verdict([row(1, [1])], 1, 1, 100.0, 5.0, [*refusals, Refusal("alarm", "")]) == 1  # let in
    said = capsys.readouterr().out
    assert "NOT everything arrived" in said and "LET IN" in said


def test_command_without_click_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; from sig_core.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=within(30), check=False)
    assert run.returncode == 2
    assert "pysig[cli]" in run.stderr
