"""The build backend: that of setuptools, which asks for a compiler only where a compiled wheel is wanted.

`PYSIG_COMPILE=1 pip install .` compiles what compiled.txt lists, by mypyc. All else, editable installs too, is pure.
"""

from __future__ import annotations

import os
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import build_editable as build_editable
from setuptools.build_meta import build_sdist as build_sdist
from setuptools.build_meta import build_wheel as build_wheel
from setuptools.build_meta import get_requires_for_build_editable as get_requires_for_build_editable
from setuptools.build_meta import get_requires_for_build_sdist as get_requires_for_build_sdist
from setuptools.build_meta import prepare_metadata_for_build_editable as prepare_metadata_for_build_editable
from setuptools.build_meta import prepare_metadata_for_build_wheel as prepare_metadata_for_build_wheel

COMPILER = "mypy[mypyc]==2.4.1"  # pinned: each version compiles a little differently, and the tests ran on this one


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what building a wheel needs beside setuptools: mypy, if it is to be compiled."""
    needed = [COMPILER] if os.environ.get("PYSIG_COMPILE") == "1" else []
    return [*build_meta.get_requires_for_build_wheel(config_settings), *needed]
