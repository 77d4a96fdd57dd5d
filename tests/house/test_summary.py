"""What the end of a run says: how many tests were left out, whichever process knows it, and why some were skipped."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT, within
from tests.support.quick import first_quick

FILE = "tests/carriers/test_fault_conformance.py"  # has rules of the kit that do not apply


def said(*options: str) -> list[str]:
    """Run a file of the suite, and return the lines of the end."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", FILE, *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within(60), check=True)
    return run.stdout.splitlines()[-3:]


@pytest.mark.parametrize("processes", first_quick(["0", "2"]))
def test_what_is_left_out_and_skipped_is_summed_up(processes: str) -> None:
    title, reason, line = said("-n", processes, "-k", "mtu")
    assert title.strip("-") == " skipped "
    assert reason.split(maxsplit=1)[1] == "rules of the kit that do not apply to a carrier (-rs names them)"
    assert " skipped, " in line and " deselected in " in line
