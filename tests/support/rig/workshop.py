"""What the boards run, compiled once a session."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support import ROOT, within

__all__ = ["BuildFailed", "Workshop"]

EMULATOR = ROOT / "boards/emulators/avr.c"
FIRMWARE = ROOT / "boards/c/firmware"
SUFFIX = {"avr": ".elf", "avr-full": ".elf", "cortex": ".elf"}  # of what its Makefile makes


class BuildFailed(AssertionError):
    """A compiler refused what it was given; has its words."""


class Workshop:
    """Compiles into one folder; what was compiled once with the same arguments is not compiled again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[tuple[str, ...], Path] = {}

    def emulator(self) -> Path:
        """Build the emulator of the ATmega328P."""
        warnings = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
        return self.build("avr", ["cc", "-std=c99", "-O2", *warnings, EMULATOR], ["-lsimavr", "-lelf", "-lutil"])

    def firmware(self, target: str, **defines: int | str) -> Path:
        """Build the test board.

        Args:
            target: native, native-asan, avr, avr-full or cortex: see boards/c/firmware/Makefile.
            defines: what it is compiled with, such as MTU=32, NAME="uno1".

        Raises:
            BuildFailed: a compiler refused.
        """
        words = [_define(name, value) for name, value in defines.items()]
        key = (target, *words)
        if key not in self._made:
            folder = self.folder / f"{len(self._made)}-{target}"
            self._run(["make", "-C", str(FIRMWARE), target, f"BUILD={folder}", f"DEFINES={' '.join(words)}"])
            self._made[key] = folder / (target + SUFFIX.get(target, ""))
        return self._made[key]

    def build(self, name: str, command: Iterable[str | Path], libraries: Iterable[str] = ()) -> Path:
        """Run a compiler, which is told the output's name, and return its path.

        Raises:
            BuildFailed: it refused.
        """
        words = tuple(str(word) for word in command)
        key = (name, *words, *libraries)
        if key not in self._made:
            output = self.folder / f"{len(self._made)}-{name}"
            self._run([*words, "-o", str(output), *libraries])
            self._made[key] = output
        return self._made[key]

    def _run(self, command: list[str]) -> None:
        run = subprocess.run(command, capture_output=True, text=True, timeout=within(120), check=False)
        if run.returncode:
            raise BuildFailed(f"{' '.join(command)}\n{run.stdout}{run.stderr}")


def _define(name: str, value: int | str) -> str:
    return f"-D{name}='\"{value}\"'" if isinstance(value, str) else f"-D{name}={value}"
