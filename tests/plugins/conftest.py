"""The distributions of `examples/plugins`, installed by pip into a fresh environment, and processes there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.distributions import FOLDER, NAMES, build
from tests.support.environment import Environment, wheel


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with all of them, and a CAN bus that processes share."""
    folder = tmp_path_factory.mktemp("plugins")
    made = Environment(folder)
    bus = Path(__file__).with_name("folder_bus.py").read_text(encoding="utf-8").replace("from __future__", "#", 1)
    made.install(*build(folder), wheel(folder, "folderbus", "can.interface", "folder = of_folderbus:FolderBus", bus))
    return made


@pytest.fixture(scope="session")
def own_tests(
    installed: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The tests of the distributions, running: they mostly wait, so others may run meanwhile."""
    folder = tmp_path_factory.mktemp("own")
    started = {name: _start_tests(installed, folder, FOLDER / name / "tests") for name in NAMES}
    yield started
    for process in started.values():
        process.kill()
        with process:
            pass


def _start_tests(env: Environment, folder: Path, tests: Path) -> subprocess.Popen[str]:
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", str(folder)]
    command = [env.python, "-B", "-m", "pytest", *options, str(tests)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
