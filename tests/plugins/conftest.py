"""The distributions of `examples/plugins`, installed by pip into a fresh environment, and processes there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_broken_distributions import Environment, wheel
from tests.support import within

ROOT = Path(__file__).parents[2] / "examples" / "plugins"
NAMES = ("sig-can", "sig-json-zstd", "sig-udp", "sig-websocket")
PROGRAMS = Path(__file__).with_name("programs")


def build(folder: Path) -> list[Path]:
    """Make a wheel of each distribution, of a copy: a build leaves files behind."""
    sources = [shutil.copytree(ROOT / name, folder / name) for name in NAMES]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *options, *map(str, sources)], check=True, timeout=within(60))
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with all of them, and a CAN bus that processes share."""
    folder = tmp_path_factory.mktemp("plugins")
    made = Environment(folder)
    bus = Path(__file__).with_name("folder_bus.py").read_text(encoding="utf-8").replace("from __future__", "#", 1)
    made.install(*build(folder), wheel(folder, "folderbus", "can.interface", "folder = of_folderbus:FolderBus", bus))
    return made


@pytest.fixture(scope="session", autouse=True)
def own_tests(
    installed: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The tests of the distributions, running: they mostly wait, so others may run meanwhile."""
    folder = tmp_path_factory.mktemp("own")
    started = {name: _start_tests(installed, folder, ROOT / name / "tests") for name in NAMES}
    yield started
    for process in started.values():
        process.kill()
        with process:
            pass


def _start_tests(env: Environment, folder: Path, tests: Path) -> subprocess.Popen[str]:
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", str(folder)]
    command = [env.python, "-B", "-m", "pytest", *options, str(tests)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)


class Program:
    """A process that takes commands, a line each, and answers them."""

    def __init__(self, env: Environment, name: str, *arguments: str) -> None:
        command = [env.python, "-W", "error", str(PROGRAMS / name), *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.ready: Any = None

    def wait(self) -> Program:
        """Return when it has said the first word, which is `ready` then."""
        self.ready = self._answer()
        return self

    def call(self, *command: Any) -> Any:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def kill(self) -> None:
        """End it without a word, and without a chance to say one."""
        self.process.kill()
        with self.process:  # waits for it, and closes its pipes
            pass

    def end(self) -> None:
        """Let it end in order."""
        with self.process:
            _, errors = self.process.communicate(timeout=within(10))
        assert self.process.returncode == 0 and "Traceback" not in errors, errors


@contextmanager
def programs(env: Environment) -> Iterator[Any]:
    """Return a function that starts programs; those that still run at the end are killed."""
    started: list[Program] = []

    def start(name: str, *arguments: str) -> Program:
        started.append(Program(env, name, *arguments))
        return started[-1].wait()

    try:
        yield start
    finally:
        for program in started:
            program.kill()
