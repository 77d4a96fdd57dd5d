"""A process of its own that makes the same plug-in: for what is killed, or may crash."""

from __future__ import annotations

import os
import pickle
import sys

__all__ = ["Unnamed", "child"]

MAKE = """
import sys
sys.path[:] = sys.argv[2].split({separator!r})
import pickle
found = pickle.loads(bytes.fromhex(sys.argv[1]))
found = found() if isinstance(found, type) else found
"""


class Unnamed(Exception):
    """The plug-in's class can't be imported by another process."""


def child(made: object, program: str, *args: str) -> list[str]:
    """Return the command of a process in which `found` is the plug-in, and sys.argv[3:] are `args`.

    It is a copy of `made`; where that can't be copied, another one of its class, made without arguments.

    Raises:
        Unnamed: it can't be imported there, because it is written inside a function or in the program itself.
    """
    make = MAKE.format(separator=os.pathsep)
    return [sys.executable, "-c", make + program, _pickled(made).hex(), os.pathsep.join(sys.path), *args]


def _pickled(made: object) -> bytes:
    kind = type(made)
    try:
        by_name = pickle.dumps(kind)
    except (pickle.PicklingError, AttributeError):
        by_name = b""
    if not by_name or kind.__module__ == "__main__":
        raise Unnamed(f"{kind.__qualname__} can't be imported by another process: write it at the top of a module")
    try:
        return pickle.dumps(made)
    except Exception:  # whatever its parts raise that can't be copied
        return by_name
