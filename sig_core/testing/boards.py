"""The checks that every board passes."""

from __future__ import annotations

from sig_core.testing.board_messages import MessageChecks
from sig_core.testing.board_noise import NoiseChecks
from sig_core.testing.board_order import OrderChecks
from sig_core.testing.board_servers import ServerChecks
from sig_core.testing.board_sessions import SessionChecks

__all__ = ["BoardConformance"]


class BoardConformance(SessionChecks, OrderChecks, NoiseChecks, MessageChecks, ServerChecks):
    """Inherit it, and say where the board is:

        class TestMyBoard(BoardConformance):
            url = "serial:///dev/ttyACM0?baud=115200"

    Each method is one rule (docs/conformance.md lists them). What a board does not do, by what it says of itself, is
    skipped with a reason. Override `start` or `calling` where it is a process or an emulator, `reset` where it has a
    button that a program can press; `echo`, `fires` and `acts` let more be checked.
    """
