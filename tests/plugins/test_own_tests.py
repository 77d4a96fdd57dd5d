"""The distributions' own tests, with the conformance kit, where they are installed."""

from __future__ import annotations

import subprocess

import pytest

from tests.plugins.distributions import NAMES
from tests.support import within

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("plugins")]


@pytest.mark.parametrize("name", NAMES)
def test_they_pass(own_tests: dict[str, subprocess.Popen[str]], name: str) -> None:
    out, _ = own_tests[name].communicate(timeout=within(90))
    assert own_tests[name].returncode == 0, out
