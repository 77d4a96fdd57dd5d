"""The rig for boards: lines, boards and their emulators as objects, each a process that is ended by its id."""

from tests.support.rig.avr_board import AvrBoard
from tests.support.rig.board import Board, socket_url, tty_url
from tests.support.rig.cortex_board import CortexBoard
from tests.support.rig.line import QUIET, Counts, SerialLine
from tests.support.rig.micropython_board import MicroPythonBoard
from tests.support.rig.native_board import NativeBoard
from tests.support.rig.noise import Mangler, Noise
from tests.support.rig.program import Program, ProgramFailed
from tests.support.rig.sketch import compile_sketch
from tests.support.rig.splice import Splice
from tests.support.rig.workshop import BuildFailed, Workshop

__all__ = [
    "QUIET",
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
]
