"""The distributions of `examples/plugins`, and wheels of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT, within

__all__ = ["FOLDER", "NAMES", "build"]

FOLDER = ROOT / "examples/plugins"
NAMES = ("sig-can", "sig-json-zstd", "sig-udp", "sig-websocket")


def build(folder: Path) -> list[Path]:
    """Make a wheel of each distribution, of a copy: a build leaves files behind."""
    sources = [shutil.copytree(FOLDER / name, folder / name) for name in NAMES]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *options, *map(str, sources)], check=True, timeout=within(60))
    return sorted(folder.glob("*.whl"))
