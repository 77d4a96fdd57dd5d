"""What of a tool chain is missing on this machine; tests that need it are skipped, and say what."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

__all__ = ["ARDUINO", "ARDUINO_CORE", "AVR", "CORTEX", "CPP", "MICROPYTHON", "NATIVE", "Need", "missing", "need"]

ARDUINO_CORE = Path("/usr/share/arduino/hardware/arduino/avr")
MICROPYTHON_PACKAGE = ROOT / ".boards/node_modules/@micropython/micropython-webassembly-pyscript"


@dataclass(frozen=True)
class Need:
    """Something that a test can't do without."""

    what: str
    there: Callable[[], bool]


def _program(name: str) -> Need:
    return Need(name, lambda: shutil.which(name) is not None)


def _header(compiler: str, name: str, *flags: str) -> Need:
    command = [compiler, *flags, "-E", "-x", "c", "-include", name, os.devnull]

    def there() -> bool:
        if shutil.which(compiler) is None:
            return False
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    return Need(name, there)


NATIVE = (_program("cc"), _program("make"))
CPP = (_program("g++"),)
EMULATOR = (*NATIVE, _header("cc", "simavr/sim_avr.h"), _header("cc", "libelf.h"))
AVR = (*EMULATOR, _program("avr-gcc"), _header("avr-gcc", "avr/io.h", "-mmcu=atmega328p"))
ARDUINO = (*AVR, _program("avr-g++"), Need(str(ARDUINO_CORE), ARDUINO_CORE.is_dir))
CORTEX = (
    _program("make"),
    _program("qemu-system-arm"),
    _program("arm-none-eabi-gcc"),
    _header("arm-none-eabi-gcc", "string.h", "--specs=nano.specs"),
)
MICROPYTHON = (_program("node"), Need("MicroPython of npm", MICROPYTHON_PACKAGE.is_dir))


def need(needs: Iterable[Need]) -> None:
    """Skip the test where one is missing."""
    if absent := missing(needs):
        pytest.skip(absent)


def missing(needs: Iterable[Need]) -> str:
    """Say what is missing and how to get it; "" if nothing is."""
    absent = [need.what for need in needs if not _there(need)]
    return f"missing: {', '.join(absent)} (make boards-setup)" if absent else ""


@cache
def _there(need: Need) -> bool:
    return need.there()
