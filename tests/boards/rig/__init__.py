"""The rig for boards: lines, boards and their emulators as objects, each a process that is ended by its id."""

from .avr_board import AvrBoard
from .board import Board, socket_url, tty_url
from .cortex_board import CortexBoard
from .line import QUIET, Counts, SerialLine
from .micropython_board import MicroPythonBoard
from .native_board import NativeBoard
from .noise import Mangler, Noise
from .program import ROOT, Program, ProgramFailed, within
from .sketch import compile_sketch
from .splice import Splice
from .workshop import BuildFailed, Workshop

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
