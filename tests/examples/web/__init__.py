"""Tests of examples/web_events_logger, which is found beside the other examples."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "examples"))
