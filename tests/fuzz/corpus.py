"""The inputs that a fuzzer found, each of which reaches something that the others do not: one in base64 a line."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.targets import SEEDS

__all__ = ["inputs_of", "keep"]

FOLDER = Path(__file__).with_name("corpus")
MOST = 100  # inputs of one target
LONGEST = 300  # bytes of one of them


def inputs_of(target: str) -> list[bytes]:
    """Return what a target begins with: valid bytes, and what was found."""
    file = FOLDER / f"{target}.txt"
    found = file.read_text(encoding="ascii").split() if file.exists() else []
    return [*SEEDS[target], *map(b64decode, found)]


def keep(target: str, found: Iterable[bytes]) -> int:
    """Keep the shortest of these; return how many."""
    short = {each for each in found if len(each) <= LONGEST} - set(SEEDS[target])
    some = sorted(short, key=lambda each: (len(each), each))
    FOLDER.mkdir(exist_ok=True)
    lines = [b64encode(each).decode() + "\n" for each in some[:MOST]]
    (FOLDER / f"{target}.txt").write_text("".join(lines), encoding="ascii")
    return len(lines)
