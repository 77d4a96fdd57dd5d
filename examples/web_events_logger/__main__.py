"""So that `python examples/web_events_logger` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from web_events_logger.command import main

if __name__ == "__main__":
    sys.exit(main())
