"""What a forked child sees."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["in_child", "sockets"]


def sockets() -> set[str]:
    """Give the sockets of this process, as the system calls them."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:  # the descriptor that listed the folder
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def in_child(check: object) -> int:
    """Fork, and give the number that `check` gives in the child."""
    assert callable(check)
    child = os.fork()
    if child == 0:
        code = 255
        try:
            code = min(int(check()), 254)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
