"""Tests of examples/web_events_logger, which is found beside the other examples."""

import sys

from tests.support import ROOT

sys.path.insert(0, str(ROOT / "examples"))
