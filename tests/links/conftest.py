"""Every test of this folder keeps the order of locks, and calls nobody's code under one."""

from __future__ import annotations

from tests.support.watched_locks import locks_in_order

__all__ = ["locks_in_order"]
