"""After a fork: the child has none of the threads, and the links are its parent's; it drops them and sends nothing."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["close_in_child"]


class ForkAware(Protocol):
    """An object with links, such as a router."""

    def after_fork(self) -> None:
        """Close descriptors, send nothing, refuse every call from now on. Called in the child."""


_living: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def close_in_child(router: ForkAware) -> None:
    """Have `router.after_fork()` called in every forked child, as long as somebody else refers to the router."""
    _living.add(router)


def _close_all() -> None:
    for router in list(_living):
        router.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
