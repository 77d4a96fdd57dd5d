"""docs/boards.md says what is so: its sketches, its program, its figures."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sig_core as sig
from tests.support import ROOT, eventually, within
from tests.support.rig import AvrBoard, Program, Workshop, compile_sketch, tools, tty_url

GUIDE = (ROOT / "docs/boards.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(GUIDE)
PORT = "serial:///dev/ttyACM0?baud=115200"
EXAMPLES = ROOT / "boards/c/examples"
LIBRARY = ROOT / "boards/c/src"


def test_sketches_are_those_of_the_library() -> None:
    sketches = [code for language, code in BLOCKS if language == "cpp"]
    assert sketches == [(EXAMPLES / name / f"{name}.ino").read_text() for name in ("Thermometer", "Led")]


def test_the_sketch_of_the_readme(avr: Callable[..., AvrBoard], workshop: Workshop) -> None:
    tools.need(tools.ARDUINO)
    (sketch,) = [code for language, code in BLOCK.findall((ROOT / "README.md").read_text()) if language == "cpp"]
    (workshop.folder / "readme.ino").write_text(sketch)
    board = avr(compile_sketch(workshop, workshop.folder / "readme.ino"))
    heard: list[int] = []
    with sig.ServerRouter(board.port) as server:
        server.add_listener(lambda info, data: heard.append(data), "thermometer", "#changed")
        eventually(lambda: len(heard) > 5, 20)
    assert all(0 <= value < 1024 for value in heard)


@pytest.fixture
def thermometer(workshop: Workshop) -> Path:
    """The example in C, which fires as the sketch does."""
    tools.need(tools.NATIVE)
    source = ROOT / "examples/boards/c"
    changed = workshop.folder / "thermometer.c"
    changed.write_text(SKETCH_AS_C)
    sources = [changed, source / "port_posix.c", *sorted(LIBRARY.glob("*.c"))]
    return workshop.build("thermometer", ["cc", "-std=c99", f"-I{LIBRARY}", f"-I{source}", *sources])


SKETCH_AS_C = """
#include "port.h"
#include "sigb.h"
static sigb board;
static const char *const events[] = {"#changed"};
static const sigb_app app = {"thermometer", events, 1, NULL, 0, NULL, 0, NULL};
SIGB_STATIC_MEMORY(memory, 2, 48, 1, 48);
int main(int count, char **words)
{
    sigb_writer out;
    unsigned round = 0;
    sigb_init(&board, &app, port_open(count, words), &memory);
    while (port_wait(20)) {
        sigb_poll(&board);
        if (++round % 25 || sigb_open_event(&board, 0, &out) != SIGB_OK)
            continue; /* twice a second: the program has ended before the fourth */
        sigb_write_map(&out, 1);
        sigb_write_text(&out, "celsius");
        sigb_write_float(&out, port_celsius());
        sigb_close(&board, &out);
    }
    return 0;
}
"""


@pytest.mark.serial
def test_the_program(thermometer: Path) -> None:
    ((_, code), (_, output)) = [block for block in BLOCKS if block[0] in ("py", "text")]
    assert PORT in code
    with Program([thermometer], limit=60) as board:
        code = code.replace(PORT, tty_url(board.line(), 115200))
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            timeout=within(30),
            check=False,
        )
    assert run.stderr == ""
    assert run.stdout == output


@pytest.mark.serial
@pytest.mark.parametrize("name", ["thermometer", "led"])
def test_examples_in_c(name: str, workshop: Workshop) -> None:
    tools.need(tools.NATIVE)
    folder = ROOT / "examples/boards/c"
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
    sources = [folder / f"{name}.c", folder / "port_posix.c", *sorted(LIBRARY.glob("*.c"))]
    workshop.build(name, ["cc", "-std=c99", *warnings, f"-I{LIBRARY}", *sources])


ROW = re.compile(r"^\| [a-z][^|]* \| (\d+) \| (\d+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)


@pytest.mark.avr
def test_the_memory_table(workshop: Workshop) -> None:
    tools.need(tools.AVR)
    rows = [[int(cell.replace(",", "")) for cell in row] for row in ROW.findall(GUIDE)]
    assert len(rows) == 5
    measured = [_size(workshop, "avr" if row is not rows[-1] else "avr-full", row[0], row[1]) for row in rows]
    for row, (flash, ram) in zip(rows, measured, strict=True):
        assert flash == pytest.approx(row[2], rel=0.02)  # another compiler, another byte
        assert ram == pytest.approx(row[3], rel=0.02)


def _size(workshop: Workshop, target: str, slots: int, mtu: int) -> tuple[int, int]:
    firmware = workshop.firmware(target, SLOTS=slots, MTU=mtu)
    said = subprocess.run(["avr-size", firmware], capture_output=True, text=True, check=True).stdout
    text, data, bss = map(int, said.splitlines()[1].split()[:3])
    return text + data, data + bss


