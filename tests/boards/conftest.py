"""Fixtures of the rig. A test that uses a kind of board has its marker, and is skipped where its tools are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.rig import AvrBoard, CortexBoard, MicroPythonBoard, NativeBoard, SerialLine, Workshop, tools

MARKERS = {  # fixture: marker
    "lines": "serial",
    "native": "serial",
    "avr": "avr",
    "cortex": "qemu",
    "micropython": "micropython",
}


def pytest_itemcollected(item: pytest.Item) -> None:
    for fixture, marker in MARKERS.items():
        if fixture in getattr(item, "fixturenames", ()):
            item.add_marker(marker)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where firmware is compiled, once a session."""
    return Workshop(tmp_path_factory.mktemp("firmware"))


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def lines(running: ExitStack) -> Callable[..., SerialLine]:
    """Make lines: the arguments are those of `SerialLine`."""
    return lambda *arguments, **how: running.enter_context(SerialLine(*arguments, **how))


@pytest.fixture
def native(running: ExitStack, workshop: Workshop) -> Callable[..., NativeBoard]:
    """Start boards as processes of this machine: the arguments are those of `NativeBoard`."""
    tools.need(tools.NATIVE)
    return lambda *arguments, **how: running.enter_context(NativeBoard(*arguments, **how))


@pytest.fixture
def avr(running: ExitStack, workshop: Workshop) -> Callable[..., AvrBoard]:
    """Start emulated Unos: the arguments are those of `AvrBoard` after the runner."""
    tools.need(tools.AVR)

    def start(firmware: Path, **how: Any) -> AvrBoard:
        return running.enter_context(AvrBoard(workshop.emulator(), firmware, **how))

    return start


@pytest.fixture
def cortex(running: ExitStack) -> Callable[..., CortexBoard]:
    """Start emulated Cortex-M3s: the arguments are those of `CortexBoard`."""
    tools.need(tools.CORTEX)
    return lambda *arguments, **how: running.enter_context(CortexBoard(*arguments, **how))


@pytest.fixture
def micropython(running: ExitStack) -> Callable[..., MicroPythonBoard]:
    """Start boards with MicroPython: the arguments are those of `MicroPythonBoard`."""
    tools.need(tools.MICROPYTHON)
    return lambda **how: running.enter_context(MicroPythonBoard(**how))
