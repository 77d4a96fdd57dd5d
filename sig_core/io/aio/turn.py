"""How long pysig keeps the loop at one time."""

from __future__ import annotations

from typing import Final

__all__ = ["TURN"]

TURN: Final = 0.005  # seconds after which others on the loop have their turn, though more is there to be done
