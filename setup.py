"""What pyproject.toml can't say: the README of an index of packages, where no link can lead into the repository; and
what a compiled wheel is made of."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LINK = re.compile(r"(!?)\[([^\]]+)\]\((?!\w+:)([^)]+)\)")


def _named(link: re.Match[str]) -> str:
    image, text, target = link.groups()
    name = f"`{target}`"
    return name if text == target and not image else f"{text} ({name})"


def without_relative_links(text: str) -> str:
    """Return Markdown that names each file which it linked to: they are in the source distribution."""
    return LINK.sub(_named, text)


def compiled_files(text: str, root: Path = HERE) -> list[str]:
    """Return the modules that compiled.txt lists, a folder standing for all in it, without those that it leaves out."""

    def modules(name: str) -> set[str]:
        found = root.joinpath(name).rglob("*.py") if name.endswith("/") else [root / name]
        return {str(path.relative_to(root)) for path in found if path.name != "__init__.py"}

    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    wanted = {path for line in lines if line and line[0] != "-" for path in modules(line[0])}
    left_out = {path for line in lines if line and line[0] == "-" for path in modules(line[1])}
    return sorted(wanted - left_out)


def compiled() -> dict[str, Any]:
    """Return what a compiled wheel needs of `setup`: nothing, unless PYSIG_COMPILE=1 and a wheel is built.

    All that is made on the way is in a folder that goes away: an extension beside its source would shadow it, and
    a build folder that is used again would ship extensions of modules that are not compiled any more.
    """
    if os.environ.get("PYSIG_COMPILE") != "1" or "bdist_wheel" not in sys.argv:
        return {}
    try:
        from mypyc.build import mypycify
    except ImportError:
        from build_backend import COMPILER

        sys.exit(f"setup.py: PYSIG_COMPILE=1 needs mypy: pip install '{COMPILER}', or build with isolation")
    folder = tempfile.mkdtemp(prefix="pysig-build-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = ["--config-file=", "--ignore-missing-imports"]  # what the packages need is not there: `make lint` checks
    files = compiled_files(HERE.joinpath("compiled.txt").read_text(encoding="utf-8"))
    extensions = mypycify([*options, *files], debug_level="0", target_dir=f"{folder}/c", group_name="pysig")
    return {"ext_modules": extensions, "options": {"build": {"build_base": folder}}}


if __name__ == "__main__":
    from setuptools import setup

    setup(
        long_description=without_relative_links(HERE.joinpath("README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
        **compiled(),
    )
