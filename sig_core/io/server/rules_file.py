"""Reads the rules of a server from their file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from sig_core.access.rules import Rules
from sig_core.errors import ConfigError
from sig_core.log import log

__all__ = ["RulesSource", "load_rules", "signature_of"]

RulesSource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Rules"
"""A file, the tables that would be in it, or rules that are parsed already."""


def load_rules(given: RulesSource) -> Rules:
    """Return rules, and log what in them is hardly meant.

    Raises:
        RulesError: they can't be meant; names all that is wrong.
        ConfigError: the file can't be read.
    """
    if isinstance(given, Rules):
        return given
    rules = Rules.parse(given) if isinstance(given, Mapping) else _read(Path(given))
    for warning in rules.warnings:
        log.warning(warning)
    return rules


def signature_of(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """Return what differs after a change of a file; None: it can't be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def _read(path: Path) -> Rules:
    try:
        text = path.read_bytes().decode()
        mode = stat.S_IMODE(path.stat().st_mode)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"rules {path}: can't read them: {why}") from error
    rules = Rules.parse(text, str(path))
    if mode & 0o022:
        log.warning(f"{path}: others may change these rules (mode {mode:o}): chmod 640 {path}")
    elif mode & 0o004 and any(who.kind == "token" for who in rules.who):
        log.warning(
            f"{path}: every user of this machine may read its digests of tokens (mode {mode:o}): chmod 640 {path}"
        )
    return rules
