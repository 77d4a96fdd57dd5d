"""A process of its own that makes the same plug-in: for what is killed, or may crash."""

from __future__ import annotations

import os
import sys

__all__ = ["Unnamed", "child"]

MAKE = """
import sys
sys.path[:] = sys.argv[3].split({separator!r})
from importlib import import_module
found = import_module(sys.argv[1])
for name in sys.argv[2].split("."):
    found = getattr(found, name)
"""


class Unnamed(Exception):
    """The plug-in's class can't be imported by another process."""


def child(made: object, program: str, *args: str) -> list[str]:
    """Give the command of a process in which `found` is the class of a plug-in, and sys.argv[4:] are `args`.

    Raises:
        Unnamed: it can't be imported there, because it is written inside a function or in the program itself.
    """
    kind = type(made)
    if "<" in kind.__qualname__ or kind.__module__ == "__main__":
        raise Unnamed(f"{kind.__qualname__} can't be imported by another process: write it at the top of a module")
    make = MAKE.format(separator=os.pathsep)
    return [sys.executable, "-c", make + program, kind.__module__, kind.__qualname__, os.pathsep.join(sys.path), *args]
