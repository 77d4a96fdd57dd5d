"""`tests/setup`, which names what it leaves out and does not fail, and `tests/second_python`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT, within

USES = ["dirname", "grep", "id", "mkdir", "sh"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of `tests/setup` alone, and a folder of the only programs that it finds."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/setup", tmp_path / "tests/setup")
    (tmp_path / "bin").mkdir()
    for name in USES:
        program = shutil.which(name)
        assert program
        (tmp_path / "bin" / name).symlink_to(program)
    return tmp_path


def pretend(checkout: Path, name: str, script: str) -> None:
    program = checkout / "bin" / name
    program.unlink(missing_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def setup(checkout: Path, *what: str) -> str:
    run = subprocess.run(
        [checkout / "tests/setup", *what],
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        timeout=within(30),
        check=True,
    )
    assert run.stderr == ""
    return run.stdout


def test_without_package_managers(checkout: Path) -> None:
    said = setup(checkout)
    assert "left out: there is no apt-get. On Debian the packages are: " in said
    assert "gcc-avr" in said and "chromium" in said
    assert "left out: @micropython/micropython-webassembly-pyscript: there is no node or no npm" in said


def test_a_part_of_it(checkout: Path) -> None:
    assert "gcc-avr" not in setup(checkout, "desktop")
    assert "chromium" not in setup(checkout, "boards")


def test_without_root(checkout: Path) -> None:
    pretend(checkout, "apt-get", "echo 'called' >&2")
    pretend(checkout, "dpkg-query", '[ "$3" = gcc-avr ] || printf installed')
    pretend(checkout, "id", "echo 1000")
    assert "left out: only root can install: apt-get install gcc-avr\n" in setup(checkout)


def test_a_package_that_can_not_be_had(checkout: Path) -> None:
    pretend(checkout, "apt-get", 'case "$*" in *simavr*) exit 100 ;; esac')
    pretend(checkout, "dpkg-query", 'case "$3" in simavr | gcc-avr) ;; *) printf installed ;; esac')
    pretend(checkout, "id", "echo 0")
    said = setup(checkout)
    assert "installing gcc-avr simavr" in said
    assert "left out: simavr: apt-get could not install it" in said and "left out: gcc-avr" not in said


def test_what_is_there_is_left_alone(checkout: Path) -> None:
    pretend(checkout, "apt-get", "echo 'called' >&2")
    pretend(checkout, "dpkg-query", "printf installed")
    package = checkout / ".boards/node_modules/@micropython/micropython-webassembly-pyscript"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{\n  "version": "1.27.0"\n}\n')
    assert setup(checkout) == "tests/setup: done\n"


# -- another Python

WITH_PIP = 'mkdir -p "$4/bin"; printf "#!/bin/sh\\n" > "$4/bin/python"; chmod +x "$4/bin/python"'


def python(folder: Path, number: str, *, venv: str = WITH_PIP, gil: bool = True) -> Path:
    """Make what is called as a Python is, tells its version, and makes an environment."""
    program = folder / f"python{number}"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\ncase $1 in -c) echo {number} {not gil} ;; *) {venv} ;; esac\n")
    program.chmod(0o755)
    return program


def second(home: Path, *folders: Path) -> str:
    tools = {str(Path(shutil.which(name) or "").parent) for name in ("mktemp", "rm", "tr")}
    path = os.pathsep.join([*map(str, folders), *tools])
    run = subprocess.run(
        [ROOT / "tests/second_python", home / "first/python3.14"],
        env={"PATH": path, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=within(60),
        check=True,
    )
    assert run.stderr == ""
    return run.stdout.strip()


@pytest.mark.slow
def test_the_newest_of_another_version_that_makes_environments(tmp_path: Path) -> None:
    python(tmp_path / "first", "3.14")
    python(tmp_path / "same", "3.14")
    shims, real, pyenv = tmp_path / "shims", tmp_path / "real", tmp_path / ".pyenv/versions/3.13.9/bin"
    python(shims, "3.13").write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2; exit 127\n")
    expected = python(real, "3.13")
    assert second(tmp_path, tmp_path / "same", shims, real) == str(expected)
    python(real, "3.13", venv="exit 1")
    expected = python(pyenv, "3.13")
    assert second(tmp_path, tmp_path / "same", shims, real) == str(expected)
    python(pyenv, "3.13", gil=False)
    assert not second(tmp_path, tmp_path / "same", shims, real).startswith(str(tmp_path))
