"""What the kit found of a plug-in or board, as a file that it is published with: `sig-conformance.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from sig_core.plugins import PluginInfo
from sig_core.testing.checks import KIT, Result

__all__ = ["FILE", "Report", "find", "report_of", "write"]

FILE = "sig-conformance.json"


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one plug-in.

    Attributes:
        kind, name: "carrier", "codec" or "board", and what it is called; a board as its sender is.
        distribution, version: that offer it; "" of a board.
        kit: version of the rules.
        date: of the run, in UTC, as 2024-02-29.
        passed: how many checks did.
        failed, skipped: the checks that did not, each with its reason.
    """

    kind: str
    name: str
    distribution: str
    version: str
    kit: str
    date: str
    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it in a few words."""
        counts = f"{self.passed} passed" + (f", {len(self.failed)} failed" if self.failed else "")
        return f"{counts} (kit {self.kit}, {self.date}{self.version and f', version {self.version}'})"


def report_of(info: PluginInfo, results: Iterable[Result]) -> Report:
    """Sum up what was found of a plug-in today."""
    outcomes = list(results)
    reasons = {
        outcome: {each.rule.method: each.reason for each in outcomes if each.outcome == outcome}
        for outcome in ("failed", "skipped")
    }
    passed = sum(each.outcome == "passed" for each in outcomes)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    who = (info.kind, info.name, info.distribution, info.version)
    return Report(*who, KIT, today, passed, reasons["failed"], reasons["skipped"])


def write(path: Path, reports: Iterable[Report]) -> None:
    """Write the file."""
    text = json.dumps({"plugins": [asdict(report) for report in reports]}, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def find(info: PluginInfo) -> Report | None:
    """Return the report that a plug-in was published with; None: there is none that can be read.

    It is looked for among the files of its distribution, then beside its module. Nothing of the plug-in is imported.
    """
    for path in _places(info):
        for report in _read(path):
            if (report.kind, report.name) == (info.kind, info.name):
                return report
    return None


def _places(info: PluginInfo) -> Iterator[Path]:
    try:
        files = distribution(info.distribution).files if info.distribution else None
    except PackageNotFoundError:
        files = None
    yield from (Path(str(file.locate())) for file in files or () if file.name == FILE)
    yield from (folder / FILE for folder in _folders(info.target.partition(":")[0].split(".")))


def _folders(names: list[str]) -> Iterator[Path]:
    """Return the folders of a module's packages, the innermost first; a module that stands alone has none."""
    from importlib.machinery import PathFinder  # find_spec of a submodule would import its package

    found: list[Path] = []
    search: list[str] | None = sys.path
    for name in names:
        spec = PathFinder.find_spec(name, search)
        if spec is None or spec.submodule_search_locations is None:
            break
        search = list(spec.submodule_search_locations)
        found += map(Path, search)
    return reversed(found)


def _read(path: Path) -> list[Report]:
    """Return the reports of a file; none, if it is not there, or is not one of ours."""
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        return [Report(**each) for each in told["plugins"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []
