"""`sig new`: what it writes is installed and tested as its author would: red, a line filled in, green."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from sig_core.cli.failures import OK, USAGE
from sig_core.cli.new import KINDS
from tests.cli.command import COMMAND, environment, sig
from tests.support import ROOT, within
from tests.support.quick import first_quick

pytestmark = pytest.mark.xdist_group("new")  # one process installs them

MISSING = re.compile(r"^(.+\.py):(\d+): one line is missing; its comment says which$", re.MULTILINE)
NAME = "the-lab"


class Made:
    """Both distributions, written by the command and installed by pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = {kind: sig("new", kind, NAME, "--folder", str(folder / kind)) for kind in KINDS}
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        for kind in KINDS:
            assert self.said[kind].returncode == OK, self.said[kind].stderr
            options = ["--no-index", "--no-build-isolation", "--target", str(folder / kind / "installed")]
            subprocess.run([*pip, *options, str(folder / kind)], check=True, timeout=within(60))

    def run(self, kind: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python beside the sources of a kind."""
        path = [str(self.folder / kind), str(self.folder / kind / "installed"), str(ROOT)]
        return subprocess.run(
            [sys.executable, *command], cwd=self.folder / kind, capture_output=True, text=True, check=False,
            timeout=within(60), env=environment(PYTHONPATH=os.pathsep.join(path)),
        )  # fmt: skip

    def test(self, kind: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run(kind, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("new"))


@pytest.mark.parametrize("kind", first_quick(KINDS))
def test_red_then_one_line_then_green(made: Made, kind: str) -> None:
    named = MISSING.search(made.said[kind].stdout)
    assert named is not None, made.said[kind].stdout
    file, number = Path(named[1]), int(named[2])
    lines = file.read_text().splitlines(keepends=True)
    assert file == made.folder / kind / "sig_the_lab" / f"{kind}.py" and len(lines) <= 65
    red = made.test(kind, "-x")
    assert red.returncode == 1, red.stdout
    before, mark, missing = lines[number - 1].partition("raise NotImplementedError  # FILL IN: ")
    assert mark and not before.strip()
    lines[number - 1] = before + missing
    file.write_text("".join(lines))
    green = made.test(kind)
    assert green.returncode == 0, green.stdout
    assert " passed" in green.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_by_its_entry_point(made: Made, kind: str) -> None:
    listed = made.run(kind, "-m", "sig_core", "plugins", "--json").stdout.splitlines()
    rows = [row for row in map(json.loads, listed) if row["name"] == NAME]
    assert [(row["kind"], row["distribution"], row["version"], row["state"]) for row in rows] == [
        (kind, "sig-the-lab", "0.1.0", "installed")
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_templates_is_left_and_no_line_is_long(made: Made, kind: str) -> None:
    for file in (made.folder / kind).rglob("*"):
        if file.is_file() and "build" not in file.parts and file.suffix in (".py", ".md", ".toml"):
            text = file.read_text()
            assert "$" not in text, file
            assert max(map(len, text.splitlines())) <= 120, file
    assert (made.folder / kind / ".gitignore").read_text().startswith("__pycache__/\n")


def test_its_folder_has_the_name_of_the_distribution(tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "new", "codec", "lab2"], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=within(30), env=environment(PYTHONPATH=str(ROOT)),
    )  # fmt: skip
    assert run.returncode == OK, run.stderr
    assert (tmp_path / "sig-lab2" / "sig_lab2" / "codec.py").exists()
    assert "cd sig-lab2; pip install -e" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["carrier", "tcp"], "carrier 'tcp' is installed already"),
        (["codec", "json"], "codec 'json' is installed already"),
        (["carrier", "class"], "'class' is a word of Python"),
        (["carrier", "Lab"], "'Lab' is no name of a carrier: lower case letters, digits and single hyphens"),
        (["codec", "lab--x"], "'lab--x' is no name of a codec"),
        (["codec", "2lab"], "'2lab' is no name of a codec"),
        (["codec", "../lab"], "'../lab' is no name of a codec"),
        (["codec", "x" * 41], "40 at most"),
        (["hook", "lab"], "'hook' is not one of 'carrier', 'codec'"),
    ],
)
def test_a_name_that_can_not_be_used(arguments: list[str], said: str, tmp_path: Path) -> None:
    run = sig("new", *arguments, "--folder", str(tmp_path / "lab"))
    assert (run.returncode, run.stdout) == (USAGE, "")
    assert said in run.stderr
    assert not (tmp_path / "lab").exists()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for taken in (tmp_path, tmp_path / "mine"):
        run = sig("new", "carrier", "lab", "--folder", str(taken))
        assert run.returncode == USAGE
        assert f"{taken} exists already; nothing is overwritten" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.pure_only("it looks at sources")
def test_the_templates_are_installed_with_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["sig_core"]
    package = ROOT / "sig_core"
    templates = [path for path in (package / "cli" / "templates").rglob("*") if path.is_file()]
    assert templates
    for template in templates:
        place = template.relative_to(package).as_posix()
        assert any(fnmatch(place, pattern) for pattern in patterns), place
