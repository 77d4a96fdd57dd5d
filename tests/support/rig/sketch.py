"""An Arduino sketch for the Uno, compiled as the Arduino IDE would: with its core, and with boards/c as a library."""

from __future__ import annotations

from pathlib import Path

from tests.support import ROOT
from tests.support.rig.tools import ARDUINO_CORE
from tests.support.rig.workshop import Workshop

__all__ = ["compile_sketch"]

LIBRARY = ROOT / "boards/c/src"
CORE, PINS = ARDUINO_CORE / "cores/arduino", ARDUINO_CORE / "variants/standard"
C = ["avr-gcc", "-std=gnu11"]
CPP = ["avr-g++", "-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics"]
COMMON = ["-mmcu=atmega328p", "-DF_CPU=16000000UL", "-Os", "-flto", "-ffunction-sections", "-fdata-sections"]
HEADERS = [f"-I{CORE}", f"-I{PINS}"]  # not -isystem: this compiler takes what is found there for C
BOARD = ["-DARDUINO=10819", "-DARDUINO_AVR_UNO", "-DARDUINO_ARCH_AVR"]
DEBIAN = ["-DDECIMAL_DIG=__DECIMAL_DIG__"]  # its compiler does not define that for C++, and WString.cpp asks for it


def compile_sketch(workshop: Workshop, sketch: Path, *flags: str) -> Path:
    """Return the firmware of a .ino file. Warnings are errors in the library and the sketch, nothing in the core."""
    core = [_object(workshop, source, "-w") for source in sorted(CORE.iterdir())]
    strict = ["-Wall", "-Wextra", "-Werror", f"-I{LIBRARY}", *flags]
    ours = [_object(workshop, source, *strict) for source in [*sorted(LIBRARY.rglob("*")), sketch]]
    objects = [path for path in [*ours, *core] if path is not None]
    return workshop.build(f"{sketch.stem}.elf", ["avr-gcc", *COMMON, "-Wl,--gc-sections", *objects], ["-lm"])


def _object(workshop: Workshop, source: Path, *flags: str) -> Path | None:
    """Compile one file; None if it is not to be compiled."""
    language = {
        ".c": C,
        ".S": ["avr-gcc", "-x", "assembler-with-cpp"],
        ".cpp": [*CPP, *DEBIAN],
        ".ino": [*CPP, "-x", "c++", "-include", "Arduino.h"],
    }.get(source.suffix)
    if language is None:
        return None
    return workshop.build(source.name + ".o", [*language, *COMMON, *BOARD, *flags, *HEADERS, "-c", source])
