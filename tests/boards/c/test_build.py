"""The client compiles without a warning wherever it is meant to, fits its budget, and stands a short fuzz."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.boards.c.library import FULL, SOURCE, SOURCES, WARNINGS
from tests.support import ROOT, within
from tests.support.quick import first_quick
from tests.support.rig import Workshop, tools

FUZZ = ROOT / "boards/c/fuzz"
FIRMWARE = ROOT / "boards/c/firmware"
OPTIONS = {"core": (), "full": FULL, "requests": FULL[:1], "parts": FULL[1:], "no counters": ("-DSIGB_COUNTERS=0",)}
COMPILERS = {
    "gcc": ["gcc", "-Wshadow"],
    "clang": ["clang"],
    "avr-gcc": ["avr-gcc", "-mmcu=atmega328p"],
    "arm-none-eabi-gcc": ["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb"],
}
BUDGETS = {"avr": (6784, 544), "avr-full": (8192, 704)}  # bytes of flash, and of RAM without the stack
LINK = ("sigb_packet.c", "sigb_slots.c", "sigb_session.c", "sigb_link.c")


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"missing: {program} (make boards-setup)")


@pytest.mark.parametrize("options", first_quick(OPTIONS, 2))
@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_warnings(compiler: str, options: str, tmp_path: Path) -> None:
    need(compiler)
    for optimized in ("-Os", "-O2"):
        for source in SOURCES:
            command = [
                *COMPILERS[compiler],
                optimized,
                *WARNINGS,
                *OPTIONS[options],
                "-c",
                source,
                "-o",
                tmp_path / "o",
            ]
            run = subprocess.run(command, capture_output=True, text=True, timeout=within(60), check=False)
            assert (run.returncode, run.stderr) == (0, ""), source.name


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_headers_in_cpp(compiler: str, standard: str, tmp_path: Path) -> None:
    need(compiler)
    program = tmp_path / "use.cpp"
    headers = [path.name for path in SOURCE.glob("sigb*.h") if path.name != "sigb_inside.h"]
    program.write_text(
        "".join(f'#include "{name}"\n' for name in headers)
        + "SIGB_STATIC_MEMORY(memory, 2, 48, 1, 100);\n"
        + "static const sigb_app app = {NULL, NULL, 0, NULL, 0, NULL, 0, NULL};\n"
        + "int main() { static sigb board; sigb_io io = {NULL, NULL, NULL, NULL};\n"
        + "    return sigb_init(&board, &app, &io, &memory) == SIGB_OK; }\n"
    )
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
    command = [compiler, f"-std={standard}", *warnings, *FULL, f"-I{SOURCE}", "-c", program, "-o", tmp_path / "o"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=within(60), check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_only_its_own_names(workshop: Workshop) -> None:
    if absent := tools.missing(tools.NATIVE):
        pytest.skip(absent)
    need("nm")
    for source in SOURCES:
        compiled = workshop.build(source.name + ".names.o", ["cc", "-std=c99", *FULL, "-c", source])
        names = subprocess.run(["nm", compiled], capture_output=True, text=True, timeout=within(30), check=True).stdout
        defined = re.findall(r" [A-TV-Z] (\w+)", names)
        wanted = set(re.findall(r" U (\w+)", names)) - {"_GLOBAL_OFFSET_TABLE_"}
        assert all(name.startswith("sigb_") for name in defined), source.name
        assert {name for name in wanted if not name.startswith("sigb_")} <= {"memcpy", "memset", "memcmp", "strlen"}


@pytest.mark.avr
@pytest.mark.parametrize("target", BUDGETS)
def test_size(workshop: Workshop, target: str) -> None:
    need("avr-gcc")
    need("avr-size")
    firmware = workshop.firmware(target)
    words = subprocess.run(
        ["avr-size", firmware], capture_output=True, text=True, timeout=within(30), check=True
    ).stdout
    text, data, bss = map(int, words.splitlines()[1].split()[:3])
    flash, memory = BUDGETS[target]
    assert text + data <= flash
    assert data + bss <= memory


def test_short_fuzz(tmp_path: Path) -> None:
    if absent := tools.missing(tools.NATIVE):
        pytest.skip(absent)
    assert "fuzz: 200000 frames" in make("fuzz", tmp_path, "FRAMES=200000", "SEED=7")


def test_a_fuzz_reaches_every_line_of_the_link(tmp_path: Path) -> None:
    if absent := tools.missing(tools.NATIVE):
        pytest.skip(absent)
    need("gcov")
    said = make("coverage", tmp_path, "FRAMES=200000")
    assert "fuzz: 200000 frames" in said
    assert [line for line in said.splitlines() if line.startswith(tuple(f"../src/{name}:" for name in LINK))] == []


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    if absent := tools.missing(tools.NATIVE):
        pytest.skip(absent)
    need("gcov")
    # Without sanitizers: with them, memory that was never set is the same each time.
    runs = [make("coverage", tmp_path, "FRAMES=200000").splitlines() for _ in range(6)]
    assert len({line for run in runs for line in run if line.startswith("fuzz:")}) == 1


def make(target: str, build: Path, *variables: str) -> str:
    command = ["make", "-C", FUZZ, target, f"BUILD={build}", *variables]
    run = subprocess.run(command, capture_output=True, text=True, timeout=within(100), check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
