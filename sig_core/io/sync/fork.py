"""After a fork: threads do not exist in the child, and the links are the parent's; the child lets go without a word."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["close_in_child"]


class Forked(Protocol):
    """Something with links."""

    def after_fork(self) -> None:
        """Let go of descriptors, send nothing, refuse from now on. Called in the child."""


_living: weakref.WeakSet[Forked] = weakref.WeakSet()


def close_in_child(router: Forked) -> None:
    """Have `router.after_fork()` called in every forked child."""
    _living.add(router)


def _forked() -> None:
    for router in list(_living):
        router.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
