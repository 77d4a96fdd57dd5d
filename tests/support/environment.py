"""Distributions made by a test, and fresh environments to install them into."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

from tests.support import within

__all__ = ["Environment", "wheel"]

NOISY = "import pathlib; pathlib.Path(__file__).with_suffix('.imported').touch()\n"


def wheel(folder: Path, name: str, group: str, entry: str, source: str, metadata: str = "") -> Path:
    """Make a wheel with one module, `of_NAME`, and one entry point."""
    file = folder / f"{name}-2.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr(f"of_{name}.py", NOISY + source)
        info = f"{name}-2.0.dist-info"
        parts.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n{metadata}")
        parts.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        parts.writestr(f"{info}/entry_points.txt", f"[{group}]\n{entry}\n")
        parts.writestr(f"{info}/RECORD", "")
    return file


class Environment:
    """A fresh one, that sees pysig and its libraries from the one the tests run in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "env"
        make = [sys.executable, "-m", "venv", "--without-pip", str(self.folder)]
        subprocess.run(make, check=True, timeout=within(60))
        self.python = str(self.folder / "bin" / "python")
        (self.packages,) = self.folder.glob("lib/python*/site-packages")
        parent = sysconfig.get_path("purelib")
        (self.packages / "parent.pth").write_text(f"import site; site.addsitedir({parent!r})\n")

    def install(self, *wheels: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check"]
        options = ["install", "--quiet", "--no-index", "--no-deps"]
        subprocess.run([*pip, *options, *map(str, wheels)], check=True, timeout=within(60))

    def sig(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "sig_core", *arguments],
            capture_output=True, text=True, check=False, timeout=within(60),
        )  # fmt: skip

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.sig(*arguments).stdout.splitlines()]
