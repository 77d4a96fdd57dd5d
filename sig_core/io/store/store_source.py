"""Where a server keeps events for durable listeners, as a user says it."""

from __future__ import annotations

import os
from typing import TypeAlias

from sig_core.store.contract import Store

__all__ = ["StoreSource", "store_of"]

StoreSource: TypeAlias = "str | os.PathLike[str] | Store"
"""A file, or what keeps them."""


def store_of(given: StoreSource) -> Store:
    """Return the store that a user means; it is not opened yet."""
    if not isinstance(given, str | os.PathLike):
        return given
    from sig_core.io.store.sqlite_store import SqliteStore  # who has no store needs none of it

    return SqliteStore(os.fspath(given))
