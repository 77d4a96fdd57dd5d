"""What authors test with: the rules for carriers, codecs and boards as checks to inherit.

It needs neither pytest nor any plug-in: the checks are methods that raise AssertionError, or SkipTest of unittest.
"""

from sig_core.testing.boards import BoardConformance
from sig_core.testing.carriers import CarrierConformance
from sig_core.testing.checks import KIT, Result, Rule, check, rules, run
from sig_core.testing.clock import FakeClock
from sig_core.testing.codecs import CodecConformance
from sig_core.testing.waiting import begin, eventually, soon, within

__all__ = [
    "KIT",
    "BoardConformance",
    "CarrierConformance",
    "CodecConformance",
    "FakeClock",
    "Result",
    "Rule",
    "begin",
    "check",
    "eventually",
    "rules",
    "run",
    "soon",
    "within",
]
