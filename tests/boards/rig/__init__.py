"""The rig for boards: lines, boards and their emulators as objects, each a process that is ended by its id."""

from tests.boards.rig.avr_board import AvrBoard
from tests.boards.rig.board import Board, socket_url, tty_url
from tests.boards.rig.cortex_board import CortexBoard
from tests.boards.rig.line import QUIET, Counts, SerialLine
from tests.boards.rig.micropython_board import MicroPythonBoard
from tests.boards.rig.native_board import NativeBoard
from tests.boards.rig.noise import Mangler, Noise
from tests.boards.rig.program import ROOT, Program, ProgramFailed, within
from tests.boards.rig.sketch import compile_sketch
from tests.boards.rig.splice import Splice
from tests.boards.rig.workshop import BuildFailed, Workshop

__all__ = [
    "QUIET",
    "ROOT",
    "AvrBoard",
    "Board",
    "BuildFailed",
    "CortexBoard",
    "Counts",
    "Mangler",
    "MicroPythonBoard",
    "NativeBoard",
    "Noise",
    "Program",
    "ProgramFailed",
    "SerialLine",
    "Splice",
    "Workshop",
    "compile_sketch",
    "socket_url",
    "tty_url",
    "within",
]
