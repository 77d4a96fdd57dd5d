"""Every parser that a peer, or a file, can reach: what runs with the bytes of a fuzzer, and valid ones to begin with.

A target raises if something is wrong: whatever its parser raises beyond what it may, a table that has grown beyond its
limit, an end that is not told, or something that is left after it.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz import access, lines, peers, texts

__all__ = ["SEEDS", "TARGETS"]

SEEDS: dict[str, list[bytes]] = {**peers.SEEDS, **lines.SEEDS, **texts.SEEDS, **access.SEEDS}

TARGETS: dict[str, Callable[[bytes], None]] = {
    name: getattr(module, name) for module in (peers, lines, texts, access) for name in module.SEEDS
}
