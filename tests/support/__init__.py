"""What tests of more than one folder share; here by name what most of them use, the rest in files of its own."""

from __future__ import annotations

from pathlib import Path

from sig_core.testing import eventually, within
from tests.support.left_behind import descriptors, nothing_left_behind, sig_threads

__all__ = ["ROOT", "descriptors", "eventually", "nothing_left_behind", "sig_threads", "within"]

ROOT = Path(__file__).parents[2]  # of the checkout
