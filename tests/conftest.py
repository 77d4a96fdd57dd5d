"""What the whole suite shares: with `-n`, which tests stay in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent

# A pseudo-terminal that is closed gives its name to the next one that is opened, in whichever process: a test that
# waits for its own to come back would meet that of another test. All that use them run in one process.
TERMINALS = (
    *("boards/test_", "boards/micropython", "benchmarks", "carriers/test_serial", "cli/test_ports", "demo"),
    *("system/test_line", "testing/test_boards", "testing/test_built_in", "testing/test_pytest_plugin"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep them together."""
    for item in items:
        if item.path.is_relative_to(HERE) and str(item.path.relative_to(HERE)).startswith(TERMINALS):
            item.add_marker(pytest.mark.xdist_group("terminals"))
