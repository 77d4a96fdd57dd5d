"""What is known of a plug-in without importing it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["PluginInfo", "info_of", "missing_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Where a name comes from, and whether it can work.

    Attributes:
        kind: "carrier", "codec", "wrapper" or "hook".
        name: that it is offered under.
        distribution, version: that offer it; "" for what was registered in process.
        target: what the entry point names.
        state: "installed", "missing" (an extra that it needs is not installed), "broken" (its module is not there) or
            "clash" (another distribution offers the same name). Code that fails when imported is not found in this way.
        problem: what is wrong and what to do; "" if nothing is known to be.
    """

    kind: str
    name: str
    distribution: str
    version: str
    target: str
    state: str = "installed"
    problem: str = ""


def info_of(kind: str, point: EntryPoint, rivals: Sequence[EntryPoint]) -> PluginInfo:
    """Describe an entry point; `rivals`: all that offer its name, itself too."""
    state, problem = _state(point, rivals)
    name, version = _origin(point.dist)
    return PluginInfo(kind, point.name, name, version, point.value, state, problem)


def _state(point: EntryPoint, rivals: Sequence[EntryPoint]) -> tuple[str, str]:
    if len(rivals) > 1:
        names = " and ".join(sorted(" ".join(_origin(rival.dist)) for rival in rivals))
        return "clash", f"offered by {names}: uninstall one of them"
    absent = missing_of(point)
    if absent:
        return "missing", absent
    if not _is_there(point.module.split(".")[0]):
        who = _origin(point.dist)[0]
        return "broken", f"module {point.module!r} is not there: install {who} again, or uninstall it"
    return "installed", ""


def missing_of(point: EntryPoint) -> str:
    """Return which extras of its distribution an entry point needs and what of them is not installed; "" if all is."""
    for extra in point.extras:
        absent = [name for name in _requirements(point.dist, extra) if not _is_installed(name)]
        if absent:
            install = f'pip install "{_origin(point.dist)[0]}[{extra}]"'
            return f"{', '.join(absent)} is not installed: {install}"
    return ""


def _requirements(dist: Distribution | None, extra: str) -> list[str]:
    """Return the names of the distributions that an extra asks for."""
    found = []
    for line in (dist.requires if dist is not None else None) or ():
        requirement, _, marker = line.partition(";")
        name = _NAME.match(requirement)
        if name is not None and re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", marker):
            found.append(name[0])
    return found


def _is_installed(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _origin(dist: Distribution | None) -> tuple[str, str]:
    return (dist.name, dist.version) if dist is not None else ("?", "?")
