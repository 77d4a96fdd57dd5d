"""The emulators start, name their port, carry bytes, can be reset, and end when told."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import eventually, within
from tests.support.rig import AvrBoard, BuildFailed, Program, ProgramFailed, Workshop, tools

# says ! when it begins, then every byte that comes; after a # it hears nothing for 2 ms
ECHO = r"""
#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/delay.h>

static void say(uint8_t byte)
{
    while (!(UCSR0A & _BV(UDRE0)))
        ;
    UDR0 = byte;
}

int main(void)
{
    UCSR0A = _BV(U2X0);
    UBRR0 = 16;
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
    say('!');
    for (;;) {
        uint8_t byte;
        while (!(UCSR0A & _BV(RXC0)))
            ;
        byte = UDR0;
        say(byte);
        if (byte == '#')
            _delay_ms(2);
    }
}
"""


@pytest.fixture
def echo(avr: Callable[..., AvrBoard], workshop: Workshop) -> Path:
    source = workshop.folder / "echo.c"
    source.write_text(ECHO)
    return workshop.build("echo.elf", ["avr-gcc", "-mmcu=atmega328p", "-DF_CPU=16000000UL", "-Os", source])


class Tty:
    """The other side of a board's pty."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def __enter__(self) -> Tty:
        return self

    def __exit__(self, *of: object) -> None:
        os.close(self._descriptor)

    def write(self, data: bytes) -> None:
        os.write(self._descriptor, data)

    def until(self, end: bytes) -> bytes:
        """Read until it says that."""
        data = b""
        while not data.endswith(end):
            ready, _, _ = select.select([self._descriptor], [], [], within(10))
            assert ready, f"it said {data!r}, not {end!r}"
            data += os.read(self._descriptor, 1)
        return data


def test_an_avr_runs_and_is_reset(avr: Callable[..., AvrBoard], echo: Path) -> None:
    board = avr(echo)
    assert board.port == f"serial://{board.tty}?baud=115200"
    with Tty(board.tty) as tty:
        assert tty.until(b"!") == b"!"
        tty.write(bytes(range(1, 33)))
        assert tty.until(b"\x20") == bytes(range(1, 33))
        board.reset()
        assert tty.until(b"!") == b"!"
    board.stop()
    assert board.counts == {"to board": 32, "from board": 34, "overrun": 0, "unread": 0, "swallowed": 0}


def test_avrs_take_turns_at_one_name(avr: Callable[..., AvrBoard], echo: Path, tmp_path: Path) -> None:
    link = tmp_path / "uno"
    for _ in range(2):
        board = avr(echo, link=link)
        assert board.port == f"serial://{link}?baud=115200"
        with Tty(str(link)) as tty:
            tty.until(b"!")
        board.stop()
        assert not link.is_symlink()


@pytest.mark.slow
def test_a_bootloader_swallows_what_comes(avr: Callable[..., AvrBoard], echo: Path) -> None:
    board = avr(echo, bootloader=within(1))  # long enough for this process to write meanwhile
    with Tty(board.tty) as tty:
        tty.write(b"lost")
        assert tty.until(b"!") == b"!"
        tty.write(b"x")
        assert tty.until(b"x") == b"x"
    board.stop()
    assert board.counts["swallowed"] == 4


def test_an_avr_that_does_not_listen_overruns(avr: Callable[..., AvrBoard], echo: Path) -> None:
    board = avr(echo)
    with Tty(board.tty) as tty:
        tty.until(b"!")
        tty.write(b"#123456789" + b"x" * 40)
        heard = tty.until(b"x" * 20)
        assert heard.startswith(b"#123") and b"9" not in heard
    board.stop()
    assert board.counts["overrun"] > 0


def test_an_avr_ends_by_itself_when_its_time_is_over(avr: Callable[..., AvrBoard], echo: Path) -> None:
    board = avr(echo, life=0.2 / within(1))
    eventually(lambda: not board.program.running)
    board.stop()


def test_a_firmware_that_is_none(avr: Callable[..., AvrBoard], tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.elf"
    nothing.touch()
    with pytest.raises(ProgramFailed, match="not an ELF firmware"):
        avr(nothing)


def test_what_does_not_compile(workshop: Workshop, tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text("int main(void) { return nothing; }\n")
    with pytest.raises(BuildFailed, match="nothing"):
        workshop.build("wrong", ["cc", source])


def test_what_is_missing_is_named_with_its_remedy() -> None:
    there, absent = tools.Need("this", lambda: True), tools.Need("that", lambda: False)
    assert tools.missing((there, there)) == ""
    assert tools.missing((there, absent)) == "missing: that (make boards-setup)"


def test_programs_end_when_told() -> None:
    program = Program(["sleep", "60"])
    assert program.running
    program.stop()
    program.stop()
    assert not program.running


def test_a_program_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(ProgramFailed, match=r"status 3(.|\n)*no such thing"):
        with Program(["sh", "-c", "echo no such thing >&2; exit 3"]) as program:
            eventually(lambda: not program.running)


def test_a_program_that_says_nothing() -> None:
    with Program(["sleep", "60"]) as program:
        with pytest.raises(ProgramFailed, match="said nothing"):
            program.line(0.01)


def test_a_program_that_ignores_its_end_is_killed_by_its_guard() -> None:
    program = Program(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], limit=0.1, grace=0.1)
    program.line()
    eventually(lambda: not program.running)
    with pytest.raises(ProgramFailed, match="status"):
        program.stop()
