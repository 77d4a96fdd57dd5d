"""Sound boards pass the kit: one of this process, the C client on a pty, MicroPython."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from sig_core.testing import BoardConformance
from tests.support.rig import Board, MicroPythonBoard, NativeBoard, Workshop, tools
from tests.testing.reference_board import ReferenceBoard
from tests.testing.running_board import RunningBoard


class TestReference(BoardConformance):
    url = "tcp://127.0.0.1:0"
    echo, fires, acts = "echo", ("burst", 3), True
    running: RunningBoard

    @contextmanager
    def calling(self, address: str) -> Iterator[None]:
        with RunningBoard(ReferenceBoard(), address) as self.running:
            yield

    def reset(self) -> None:
        self.running.reset()


class OneProcess(BoardConformance):
    """A board that is a process, and lives through all checks."""

    echo, fires, acts = "echo", ("burst", 3), True
    board: ClassVar[Board]

    @contextmanager
    def start(self) -> Iterator[str]:
        yield self.board.port

    def reset(self) -> None:
        self.board.reset()


@pytest.mark.serial
@pytest.mark.slow
class TestC(OneProcess):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def run_it(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        """Compile and run it."""
        if absent := tools.missing(tools.NATIVE):
            pytest.skip(absent)
        with NativeBoard(Workshop(tmp_path_factory.mktemp("firmware")).firmware("native-asan")) as cls.board:
            yield


@pytest.mark.micropython
class TestMicroPython(OneProcess):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def run_it(cls) -> Iterator[None]:
        """Run it, where node and its package are there."""
        if absent := tools.missing(tools.MICROPYTHON):
            pytest.skip(absent)
        with MicroPythonBoard() as cls.board:
            yield
